"""Read single cells: e-mail addresses, numbers, levels, yes and no, lists. Each function raises `BadValue`."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tasks.intake.errors import BadValue
from tasks.intake.values import vocabulary

MAX_CELL = 32_768
MAX_TEXT = 500
MAX_NAME = 200
#: a larger figure is a slip or an id, and float32 would lose digits of it
_LARGEST = 1e15
_EMAIL = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~.\-\u0080-\uffff]{1,64}@[a-z0-9\-\u0080-\uffff]+(?:\.[a-z0-9\-\u0080-\uffff]+)+"
)
_EMAIL_BREAK = re.compile(r"[\s,;|<>\"()]+|mailto:|/")
#: written where there is no address; merging leads by it would join strangers
_NO_EMAIL = frozenset(
    {"noemail", "no-email", "no.email", "none", "nomail", "noreply", "no-reply", "unknown", "na", "donotemail"}
)
_SCALES = {"k": 1e3, "thousand": 1e3, "m": 1e6, "mm": 1e6, "mil": 1e6, "mio": 1e6, "million": 1e6, "b": 1e9, "bn": 1e9}
_BLANKS = re.compile(r"[\s\u00a0\u202f'\u2019_]+")
_DASHES = re.compile("[\u2010-\u2015\u2212]")
_CURRENCY = re.compile(r"US\$|USD|CAD|EUR|GBP|AUD|[$€£¥]", re.IGNORECASE)
_FIGURE = r"\d[\d.,]*|[.,]\d+"
_NUMBER = re.compile(
    rf"(?P<sign>[-+]?)(?P<figure>{_FIGURE})(?:e(?P<exponent>[-+]?\d{{1,2}}))?(?P<scale>[a-z]*)", re.IGNORECASE
)
_RANGE = re.compile(rf"(?P<low>(?:{_FIGURE})[a-z]*)(?:-|to)(?P<high>(?:{_FIGURE})[a-z]*)", re.IGNORECASE)
_BELOW = re.compile(r"(?:<=?|under|below|upto|max\.?|lessthan)(.+)", re.IGNORECASE)
_ABOVE = re.compile(r"(?:>=?|over|above|from|min\.?|morethan|atleast)(.+)|(.+)\+", re.IGNORECASE)
_PLAIN = re.compile(
    r"-?(?:0|[1-9]\d{0,14}|[1-9]\d{0,2}(?:,\d{3}){1,4})(?:\.\d{1,17})?(?:[eE][-+]?\d{1,2})?|-?(?:0|[1-9]\d{0,11}),\d{1,2}"
)
_CLOCK = re.compile(r"\d{1,4}:[0-5]?\d(?::[0-5]?\d)?")
_SPELLED = re.compile(
    r"(?:(\d+(?:\.\d+)?)\s*+h(?:ours?|rs?)?)?\s*+(?:(\d+(?:\.\d+)?)\s*+m(?:in(?:ute)?s?)?)?"
    r"\s*+(?:(\d+(?:\.\d+)?)\s*+s(?:ec(?:ond)?s?)?)?",
    re.IGNORECASE,
)
_GROUPED = re.compile(r"\d{1,3}([.,])\d{2,3}(?:\1\d{2,3})*")


def emails(text: str) -> tuple[str, ...]:
    """Return the addresses of a cell in lower case, each once."""
    lower = text.lower()
    if "/" not in lower and lower[:1] not in ".'" and _is_email(lower):  # nearly all of them
        return (lower,)
    parts = (part.strip(".'") for part in _EMAIL_BREAK.split(lower))
    addresses = [part for part in parts if _is_email(part)]
    if not addresses:
        raise BadValue("value.email", "not an e-mail address; write name@example.com or leave it blank")
    return tuple(dict.fromkeys(addresses))


def _is_email(text: str) -> bool:
    if len(text) > 254 or ".." in text or not _EMAIL.fullmatch(text):
        return False
    return text.partition("@")[0] not in _NO_EMAIL and len(text.rpartition(".")[2]) > 1


def number(text: str) -> float:
    """Return an amount or a count: `1,234.5`, `1.234,5`, `$450k`, `1.2M`, `(300)`; always finite."""
    if text.isdecimal() and len(text) < 15:  # nearly all of them
        return float(text)
    bare = _bare(text)
    negative = bare.startswith("(") and bare.endswith(")")
    match = _NUMBER.fullmatch(bare[1:-1] if negative else bare)
    scale = _SCALES.get(match["scale"].casefold(), 0.0 if match["scale"] else 1.0) if match else 0.0
    if not match or not scale:
        raise _not_a_number()
    value = _figure(match["figure"]) * scale * 10.0 ** int(match["exponent"] or 0)
    if not value < _LARGEST:  # infinity too
        raise _not_a_number()
    return -value if negative or match["sign"] == "-" else value


@lru_cache(maxsize=4096)  # budgets repeat from row to row
def span(text: str) -> tuple[float | None, float | None]:
    """Return both ends of `400-500k`, `500k+`, `under 500k`; None is an open end, one amount is both ends."""
    bare = _bare(text)
    if match := _RANGE.fullmatch(bare):
        return _ordered(match["low"], match["high"])
    if match := _BELOW.fullmatch(bare):
        return None, number(match[1])
    if match := _ABOVE.fullmatch(bare):
        return number(match[1] or match[2]), None
    value = number(bare)
    return value, value


def _ordered(low: str, high: str) -> tuple[float, float]:
    # `400-500k` means 400k, `900-1.2M` means 900k: the largest scale that keeps the order.
    top = number(high)
    if low[-1].isalpha() or not high[-1].isalpha():
        bottom = number(low)
    else:
        bottom = next((value for scale in (high[-1], "k", "") if (value := number(low + scale)) <= top), math.inf)
    if bottom > top:
        raise BadValue("value.number", "the range ends below its start; write the lower amount first")
    return bottom, top


def _bare(text: str) -> str:
    return _DASHES.sub("-", _BLANKS.sub("", _CURRENCY.sub("", text)))


def _figure(text: str) -> float:
    comma, dot = text.rfind(","), text.rfind(".")
    if comma >= 0 and dot >= 0:  # the later one is the decimal mark
        grouping, mark = (",", ".") if dot > comma else (".", ",")
        text = text.replace(grouping, "").replace(mark, ".")
    elif comma >= 0:
        text = text.replace(",", "" if _is_grouped(text, ",") else ".")
    elif text.count(".") > 1 and _is_grouped(text, "."):
        text = text.replace(".", "")
    try:
        return float(text)
    except ValueError:
        raise _not_a_number() from None


def _is_grouped(text: str, mark: str) -> bool:
    return bool(_GROUPED.fullmatch(text)) and len(text.rpartition(mark)[2]) == 3


def _not_a_number() -> BadValue:
    return BadValue("value.number", "not a finite number; write digits such as 450000 or $450k")


def custom_value(text: str) -> float | str:
    """Return a custom cell as a number when it is clearly one (no leading zero, at most 15 digits), else as text."""
    if not _PLAIN.fullmatch(text):
        return text
    value = float(text.replace(",", "" if _is_grouped(text.lstrip("-").partition(".")[0], ",") else "."))
    return value if abs(value) < _LARGEST else text


def level(column: str, text: str) -> str:
    """Return the level of `column` that the text stands for."""
    known_level = vocabulary.LEVEL_OF[column].get(vocabulary.level_key(text))
    if known_level is None:
        raise BadValue("value.enum", f"not one of {', '.join(vocabulary.LEVELS[column])}; write one of them")
    return known_level


def switch(text: str, on: Collection[str], off: Collection[str]) -> bool:
    """Return whether a word is among `on`; it must be in one of the two lists."""
    word = text.casefold()
    if word in on or word in off:
        return word in on
    raise BadValue("value.enum", "neither yes nor no; write true or false")


def duration(text: str) -> float:
    """Return a duration in seconds: `90`, `1:30`, `1:02:03`, `2 min`, `1h 5m 3s`."""
    if _CLOCK.fullmatch(text):
        return float(sum(int(part) * 60**power for power, part in enumerate(reversed(text.split(":")))))
    if (match := _SPELLED.fullmatch(text)) and any(match.groups()):
        return float(sum(float(part or 0) * unit for part, unit in zip(match.groups(), (3600, 60, 1), strict=True)))
    value = number(text)
    if value < 0:
        raise BadValue("value.number", "this cannot be below zero; correct the sign")
    return value


def split_list(text: str, marks: str) -> list[str]:
    """Split a list at the first of `marks` that occurs; return at most 100 items, no blank and no repeated one."""
    mark = next((candidate for candidate in marks if candidate in text), None)
    parts = (part.strip().strip("\"'") for part in (text.strip("[]").split(mark) if mark else [text.strip("[]")]))
    return list(dict.fromkeys(part for part in parts if part))[:100]


def zone(text: str) -> str:
    """Return the name of a time zone if it is a known IANA name."""
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadValue("value.enum", "not a time zone; write an IANA name such as America/New_York") from None
    return text


def checked_length(text: str, limit: int) -> str:
    """Return the text if it has at most `limit` characters."""
    if len(text) > limit:
        raise BadValue("value.too_long", f"longer than {limit} characters; shorten it")
    return text
