"""Write locations inside a message without repeating keys that the caller made up, which may hold personal data.

Fields of the contract are written by name, items of lists by number. A key that the caller made up, in a map or beside
the fields, is written `[3]`: the fourth key of its object, in the order sent. The caller can look `settings.stages.[3]`
up in the message; a reader of a stored failure learns nothing from it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

#: keys and numbers from the outermost inwards
Path = Sequence[str | int]

#: most parts of a location that are written
MOST_PARTS = 12
#: the path step by which pydantic means a map's key itself
KEY = "[key]"
_NUMBERED = re.compile(r"\[\d{1,9}\]")


def location(contract: Any, payload: Any, path: Path) -> str:
    """Return the location at the end of a path; `contract` is a model, or any type that a field may have.

    Steps that pydantic adds to the path, such as the alternative of a union that it tried, are left out.
    """
    parts: list[str] = []
    kinds, value = _kinds(contract), payload
    for step in path:
        part = _part(kinds, value, step)
        if part is None:
            continue
        if len(parts) == MOST_PARTS:
            parts.append("…")
            break
        parts.append(part)
        kinds, value = _kinds_below(kinds, step), _value_below(value, step)
    return ".".join(parts)


def key_location(mapping: Mapping[Any, Any], key: Any, known: Collection[str] = ()) -> str:
    """Return a key as a part of a location: its name if it is `known`, else its number in `mapping`."""
    return str(key) if key in known else f"[{list(mapping).index(key)}]"


def with_key_names(place: str, payload: Any) -> str:
    """Return a location with the payload's keys instead of their numbers, for the caller, who has the payload.

    >>> with_key_names("settings.stages.[1]", {"settings": {"stages": {"Hot one": "new", "Cold one": ""}}})
    'settings.stages.Cold one'
    """
    parts, value = [], payload
    for part in place.split("."):
        number = int(part[1:-1]) if _NUMBERED.fullmatch(part) else None
        keys = list(value) if isinstance(value, Mapping) else []
        step = keys[number] if number is not None and number < len(keys) else int(part) if part.isdecimal() else part
        parts.append(str(step))
        value = _value_below(value, step)
    return ".".join(parts)


def _part(kinds: Collection[Any], value: Any, step: str | int) -> str | None:
    if isinstance(value, Mapping) and step in value:
        return key_location(value, step, _names(kinds))
    if isinstance(step, int):
        return str(step)
    return step if step in _names(kinds) else None


def _names(kinds: Collection[Any]) -> set[str]:
    return {name for kind in kinds for name in _names_of(kind)}


def _names_of(kind: Any) -> Collection[str]:
    if _is_model(kind):
        names: Collection[str] = kind.model_fields
        return names
    if get_origin(kind) is dict:
        return [word for key in _kinds(get_args(kind)[0]) if get_origin(key) is Literal for word in get_args(key)]
    return ()


def _kinds(annotation: Any) -> tuple[Any, ...]:
    """Return the types that an annotation allows, without its further constraints."""
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return tuple(kind for alternative in get_args(annotation) for kind in _kinds(alternative))
    return (annotation,)


def _kinds_below(kinds: Collection[Any], step: str | int) -> tuple[Any, ...]:
    return tuple(below for kind in kinds for below in _kinds_of_part(kind, step))


def _kinds_of_part(kind: Any, step: str | int) -> tuple[Any, ...]:
    if _is_model(kind):
        return _kinds(kind.model_fields[step].annotation) if step in kind.model_fields else ()
    if get_origin(kind) is dict:
        return _kinds(get_args(kind)[1])
    return _kinds(get_args(kind)[0]) if get_origin(kind) in (list, tuple) else ()


def _value_below(value: Any, step: str | int) -> Any:
    if isinstance(value, Mapping):
        return value.get(step)
    if isinstance(value, list | tuple) and isinstance(step, int) and 0 <= step < len(value):
        return value[step]
    return None


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
