"""What one event says, without the placeholders that a workflow left in it.

A placeholder in the field of a person or in an id refuses the event: it is the same for everybody, so that two people
would become one. Elsewhere it is dropped with a warning.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import is_
from typing import Any, get_args

from ml.language import consent_words
from tasks.crm.highlevel import field_names
from tasks.crm.highlevel.fields import SINGLE, Field, Owner, is_blank
from tasks.intake import consent, payload
from tasks.intake.errors import EventRefused
from tasks.intake.parsed_event import ParsedEvent
from tasks.intake.values import vocabulary

_REFUSING = frozenset({"refused", "unsubscribed", "doubtful"})
_MISSING = vocabulary.MISSING | vocabulary.NOTHING
#: what is about a person or a thing of theirs
_SOUND: Collection[Owner] = frozenset(get_args(Owner)) - {"other", "unknown"}


@dataclass(frozen=True)
class Body:
    """The fields of one event, sorted by what they are about."""

    fields: Sequence[Field]
    #: (code, place) of each field that was dropped
    warnings: tuple[tuple[str, str], ...] = ()
    #: why the event is refused unless it refuses contact; None where nothing speaks against it
    doubt: EventRefused | None = None
    _by_owner: dict[Owner, list[Field]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _views: dict[Owner, dict[str, Any]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def of(self, *owners: Owner) -> list[Field]:
        """Return the fields that are about one of these."""
        by_owner = self._by_owner
        if not by_owner:
            for one in self.fields:
                by_owner.setdefault(one.owner, []).append(one)
        return [one for owner in owners if owner in by_owner for one in by_owner[owner]]

    def view(self, owner: Owner) -> Mapping[str, Any]:
        """Return the fields that are about one thing, under the names of the webhooks; the outermost counts."""
        found = self._views.get(owner)
        if found is None:
            found = self._views[owner] = _view(self.of(owner), field_names.OF_OWNER.get(owner, {}))
        return found

    def with_fields(self, fields: Sequence[Field]) -> Body:
        """Return it with other fields; itself when they are the same."""
        is_same = len(fields) == len(self.fields) and all(map(is_, fields, self.fields))
        return self if is_same else replace(self, fields=fields)


def _view(fields: Sequence[Field], further: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if not fields:
        return found
    likeliest = [one for one in fields if one.name in field_names.WEBHOOK_NAMES]
    for one in (*likeliest, *(one for one in fields if one.name not in field_names.WEBHOOK_NAMES)):
        name = further.get(one.word) or field_names.WEBHOOK.get(one.word)
        if name and (name not in found or is_blank(found[name])):
            found[name] = one.value
    return found


def sound(body: Body, *, of_person: bool) -> Body:
    """Return what holds no placeholder; `of_person`: the outermost object is about the contact."""
    if not _holds_placeholder([one.value for one in body.fields]):
        return body
    kept: list[Field] = []
    warnings: list[tuple[str, str]] = []
    doubt: EventRefused | None = None
    for one in body.fields:
        value = _clean(one.value, one)
        if value is one.value or value == one.value:
            kept.append(one)
            continue
        if _says_who(one, of_person=of_person):
            doubt = doubt or EventRefused(payload.PLACEHOLDER, one.loc, payload.PLACEHOLDER_HINT)
        elif not is_blank(value):
            kept.append(one._replace(value=value))
        if one.owner != "other":
            warnings.append((payload.PLACEHOLDER, one.loc))
    return Body(kept, tuple(warnings), doubt) if warnings or len(kept) < len(body.fields) else body.with_fields(kept)


def finished(parsed: ParsedEvent, body: Body) -> ParsedEvent:
    """Return an event with the warnings of its body.

    Raises:
        EventRefused: a field of the person holds a placeholder; an event that refuses contact is taken without it.

    """
    if body.doubt is not None and not refuses(parsed):
        raise body.doubt
    return replace(parsed, warnings=(*parsed.warnings, *body.warnings)) if body.warnings else parsed


def refuses(parsed: ParsedEvent) -> bool:
    """Return whether an event closes a channel, or puts one in doubt."""
    lead = parsed.lead
    closed = any(value is True for name, value in lead.consent.items() if name.startswith("dnd_"))
    return closed or any(statement.decision in _REFUSING for statement in lead.statements)


def is_missing(text: str | None) -> bool:
    """Return whether a text is how systems write that there is nothing: `null`, `undefined`."""
    return text is None or text.casefold() in _MISSING


def _says_who(field: Field, *, of_person: bool) -> bool:
    """Return whether a field says who or what is meant, or how to reach them."""
    if field.owner not in _SOUND or (field.owner == "location" and field.word != "id"):
        return False
    is_id = field.word in field_names.IDENTIFYING or (field.word, field.owner) == ("type", "event")
    if is_id and (field.owner != "custom" or (field.word != "id" and not field.names)):
        return True
    is_persons = field.owner in {"contact", "custom"} or (field.owner == "event" and of_person)
    return is_persons and field.is_reach


def _holds_placeholder(values: Iterable[Any]) -> bool:
    for value in values:
        if isinstance(value, str):
            found = payload.holds_placeholder(value)
        elif isinstance(value, list):
            found = _holds_placeholder(value)
        else:
            found = type(value) not in SINGLE and isinstance(value, Mapping) and _holds_placeholder(value.values())
        if found:
            return True
    return False


def _clean(value: Any, field: Field) -> Any:
    """Return a value without its placeholders; None when nothing of it is left."""
    if isinstance(value, str):
        return _clean_text(value, field) if payload.holds_placeholder(value) else value
    if isinstance(value, Mapping):
        return {
            name: cleaned
            for name, item in value.items()
            if (cleaned := _clean(item, field)) is not None or item is None
        }
    if isinstance(value, list):
        return [cleaned for item in value if (cleaned := _clean(item, field)) is not None or item is None]
    return value


def _clean_text(text: str, field: Field) -> str | None:
    """Return what people wrote as it is, and the rest of a mark that refuses; everything else is dropped."""
    if field.word in field_names.TAGS and "," in text:
        tags = [_clean_text(tag, field) if payload.holds_placeholder(tag) else tag for tag in text.split(",")]
        return ",".join(filter(None, tags)) or None
    rest = payload.without_placeholders(text)
    if not any(letter.isalnum() for letter in rest):
        return None
    if field.word in field_names.PROSE and field.owner in {"event", "message", "note", "task", "mail"}:
        return text
    about_consent = consent_words.column_meaning(field.name) is not None
    refused = consent.from_note(rest, "custom", at=payload.EPOCH, reference="")
    return rest if about_consent or refused else None
