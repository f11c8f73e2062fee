"""Convert values to the JSON that leaves Hearth in messages; this is the only place that does."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from typing import Any

#: bytes of JSON that one result may have
RESULT_LIMIT = 64_000


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
