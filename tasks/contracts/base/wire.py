"""The JSON of messages: check what came in against what every message must satisfy, and convert what goes out.

What comes in is finite JSON of bounded size and depth, in text that can be stored. This is the only place that makes
the JSON that leaves Hearth.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from datetime import UTC, datetime
from typing import Any

#: bytes of JSON that one message may carry
MESSAGE_LIMIT = 700_000
#: bytes of JSON that one result may have
RESULT_LIMIT = 64_000
#: nested objects and lists; the keyword arguments themselves are the first level
DEPTH_LIMIT = 100
#: keys by which Celery's clients mark values that JSON does not have, such as a `datetime`
CELERY_TYPED = frozenset({"__type__", "__value__"})
#: bits of a whole number; a double can hold no more
_BITS = 1024

_Path = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadFault:
    """The first value of a message that is not accepted: the contract's code, its path, and what to send instead."""

    code: str
    path: _Path = ()
    message: str


def first_fault(payload: Mapping[str, Any]) -> PayloadFault | None:
    """Return the first fault of a payload that holds for every contract; None when there is none."""
    if _size(payload) > MESSAGE_LIMIT:
        message = f"the message is over {MESSAGE_LIMIT} bytes of JSON; send fewer items"
        return PayloadFault(code="too_long", message=message)
    return _fault_in(payload, ())


def _size(payload: Mapping[str, Any]) -> int:
    """Return the bytes of JSON; 0 when it cannot be written, since the faulty value is then reported instead."""
    try:
        return len(json.dumps(payload, ensure_ascii=False).encode())
    except (TypeError, ValueError, RecursionError):
        return 0


def _fault_in(value: Any, path: _Path) -> PayloadFault | None:
    match value:
        case None | bool():
            return None
        case str():
            return None if _storable(value) else _not_unicode(path)
        case int() | float():
            return None if _is_finite(value) else _not_finite(path)
        case Mapping():
            return _too_deep(path) or _in_object(value, path)
        case list() | tuple():
            items = enumerate(value)
            faults = (_fault_in(item, (*path, at)) for at, item in items)
            return _too_deep(path) or next(filter(None, faults), None)
    message = "this is no JSON value; send times as ISO 8601 text and ids as text"
    return PayloadFault(code="type", path=path, message=message)


def _in_object(value: Mapping[Any, Any], path: _Path) -> PayloadFault | None:
    if value.keys() == CELERY_TYPED:
        message = "a typed object of Celery's is no JSON value; send times as ISO 8601 text and ids as text"
        return PayloadFault(code="type", path=path, message=message)
    for key, item in value.items():
        if not isinstance(key, str) or not _storable(key):
            return _not_unicode((*path, key))
        if fault := _fault_in(item, (*path, key)):
            return fault
    return None


def _storable(text: str) -> bool:
    """Return whether a text can be encoded as UTF-8; half of a surrogate pair cannot."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _not_unicode(path: _Path) -> PayloadFault:
    message = "this text, or the key itself, is no Unicode text; send both halves of a surrogate pair or neither"
    return PayloadFault(code="type", path=path, message=message)


def _is_finite(value: float) -> bool:
    return value.bit_length() <= _BITS if isinstance(value, int) else math.isfinite(value)


def _not_finite(path: _Path) -> PayloadFault:
    return PayloadFault(
        code="not_finite", path=path, message="send a finite number that a double holds, or leave it out"
    )


def _too_deep(path: _Path) -> PayloadFault | None:
    if len(path) < DEPTH_LIMIT:
        return None
    message = f"objects and lists lie more than {DEPTH_LIMIT} levels deep in each other; send a flatter message"
    return PayloadFault(code="too_deep", path=path, message=message)


def to_wire(value: Any) -> Any:
    """Return a value as plain JSON: finite floats, ISO-8601 times in UTC, records as objects.

    Raises ValueError for NaN, infinities, naive times and objects that JSON does not know.
    """
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return _finite(value)
        case datetime():
            return _iso(value)
        case Mapping():
            return {str(key): to_wire(item) for key, item in value.items()}
        case list() | tuple():
            return [to_wire(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return to_wire(asdict(value))
    raise ValueError(f"{type(value).__name__} cannot go over the wire")


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("a figure that is not finite cannot go over the wire")
    return float(value)


def _iso(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError("a time without a zone cannot go over the wire")
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def canonical(value: Any) -> bytes:
    """Return the canonical JSON of a value as UTF-8: sorted keys, no blanks; for hashes and size limits."""
    return json.dumps(to_wire(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON, as hex."""
    return hashlib.sha256(canonical(value)).hexdigest()
