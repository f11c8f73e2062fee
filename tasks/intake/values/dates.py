"""Read dates and times as spreadsheets and CRMs write them; the result is aware and in UTC.

To accept another way of writing a date, add a pattern to `_DATES`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from tasks.intake.errors import BadValue

DateOrder = Literal["dmy", "mdy"]

#: most characters of a time, however it is written; a longer text is no time
LONGEST = 64
# blanks are matched possessively (`*+`), so each form reads a text once and cannot backtrack
_CLOCK = (
    r"(?:(?:(?:\s*+,)?\s++(?:(?:at|a|a las|as|um|alle|ore)\s++)?|T)(?P<hour>\d{1,2})"
    r"(?:\s?[:.h]\s?(?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,]\d++)?)?|(?=\s?[aph]))"
    r"(?:\s?(?:uhr|hrs?\.?|hs\.?|h|min)(?![a-z]))?"
    r"\s*+(?P<half>[ap])?(?(half)\.?\s?m\.?)\s*+(?P<zone>Z|[A-Z]{2,4}|(?:GMT|UTC)?[+-]\d{1,2}(?::?\d{2})?)?(?:\s*+\(.*\))?)?"
)
_WEEKDAYS = (
    "mon|tue|wed|thu|fri|sat|sun|lun|mar|mie|jue|vie|sab|dom|mer|jeu|ven|sam|dim|seg|ter|qua|qui|sex"
    "|montag|die|mit|don|fre|son|gio|mo|di|mi|do|fr|sa|so|le"
)
_WEEKDAY = rf"(?:(?:{_WEEKDAYS})[a-z]*+(?:-feira)?\.?,?\s++)?"
#: how the names of each month begin in English, Spanish, French, German, Portuguese, Italian and Dutch
_MONTHS = {
    beginning: month
    for month, beginnings in enumerate(
        (
            *("jan ene gen jae", "feb fev", "mar mrz mae maa mrt", "apr abr avr", "may mai mag mei", "jun juin giu"),
            *("jul juil lug", "aug ago aou", "sep set", "oct okt out ott", "nov", "dec dez dic"),
        ),
        start=1,
    )
    for beginning in beginnings.split()
}
_MONTH = rf"(?P<name>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})[a-z]*+\.?"
_ORDINAL = "(?:st|nd|rd|th|er|[\u00ba\u00b0\u00aa])?"
_DATES = (
    r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})",
    r"(?P<first>\d{1,2})(?P<mark>[-/.])(?P<second_>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})",
    rf"(?P<day>\d{{1,2}}){_ORDINAL}[\s./-]*+(?:(?:of|de)\s++|d')?{_MONTH},?[\s/-]*+(?:del?\s++)?(?P<year>\d{{4}}|\d{{2}})",
    rf"{_MONTH}\s*+(?P<day>\d{{1,2}}){_ORDINAL},?\s++(?P<year>\d{{4}})",
)
#: whether the text begins with a digit, so that no weekday stands there -> what it may be
_DATE_FORMS = {
    True: tuple(re.compile(f"{date}{_CLOCK}", re.IGNORECASE) for date in _DATES[:-1]),
    False: tuple(re.compile(f"{_WEEKDAY}{date}{_CLOCK}", re.IGNORECASE) for date in _DATES),
}
#: an offset in brackets, `(UTC+0)`; what else stands there is a comment
_ENCLOSED_ZONE = re.compile(r"(?<!\s)\s*+\(((?:GMT|UTC)(?:[+-]\d{1,2}(?::?\d{2})?)?)\)$")
_ACCENTS = re.compile("[\u0300-\u036f]+")
_SERIAL = re.compile(r"\d{5}(?:[.,]\d+)?")
_EPOCH = re.compile(r"\d{10}(?:\d{3})?")
#: Excel counts days from here (its 1900 leap day included)
_EXCEL_START = datetime(1899, 12, 30)  # noqa: DTZ001 - the zone is the tenant's
_OFFSETS = {
    name: hours
    for hours, names in (
        *((0, "Z UTC GMT"), (-4, "EDT"), (-5, "EST CDT"), (-6, "CST MDT"), (-7, "MST PDT")),
        *((-8, "PST AKDT"), (-9, "AKST"), (-10, "HST")),
    )
    for name in names.split()
}
_EARLIEST, _LATEST = 1900, 2100
_NUMERIC = re.compile(r"\s*+(\d{1,2})([-/])(\d{1,2})\2(?:\d{4}|\d{2})(?!\d)")
_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(slots=True, kw_only=True)
class DateOrderEvidence:
    """The order of day and month in one column, counted from cells with a single reading such as `31/1/2026`."""

    day_first: int = 0
    month_first: int = 0
    #: cells that can be read both ways
    either: int = 0

    def add(self, cell: str) -> None:
        """Count one more cell."""
        match = _NUMERIC.match(cell)
        if match is None:
            return
        first, second = int(match[1]), int(match[3])
        day, month = _is_day(first, second), _is_day(second, first)
        self.day_first += day and not month
        self.month_first += month and not day
        self.either += day and month and first != second

    @property
    def order(self) -> DateOrder | None:
        """Return the order that every unambiguous cell agrees on; None when they disagree or there is none."""
        if bool(self.day_first) == bool(self.month_first):
            return None
        return "dmy" if self.day_first else "mdy"


def _is_day(day: int, month: int) -> bool:
    return 1 <= month <= 12 and 1 <= day <= _LENGTHS[month - 1]


@lru_cache(maxsize=4096)  # exports repeat their dates
def moment(text: str, zone: ZoneInfo, order: DateOrder | None = None) -> datetime:
    """Return the moment that a text means; a date without an offset is in `zone`.

    ISO, `2026/01/31 15:04`, `1/31/26 3pm`, `31.01.2026 15h04`, `Jan 31st, 2026`, `31 de enero de 2026`, RFC 2822,
    Excel's day numbers and Unix seconds or milliseconds. `1/2/2026` needs `order`; `31.01.2026` is day first. Month
    names are English, Spanish, French, German, Portuguese, Italian or Dutch. Raises `BadValue`.
    """
    if len(text) > LONGEST:
        raise BadValue("value.too_long", f"longer than {LONGEST} characters, which no time is; write 2026-01-31")
    try:
        parsed = _parsed(text, order)
        aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)
        if not _EARLIEST <= aware.year <= _LATEST:
            raise _not_a_date()
        return aware.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _not_a_date() from None


def _parsed(text: str, order: DateOrder | None) -> datetime:
    text = _ENCLOSED_ZONE.sub(r" \1", text) if text[-1:] == ")" else text
    if text[:1].isdigit() and text.isascii():
        if text[4:5] == "-":  # nearly all of them
            return _iso(text, order)
        if _SERIAL.fullmatch(text):
            # To the second: Excel's fractions are rounded.
            return _EXCEL_START + timedelta(seconds=round(float(text.replace(",", ".")) * 86_400))
        if _EPOCH.fullmatch(text):
            return datetime.fromtimestamp(int(text) / (1000 if len(text) == 13 else 1), UTC)
        if len(text) == 8 or text[8:9] == "T":
            return _iso(text, order)
    return _parsed_form(text, order)


def _iso(text: str, order: DateOrder | None) -> datetime:
    if text[13:14] == ".":  # 15.04 is four past three, not fifteen hours and a fraction
        return _parsed_form(text, order)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return _parsed_form(text, order)


def _parsed_form(text: str, order: DateOrder | None) -> datetime:
    if not text.isascii():  # the accents of names of months
        text = _ACCENTS.sub("", unicodedata.normalize("NFD", text))
    match = next((match for form in _DATE_FORMS[text[:1].isdecimal()] if (match := form.fullmatch(text))), None)
    if match is None:
        raise _not_a_date()
    part = match.groupdict()
    day, month = _day_and_month(part, order)
    hour, minute, second = _clock(part)
    return datetime(_year(part["year"]), month, day, hour, minute, second, tzinfo=_zone(part["zone"]))


def _day_and_month(part: dict[str, str | None], order: DateOrder | None) -> tuple[int, int]:
    if name := part.get("name"):
        return int(part["day"] or 0), _MONTHS[name.casefold()]
    if part.get("month"):
        return int(part["day"] or 0), int(part["month"] or 0)
    first, second = int(part["first"] or 0), int(part["second_"] or 0)
    if part["mark"] == ".":
        return first, second
    if first > 12 or second > 12 or first == second:  # only one reading is possible
        return (first, second) if first > 12 else (second, first)
    if order is None:
        hint = 'day or month first? set date_order = "mdy" or "dmy" under [defaults] of the mapping'
        raise BadValue("value.date_ambiguous", hint)
    return (first, second) if order == "dmy" else (second, first)


def _year(text: str | None) -> int:
    year = int(text or 0)
    return year if year > 99 else year + (2000 if year < 70 else 1900)


def _clock(part: dict[str, str | None]) -> tuple[int, int, int]:
    hour, minute, second = (int(part[name] or 0) for name in ("hour", "minute", "second"))
    if half := part["half"]:
        if not 1 <= hour <= 12:
            raise _not_a_date()
        hour = hour % 12 + (12 if half in "pP" else 0)
    return hour, minute, second


def _zone(text: str | None) -> tzinfo | None:
    if not text:
        return None
    name = text.upper()
    if name in _OFFSETS:
        return timezone(timedelta(hours=_OFFSETS[name]))
    sign, digits = name.lstrip("GMTUC")[:1], re.sub(r"\D", "", name)
    if sign not in ("+", "-"):
        raise _not_a_date()
    hours, minutes = (int(digits), 0) if len(digits) <= 2 else (int(digits[:-2]), int(digits[-2:]))
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if sign == "-" else offset)


def _not_a_date() -> BadValue:
    return BadValue("value.date", "not a date that exists; write 2026-01-31 or 2026-01-31T15:04:00Z")
