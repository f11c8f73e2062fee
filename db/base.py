"""What every table is made of: the declarative base, names of constraints, types and ids."""

from __future__ import annotations

import json
import secrets
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from db.errors import NaiveTime, UnstorableValue

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

#: JSON, binary on PostgreSQL; a None is SQL's NULL
JsonType = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time: stored in UTC, given back aware in UTC on SQLite too, which itself knows no zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn to UTC.

        Raises:
            NaiveTime: a time without zone.

        """
        if value is None:
            return None
        moment = utc(value)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back aware."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of all tables; every one carries `tenant_id`."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: JsonType, list[str]: JsonType}  # noqa: RUF012


def utc(moment: datetime) -> datetime:
    """Turn an aware time to UTC.

    Raises:
        NaiveTime: a time without zone.

    """
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise NaiveTime("a time without zone cannot be stored; give aware times")
    return moment.astimezone(UTC)


def new_id() -> str:
    """Make an id that sorts by the time of its making (UUID version 7, as text)."""
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fraction = rest * 4096 // 1_000_000
    value = milliseconds << 80 | 7 << 76 | fraction << 64 | 2 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=value))


def to_json(value: Any) -> str:
    """Write JSON for a column.

    Raises:
        UnstorableValue: NaN, infinity or something that JSON does not know.

    """
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError):
        raise UnstorableValue("a JSON column takes finite numbers, strings, booleans, lists and objects") from None
