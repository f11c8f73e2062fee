"""Flatten an event: each field with what it is about, however its sender nested and spelled it.

An app's webhooks have one spelling. The body of a workflow has another, and a user of HighLevel may write a body of
their own: `contact: {...}`, `Phone Number`, lists. Names are compared by their letters and digits in lower case.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from types import NoneType
from typing import Any, Literal, NamedTuple

from ml.language import consent_words
from tasks.crm.highlevel import field_names
from tasks.crm.highlevel.field_names import Meaning, meaning, reduced
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
_DEPTH = attrgetter("depth")
#: types of values that hold no fields
SINGLE = frozenset({str, int, float, bool, NoneType})
_NAMING = (str, int)
#: types of values that hold fields; the first is nearly always the one
_OBJECTS, _NESTED = (dict, Mapping), (dict, list, Mapping)
#: more keys, or longer ones, are not remembered
_MOST_KEYS, _LONGEST_KEYS = 60, 1000


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
    #: what its name says by itself
    meaning: Meaning = field_names.meaning(UNREAD)

    @property
    def words(self) -> tuple[str, ...]:
        """Return all of its names as names are compared; the key of a custom field begins with `contact.`."""
        return tuple(meaning(name).bare for name in self.names or (self.name,))

    @property
    def is_reach(self) -> bool:
        """Return whether it says who somebody is or how to reach them: `Phone Number`."""
        if not self.names:
            return self.meaning.person in field_names.CONTACT
        return any(meaning(name).person in field_names.CONTACT for name in self.names)


def flatten(raw: Mapping[str, Any]) -> list[Field]:
    """Return the fields of an event, the outermost first.

    Raises:
        EventRefused: it is about several contacts, or nested deeper than 40 levels.

    """
    fields: list[Field] = []
    _add_object(fields, raw, "event", "", 0)
    fields.sort(key=_DEPTH)
    return fields


def is_in_contact(field: Field) -> bool:
    """Return whether a field lies in an object about the contact."""
    outer = field.loc.split(".")[:-1] if "." in field.loc else ()
    return any(field_names.OBJECTS.get(reduced(part)) == "contact" for part in outer)


def is_blank(value: Any) -> bool:
    """Return whether a value says nothing."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or value in ([], {})


def _add_object(fields: list[Field], part: Mapping[str, Any], owner: Owner, loc: str, depth: int) -> None:
    if depth > DEEPEST:
        raise EventRefused("too_many", loc, _TOO_DEEP)
    keys, before = tuple(part), f"{loc}." if loc else ""
    shape = (_shape if _is_short(keys) else _shape.__wrapped__)(keys)
    for (key, word, place, known, is_whole, may_open), value in zip(shape, part.values(), strict=True):
        field = Field(owner, key, word, value, before + place, depth, (), known)
        # nearly all of them
        if is_whole or (type(value) in SINGLE and not may_open):
            fields.append(field)
        else:
            _add_inner(fields, field)


def _is_short(keys: Sequence[object]) -> bool:
    """Return whether the keys of an object may be remembered: those of one sender are the same each time."""
    return len(keys) <= _MOST_KEYS and len("".join(map(str, keys))) <= _LONGEST_KEYS


@lru_cache(maxsize=256)
def _shape(keys: tuple[str, ...]) -> tuple[tuple[str, str, str, Meaning, bool, bool], ...]:
    """Return for each key its text, its word, its place, what it says, and how its value is read."""
    names = [(str(key), meaning(str(key))) for key in keys]
    return tuple(
        (
            name,
            known.word,
            name if known.is_known else f"[{position}]",
            known,
            known.word in field_names.WHOLE,
            known.word in field_names.CUSTOM_OBJECTS,
        )
        for position, (name, known) in enumerate(names)
    )


def _add_inner(fields: list[Field], field: Field) -> None:
    """Add a field, or the fields of the object or list of objects that it holds."""
    about = _about(field.owner, field.word)
    if about == "other":
        fields.append(field)
    elif field.word in field_names.CUSTOM_OBJECTS and field.owner != "mail":
        owner: Owner = "custom" if field.owner in {"event", "contact", "custom"} else "unknown"
        _add_custom(fields, field.value, owner, field.loc, field.depth + 1)
    else:
        _add_plain(fields, field, about)


def _add_plain(fields: list[Field], field: Field, about: Owner) -> None:
    objects = list(_objects(field.value, field.loc))
    if about == "contact" and len(objects) > 1:
        raise EventRefused("too_many", field.loc, _ONE_CONTACT)
    owner = about if len(objects) == 1 or about in {"note", "custom"} else "unknown"
    if objects and owner == "unknown" != field.owner and field.word not in field_names.NOT_OWN:
        fields.append(Field("unknown", UNREAD, UNREAD, None, field.loc, field.depth))
    first = len(fields)
    for part, loc in objects:
        _add_object(fields, part, owner, loc, field.depth + 1)
    if not objects:
        fields.append(field)
    elif owner in {"unknown", "custom"} and consent_words.column_meaning(field.name) is not None:
        fields[first:] = [_named_after(field.name, one) for one in fields[first:]]


def _named_after(name: str, field: Field) -> Field:
    """Return a field of an object whose name speaks of consent: its own does too: `optOut: {sms: true}`."""
    if field.name == UNREAD:
        return field
    named = f"{name} {field.name}"
    return field._replace(name=named, meaning=meaning(named))


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
    if isinstance(value, _OBJECTS):
        yield value, loc
    elif isinstance(value, list):
        for position, item in enumerate(value):
            if isinstance(item, _NESTED):
                yield from _objects(item, f"{loc}.[{position}]")


def _add_custom(fields: list[Field], value: Any, owner: Owner, loc: str, depth: int) -> None:
    """Add the user's own fields: `{name: value}`, a list of `{id, value}`, or one of them as JSON text."""
    value = _parsed(value) if isinstance(value, str) else value
    for part, place in _objects(value, loc):
        keys = tuple(part)
        naming, valued = (_custom_keys if _is_short(keys) else _custom_keys.__wrapped__)(keys)
        names = tuple(str(part[key]) for key in naming if isinstance(part[key], _NAMING))
        if names and valued:
            told = next((part[key] for key in valued if not is_blank(part[key])), None)
            known = meaning(names[0])
            fields.append(Field(owner, names[0], known.word, told, place, depth, names, known))
        else:
            _add_object(fields, part, owner, place, depth)


@lru_cache(maxsize=256)
def _custom_keys(keys: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return which keys of an object are names of a custom field, and which are its value."""
    words = {reduced(str(key)): key for key in keys}
    naming = tuple(words[word] for word in field_names.CUSTOM_NAMES if word in words)
    return naming, tuple(key for word, key in words.items() if word in field_names.CUSTOM_VALUES)


def _parsed(text: str) -> Any:
    if len(text) > _LONGEST_JSON or not text.lstrip().startswith(("[", "{")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
