"""Where in a message something is, told without repeating a key that its caller made up.

Fields of the contract are called by their names, items of lists by their numbers. A key of the caller's own, in a map
or beside the fields, is `[3]`: the fourth key of its object in the order it was sent. `settings.stages.[3]` says as
much to the caller as the key does, and nothing to whoever reads a stored failure.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

#: keys and numbers from the outermost inwards
Path = Sequence[str | int]

#: parts of a place that are told
LONGEST = 12
#: pydantic's word for a map's key itself
KEY = "[key]"
#: letters of a key that may be a misspelt name, and how alike they must be
_NAME, _ALIKE = 40, 0.8
_NUMBERED = re.compile(r"\[\d{1,9}\]")


def place(contract: Any, payload: Any, path: Path) -> str:
    """The place at the end of a path into a payload of this contract: a model, or any type that a field may have.

    Words of pydantic's own in the path, such as the alternative of a union that it tried, are left out.
    """
    parts: list[str] = []
    kinds, value = _kinds(contract), payload
    for step in path:
        part = _part(kinds, value, step)
        if part is None:
            continue
        if len(parts) == LONGEST:
            parts.append("…")
            break
        parts.append(part)
        kinds, value = _kinds_below(kinds, step), _value_below(value, step)
    return ".".join(parts)


def keyed(given: Mapping[Any, Any], key: Any, known: Collection[str] = ()) -> str:
    """One key of an object as a part of a place: a known name, or its number."""
    return str(key) if key in known else f"[{list(given).index(key)}]"


def spelt_out(place: str, payload: Any) -> str:
    """A place with the keys of the payload in the place of their numbers: for its own caller, who has it.

    >>> spelt_out("settings.stages.[1]", {"settings": {"stages": {"Hot one": "new", "Cold one": ""}}})
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


def near(key: object, names: Collection[str]) -> str | None:
    """The known name that a key is likely to be a misspelling of; None where it is like none."""
    if not isinstance(key, str) or len(key) > _NAME:
        return None
    reduced = {_reduced(name): name for name in names}
    found = difflib.get_close_matches(_reduced(key), reduced, n=1, cutoff=_ALIKE)
    return reduced[found[0]] if found else None


def unknown(part: Any, told: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[Path, str | None]]:
    """Path of each key that a request read from `told` does not know, and the known name that it is like."""
    if isinstance(part, BaseModel) and isinstance(told, Mapping):
        names = type(part).model_fields
        for key in told:
            if key not in names:
                yield (*path, key), near(key, names)
        for name in filter(told.__contains__, names):
            yield from unknown(getattr(part, name), told[name], (*path, name))
    elif isinstance(part, Mapping) and isinstance(told, Mapping):
        for key, below in told.items():
            yield from unknown(part.get(key, part.get(str(key).strip())), below, (*path, key))
    elif isinstance(part, list | tuple) and isinstance(told, list | tuple):
        for index, (item, below) in enumerate(zip(part, told, strict=False)):
            yield from unknown(item, below, (*path, index))


def _reduced(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))


def _part(kinds: Collection[Any], value: Any, step: str | int) -> str | None:
    if isinstance(value, Mapping) and step in value:
        return keyed(value, step, _names(kinds))
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
    """The types that a value may have, without what is required of it besides."""
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return tuple(kind for each in get_args(annotation) for kind in _kinds(each))
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
