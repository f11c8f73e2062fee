"""The declarative base of all tables, with constraint names, column types, ids and JSON."""

from __future__ import annotations

import json
import math
import os
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeAlias

import orjson
from sqlalchemy import JSON, DateTime, Dialect, MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from db.errors import NaiveTime, UnstorableValue
from domain.documents import JsonObject

#: a row to be written, by names of columns; a type checker does not know that each column has a type of its own
NewRow: TypeAlias = dict[str, Any]

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

#: JSON, binary on PostgreSQL; a None is SQL's NULL
JsonType = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


#: orjson leaves values that JSON does not know to the `other` of `to_json`
_STRICT = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


#: find where a whole number may be longer than 64 bits
_FIND_DIGITS: dict[type, Callable[..., object]] = {
    str: re.compile("[0-9]{19}").search,
    bytes: re.compile(b"[0-9]{19}").search,
}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, stored and returned in UTC; on SQLite too, which itself knows no zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC.

        Raises:
            NaiveTime: a time without zone.

        """
        if value is None:
            return None
        moment = utc(value)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time as aware, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of all tables; every one carries `tenant_id`."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[object, object]] = {
        datetime: UtcDateTime,
        JsonObject: JsonType,
        list[str]: JsonType,
        list[JsonObject]: JsonType,
    }


def utc(moment: datetime) -> datetime:
    """Convert an aware time to UTC.

    Raises:
        NaiveTime: a time without zone.

    """
    if moment.tzinfo is UTC:  # nearly always
        return moment
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise NaiveTime("a time without zone cannot be stored; give aware times")
    return moment.astimezone(UTC)


def new_id() -> str:
    """Return a new id that sorts by its creation time (UUID version 7, as text)."""
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fraction = rest * 4096 // 1_000_000
    digits = f"{milliseconds << 80 | 7 << 76 | fraction << 64 | 2 << 62 | _random():032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _random() -> int:
    return int.from_bytes(os.urandom(8)) >> 2


def to_json(value: object, other: Callable[[object], object] | None = None, *, times: bool = False) -> str:
    """Write JSON for a column; `other` converts values that JSON does not know.

    With `times`, aware times are written as ISO 8601 without calling `other`, which is faster.

    Raises:
        UnstorableValue: NaN, infinity or something that JSON does not know.

    """
    try:
        text = orjson.dumps(value, default=other, option=0 if times else _STRICT)
    except orjson.JSONEncodeError:  # whole numbers over 64 bits, keys that are no texts
        return _to_json_slowly(value, other)
    # orjson writes null for NaN
    return text.decode() if b"null" not in text or _finite(value) else _to_json_slowly(value, other)


def from_json(text: str | bytes) -> Any:
    """Read what `to_json` wrote, including whole numbers over 64 bits."""
    # orjson would silently turn those into floats
    return orjson.loads(text) if _FIND_DIGITS[type(text)](text) is None else json.loads(text)


def _finite(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    return not isinstance(value, list | tuple) or all(map(_finite, value))


def _to_json_slowly(value: object, other: Callable[[object], object] | None) -> str:
    try:
        return json.dumps(value, default=other, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError):
        raise UnstorableValue("a JSON column takes finite numbers, strings, booleans, lists and objects") from None
