"""Read the fields of an event; a field that is absent, blank or of another type counts as not given."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from domain.documents import JsonMapping
from tasks.intake.errors import BadValue, EventRefused
from tasks.intake.values import dates, scalars

Raw = JsonMapping
UTC = ZoneInfo("UTC")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_TEXT, MAX_BODY = 255, 32_000
# a union of types would be made again by each call
_NUMBERS, _SCALARS = (int, float), (str, int, float)
#: a number of this size is no Unix time, not even in milliseconds; it may be infinite
_NO_TIME = 1e15
#: code of a field that holds a placeholder instead of a value, and what to do about it
PLACEHOLDER = "placeholder"
PLACEHOLDER_HINT = "this field still holds the placeholder; choose the value in the workflow"
_NAME = r"[A-Za-z][\w .:-]{0,80}"
#: how systems write a value that is filled in later; each part is of bounded length
_PLACEHOLDER = re.compile(
    r"\{\{[^{}]{0,200}(?:\}\}?)?"  # {{contact.id}}, closed or not
    r"|\{%[^{}]{0,200}%\}|\$\{[^{}]{0,200}\}|\{[A-Za-z]\w{0,40}[._][\w.]{1,80}\}\}?"  # {% x %}, ${x}, {contact.id}
    rf"|^\s?\{{{_NAME}\}}\s?$"  # {email}
    rf"|\[\[\s?{_NAME}\]\]|\[[A-Za-z]\w{{0,40}}\.[\w.]{{1,80}}\]"  # [[x]], [contact.id]
    rf"|%%{_NAME}%%|%[A-Za-z]\w{{0,40}}\.[\w.]{{1,80}}%|(?:^|(?<=\s))%[A-Za-z]\w{{0,60}}%(?=\s|$)"  # %contact.id%
    rf"|\*\|{_NAME}\|\*|<%[^<>]{{0,200}}%>|<<{_NAME}>>|\[object Object\]"  # *|X|*, <%= x %>, <<x>>
)
#: every placeholder contains one of these; most texts contain none
_OPENING = re.compile(r"[{\[%*<]")


def without_nul(value: Any) -> Any:
    """Return an event without the NULs in its texts and keys, which no database can store."""
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, Mapping):
        return {without_nul(key): without_nul(item) for key, item in value.items()}
    return [without_nul(item) for item in value] if isinstance(value, list) else value


def holds_placeholder(cell: str) -> bool:
    """Return whether a text holds a placeholder, alone or among other words.

    >>> holds_placeholder("Hi {{contact.first_name}}"), holds_placeholder("$450k")
    (True, False)
    """
    return _OPENING.search(cell) is not None and _PLACEHOLDER.search(cell) is not None


def without_placeholders(cell: str) -> str:
    """Return the words of a text that are no placeholders.

    >>> without_placeholders("DNC {{contact.since}}")
    'DNC'
    """
    return " ".join(_PLACEHOLDER.sub(" ", cell).split())


def text(raw: Raw, *names: str, limit: int = MAX_TEXT) -> str | None:
    """Return the first of these fields that is not blank, as text of at most `limit` characters."""
    for name in names:
        if (value := raw.get(name)) is not None and (told := as_text(value, limit)):
            return told
    return None


def as_text(value: Any, limit: int = MAX_TEXT) -> str | None:
    """Return a value as text of at most `limit` characters; None when it is blank, or no text and no number."""
    if isinstance(value, _NUMBERS) and not isinstance(value, bool):
        value = str(value)
    return value.strip()[:limit] or None if isinstance(value, str) else None


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
    """Return the first of these fields that is a finite number, or text that spells one, such as `$425,000`."""
    for name in names:
        value = raw.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            continue
        try:
            figure = _figure(value)
        except (ValueError, OverflowError, BadValue):
            continue
        if math.isfinite(figure):
            return figure
    return None


def _figure(value: float | str) -> float:
    """Return a number, or the amount that a text spells: `$425,000`."""
    try:
        return float(value)
    except ValueError:
        return scalars.number(str(value))


def nested(raw: Raw, name: str) -> Raw:
    """Return a nested object, or an empty one."""
    value = raw.get(name)
    return value if isinstance(value, Mapping) else {}


def text_list(raw: Raw, *names: str, most: int = 200) -> list[str] | None:
    """Return a list of texts, sent as a list, as JSON or separated by commas; None when no such field was sent."""
    for name in names:
        value = raw.get(name)
        if isinstance(value, str):
            value = _listed(value)
        if isinstance(value, list):
            stripped = (str(item).strip()[:MAX_TEXT] for item in value if is_scalar(item))
            return list(dict.fromkeys(item for item in stripped if item))[:most]
    return None


def is_scalar(value: Any) -> bool:
    """Return whether a value is a text or a number."""
    return isinstance(value, _SCALARS) and not isinstance(value, bool)


def _listed(cell: str) -> list[Any]:
    """Return the items of a list in one text."""
    if cell.lstrip().startswith("["):
        try:
            items = json.loads(cell)
        except (ValueError, RecursionError):
            items = None
        if isinstance(items, list):
            return items
    return cell.split(",")


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
