"""What a message may hold whatever its contract: finite JSON of bounded size and depth, in text that can be kept."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: bytes of JSON that one message may carry
MESSAGE_LIMIT = 700_000
#: objects and lists that may lie in each other; the keyword arguments themselves are the first
DEPTH_LIMIT = 100
#: keys by which Celery's clients mark what JSON does not know, such as a `datetime`
TYPED = frozenset({"__type__", "__value__"})
#: bits of a whole number; no double holds a longer one
_BITS = 1024

_Path = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The first thing of a message that cannot be taken: the contract's code for it, where, and what to send."""

    code: str
    path: _Path = ()
    message: str


def fault(payload: Mapping[str, Any]) -> Fault | None:
    """What keeps a payload from being read at all, whatever it asks; None where nothing does."""
    if _size(payload) > MESSAGE_LIMIT:
        message = f"the message is over {MESSAGE_LIMIT} bytes of JSON; send fewer items"
        return Fault(code="too_long", message=message)
    return _first(payload, ())


def _size(payload: Mapping[str, Any]) -> int:
    """Bytes of JSON; 0 where it cannot be written, since the value at fault is then the thing to tell."""
    try:
        return len(json.dumps(payload, ensure_ascii=False).encode())
    except (TypeError, ValueError, RecursionError):
        return 0


def _first(value: Any, path: _Path) -> Fault | None:
    match value:
        case None | bool():
            return None
        case str():
            return None if _storable(value) else _of_text(path)
        case int() | float():
            return None if _is_finite(value) else _not_finite(path)
        case Mapping():
            return _too_deep(path) or _in_object(value, path)
        case list() | tuple():
            items = enumerate(value)
            return _too_deep(path) or next((found for at, item in items if (found := _first(item, (*path, at)))), None)
    message = "this is no JSON value; send times as ISO 8601 text and ids as text"
    return Fault(code="type", path=path, message=message)


def _in_object(value: Mapping[Any, Any], path: _Path) -> Fault | None:
    if value.keys() == TYPED:
        message = "a typed object of Celery's is no JSON value; send times as ISO 8601 text and ids as text"
        return Fault(code="type", path=path, message=message)
    for key, item in value.items():
        if not isinstance(key, str) or not _storable(key):
            return _of_text((*path, key))
        if found := _first(item, (*path, key)):
            return found
    return None


def _storable(text: str) -> bool:
    """Whether a text can be written down: half of a surrogate pair cannot."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _of_text(path: _Path) -> Fault:
    message = "this text, or the key itself, is no Unicode text; send both halves of a surrogate pair or neither"
    return Fault(code="type", path=path, message=message)


def _is_finite(value: float) -> bool:
    return value.bit_length() <= _BITS if isinstance(value, int) else math.isfinite(value)


def _not_finite(path: _Path) -> Fault:
    return Fault(code="not_finite", path=path, message="send a finite number that a double holds, or leave it out")


def _too_deep(path: _Path) -> Fault | None:
    if len(path) < DEPTH_LIMIT:
        return None
    message = f"objects and lists lie more than {DEPTH_LIMIT} levels deep in each other; send a flatter message"
    return Fault(code="too_deep", path=path, message=message)
