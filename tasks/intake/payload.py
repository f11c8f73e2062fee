"""Reading the fields of an event: what is absent, blank or of another kind says nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tasks.intake.errors import BadValue, EventRefused
from tasks.intake.values import dates

Raw = Mapping[str, Any]
UTC = ZoneInfo("UTC")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_TEXT, MAX_BODY = 255, 32_000
#: a number as large as this is no Unix time, in milliseconds neither; it may be infinite
_NO_TIME = 1e15


def without_nul(value: Any) -> Any:
    """Give an event without the NULs in its texts and keys, which no database keeps."""
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, Mapping):
        return {without_nul(key): without_nul(item) for key, item in value.items()}
    return [without_nul(item) for item in value] if isinstance(value, list) else value


def text(raw: Raw, *names: str, limit: int = MAX_TEXT) -> str | None:
    """Give the first of these fields that says something, as text of at most `limit` letters."""
    for name in names:
        value = raw.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value.strip():
            return value.strip()[:limit]
    return None


def identifier(raw: Raw, *names: str) -> str:
    """Give the id that an event must have.

    Raises:
        EventRefused: it is missing, or no text.

    """
    for name in names:
        if isinstance(raw.get(name), Mapping | list | bool):
            raise EventRefused("type", name)
        if found := text(raw, name):
            return found
    raise EventRefused("missing", names[0])


def number(raw: Raw, *names: str) -> float | None:
    """Give the first of these fields that is a finite number, written or not."""
    for name in names:
        value = raw.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            continue
        try:
            found = float(value)
        except (ValueError, OverflowError):
            continue
        if math.isfinite(found):
            return found
    return None


def part(raw: Raw, name: str) -> Raw:
    """Give a nested object; an empty one where there is none."""
    value = raw.get(name)
    return value if isinstance(value, Mapping) else {}


def texts(raw: Raw, *names: str, most: int = 200) -> list[str] | None:
    """Give a list of texts, written as a list or with commas; None where the field is not told."""
    for name in names:
        value = raw.get(name)
        if isinstance(value, str):
            value = value.split(",")
        if isinstance(value, list):
            found = (item.strip()[:MAX_TEXT] for item in value if isinstance(item, str))
            return list(dict.fromkeys(item for item in found if item))[:most]
    return None


def moment(raw: Raw, *names: str, zone: ZoneInfo = UTC) -> datetime | None:
    """Give the first of these fields that is a time; one without a zone is in `zone`, numbers are Unix time.

    Raises:
        EventRefused: one is longer than any time is.

    """
    for name in names:
        value = raw.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(int(value)) if abs(value) < _NO_TIME else None
        if isinstance(value, str) and len(value) > dates.LONGEST:
            raise EventRefused("too_long", name)
        if isinstance(value, str) and value.strip():
            try:
                return dates.moment(value.strip(), zone, "mdy")
            except BadValue:
                continue
    return None
