"""Read the fields of an event; a field that is absent, blank or of another type counts as not given."""

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
#: a number of this size is no Unix time, not even in milliseconds; it may be infinite
_NO_TIME = 1e15


def without_nul(value: Any) -> Any:
    """Return an event without the NULs in its texts and keys, which no database can store."""
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, Mapping):
        return {without_nul(key): without_nul(item) for key, item in value.items()}
    return [without_nul(item) for item in value] if isinstance(value, list) else value


def text(raw: Raw, *names: str, limit: int = MAX_TEXT) -> str | None:
    """Return the first of these fields that is not blank, as text of at most `limit` characters."""
    for name in names:
        value = raw.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value.strip():
            return value.strip()[:limit]
    return None


def identifier(raw: Raw, *names: str) -> str:
    """Return the id that an event must have.

    Raises:
        EventRefused: the id is missing or is not text.

    """
    for name in names:
        if isinstance(raw.get(name), Mapping | list | bool):
            raise EventRefused("type", name)
        if value := text(raw, name):
            return value
    raise EventRefused("missing", names[0])


def number(raw: Raw, *names: str) -> float | None:
    """Return the first of these fields that is a finite number, or text that spells one."""
    for name in names:
        value = raw.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            continue
        try:
            figure = float(value)
        except (ValueError, OverflowError):
            continue
        if math.isfinite(figure):
            return figure
    return None


def nested(raw: Raw, name: str) -> Raw:
    """Return a nested object, or an empty one."""
    value = raw.get(name)
    return value if isinstance(value, Mapping) else {}


def text_list(raw: Raw, *names: str, most: int = 200) -> list[str] | None:
    """Return a list of texts, sent as a list or separated by commas; None when no such field was sent."""
    for name in names:
        value = raw.get(name)
        if isinstance(value, str):
            value = value.split(",")
        if isinstance(value, list):
            stripped = (item.strip()[:MAX_TEXT] for item in value if isinstance(item, str))
            return list(dict.fromkeys(item for item in stripped if item))[:most]
    return None


def direction(raw: Raw) -> str | None:
    """Return who wrote or called, `inbound` (the lead) or `outbound`; None where the event does not say.

    An event without a direction may name it in its type, whoever sends it: were it not read, a refusal in an inbound
    message would be missed.
    """
    word = (text(raw, "direction") or "").casefold()
    if word in {"inbound", "incoming", "in"}:
        return "inbound"
    if word in {"outbound", "outgoing", "out"}:
        return "outbound"
    return {"InboundMessage": "inbound", "OutboundMessage": "outbound"}.get(str(raw.get("type")))


def moment(raw: Raw, *names: str, zone: ZoneInfo = UTC) -> datetime | None:
    """Return the first of these fields that is a time; a time without an offset is in `zone`, numbers are Unix time.

    Raises:
        EventRefused: a field is longer than any time is.

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
