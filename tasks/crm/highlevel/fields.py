"""Flatten an event: each field with what it is about, however its sender nested and spelled it.

An app's webhooks have one spelling. The body of a workflow has another, and a user of HighLevel may write a body of
their own: `contact: {...}`, `Phone Number`, lists. Names are compared by their letters and digits in lower case.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from ml.language import consent_words
from tasks.crm.highlevel import field_names
from tasks.crm.highlevel.field_names import reduced
from tasks.intake.errors import EventRefused

#: what a field is about; `custom` are the user's own fields; of `unknown` objects nothing but refusals is read
Owner = Literal[
    "event",
    "contact",
    "opportunity",
    "appointment",
    "calendar",
    "message",
    "note",
    "task",
    "mail",
    "location",
    "custom",
    "other",
    "unknown",
]
#: no webhook is nested deeper; a refusal could hide beyond what is read
DEEPEST = 40
#: name of a field that stands for an object of which only refusals are read
UNREAD = ""
_ONE_CONTACT = "send one event for each contact"
_TOO_DEEP = "send the fields of the contact in one object"
_LONGEST_JSON = 20_000


class Field(NamedTuple):
    """One field of an event."""

    owner: Owner
    #: as its sender spells it
    name: str
    #: its name as names are compared
    word: str
    #: a text, number or flag, a list of them, or an object where the reader of the field wants it whole
    value: Any
    #: its place in the event; a key that nobody here knows is named by its number in its object, from 0
    loc: str
    depth: int
    #: every name of a custom field: id, key and display name
    names: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """Return all of its names as names are compared; the key of a custom field begins with `contact.`."""
        return tuple(reduced(name.removeprefix("contact.")) for name in self.names or (self.name,))


def flatten(raw: Mapping[str, Any]) -> list[Field]:
    """Return the fields of an event, the outermost first.

    Raises:
        EventRefused: it is about several contacts, or nested deeper than 40 levels.

    """
    return sorted(_object(raw, "event", "", 0), key=lambda field: field.depth)


def is_in_contact(field: Field) -> bool:
    """Return whether a field lies in an object about the contact."""
    return any(field_names.OBJECTS.get(reduced(part)) == "contact" for part in field.loc.split(".")[:-1])


def is_blank(value: Any) -> bool:
    """Return whether a value says nothing."""
    return value is None or value in ([], {}) or (isinstance(value, str) and not value.strip())


def _object(part: Mapping[str, Any], owner: Owner, loc: str, depth: int) -> Iterator[Field]:
    if depth > DEEPEST:
        raise EventRefused("too_many", loc, _TOO_DEEP)
    for position, (name, value) in enumerate(part.items()):
        key = str(name)
        word = reduced(key)
        shown = key if field_names.is_known(word) else f"[{position}]"
        yield from _entry(Field(owner, key, word, value, f"{loc}.{shown}" if loc else shown, depth))


def _entry(field: Field) -> Iterator[Field]:
    """Yield a field, or the fields of the object or list of objects that it holds."""
    about = _about(field.owner, field.word)
    if field.word in field_names.WHOLE or about == "other":
        yield field
    elif field.word in field_names.CUSTOM_OBJECTS and field.owner != "mail":
        owner: Owner = "custom" if field.owner in {"event", "contact", "custom"} else "unknown"
        yield from _custom(field.value, owner, field.loc, field.depth + 1)
    else:
        yield from _plain(field, about)


def _plain(field: Field, about: Owner) -> Iterator[Field]:
    objects = list(_objects(field.value, field.loc))
    if about == "contact" and len(objects) > 1:
        raise EventRefused("too_many", field.loc, _ONE_CONTACT)
    owner = about if len(objects) == 1 or about in {"note", "custom"} else "unknown"
    if objects and owner == "unknown" != field.owner and field.word not in field_names.NOT_OWN:
        yield Field("unknown", UNREAD, UNREAD, None, field.loc, field.depth)
    for part, loc in objects:
        fields = _object(part, owner, loc, field.depth + 1)
        yield from _named_after(field.name, fields) if owner in {"unknown", "custom"} else fields
    if not objects:
        yield field


def _named_after(name: str, fields: Iterator[Field]) -> Iterator[Field]:
    """Yield the fields of an object; where its name speaks of consent, theirs do: `optOut: {sms: true}`."""
    if consent_words.column_meaning(name) is None:
        yield from fields
        return
    for field in fields:
        yield field._replace(name=f"{name} {field.name}") if field.name != UNREAD else field


def _about(owner: Owner, word: str) -> Owner:
    """Return what an object under this name is about; only refusals are read of one that nobody knows."""
    found: Any = field_names.OBJECTS.get(word)
    if owner in {"other", "mail"} or found == "same":
        return owner
    if found == "location" and owner != "event":
        return "other"
    if owner == "unknown" and found != "other":
        return "unknown"
    return found or ("custom" if owner == "custom" else "unknown")


def _objects(value: Any, loc: str) -> Iterator[tuple[Mapping[str, Any], str]]:
    if isinstance(value, Mapping):
        yield value, loc
    elif isinstance(value, list):
        for position, item in enumerate(value):
            if isinstance(item, Mapping | list):
                yield from _objects(item, f"{loc}.[{position}]")


def _custom(value: Any, owner: Owner, loc: str, depth: int) -> Iterator[Field]:
    """Yield the user's own fields: `{name: value}`, a list of `{id, value}`, or one of them as JSON text."""
    value = _parsed(value) if isinstance(value, str) else value
    for part, place in _objects(value, loc):
        words = {reduced(str(name)): item for name, item in part.items()}
        names = tuple(str(words[word]) for word in field_names.CUSTOM_NAMES if isinstance(words.get(word), str | int))
        values = [words[word] for word in words if word in field_names.CUSTOM_VALUES]
        if names and values:
            told = next((item for item in values if not is_blank(item)), None)
            yield Field(owner, names[0], reduced(names[0]), told, place, depth, names)
        else:
            yield from _object(part, owner, place, depth)


def _parsed(text: str) -> Any:
    if len(text) > _LONGEST_JSON or not text.lstrip().startswith(("[", "{")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
