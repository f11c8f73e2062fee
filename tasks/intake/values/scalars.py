"""Reading single cells: e-mail addresses, numbers, levels, yes and no, lists. Each raises `BadValue`."""

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
#: beyond this a figure is a slip or an id, and float32 would lose it
_LARGEST = 1e15
_EMAIL = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~.\-\u0080-\uffff]{1,64}@[a-z0-9\-\u0080-\uffff]+(?:\.[a-z0-9\-\u0080-\uffff]+)+"
)
_EMAIL_BREAK = re.compile(r"[\s,;|<>\"()]+|mailto:|/")
#: written where there is no address; merging people by it would join strangers
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
    """Give the addresses of a cell in lower case."""
    lower = text.lower()
    if "/" not in lower and lower[:1] not in ".'" and _is_email(lower):  # nearly all of them
        return (lower,)
    parts = (part.strip(".'") for part in _EMAIL_BREAK.split(lower))
    found = [part for part in parts if _is_email(part)]
    if not found:
        raise BadValue("value.email", "not an e-mail address; write name@example.com or leave it blank")
    return tuple(dict.fromkeys(found))


def _is_email(text: str) -> bool:
    if len(text) > 254 or ".." in text or not _EMAIL.fullmatch(text):
        return False
    return text.partition("@")[0] not in _NO_EMAIL and len(text.rpartition(".")[2]) > 1


def number(text: str) -> float:
    """Read an amount or a count: `1,234.5`, `1.234,5`, `$450k`, `1.2M`, `(300)`; finite or refused."""
    if text.isdecimal() and len(text) < 15:  # nearly all of them
        return float(text)
    bare = _bare(text)
    negative = bare.startswith("(") and bare.endswith(")")
    found = _NUMBER.fullmatch(bare[1:-1] if negative else bare)
    scale = _SCALES.get(found["scale"].casefold(), 0.0 if found["scale"] else 1.0) if found else 0.0
    if not found or not scale:
        raise _not_a_number()
    value = _figure(found["figure"]) * scale * 10.0 ** int(found["exponent"] or 0)
    if not value < _LARGEST:  # infinity too
        raise _not_a_number()
    return -value if negative or found["sign"] == "-" else value


@lru_cache(maxsize=4096)  # budgets repeat from row to row
def span(text: str) -> tuple[float | None, float | None]:
    """Read `400-500k`, `500k+`, `under 500k`; a single amount is given twice."""
    bare = _bare(text)
    if found := _RANGE.fullmatch(bare):
        return _ordered(found["low"], found["high"])
    if found := _BELOW.fullmatch(bare):
        return None, number(found[1])
    if found := _ABOVE.fullmatch(bare):
        return number(found[1] or found[2]), None
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


def own(text: str) -> float | str:
    """Read a cell of the tenant's own column: a number when it is plainly one (no leading zero, at most 15 digits)."""
    if not _PLAIN.fullmatch(text):
        return text
    value = float(text.replace(",", "" if _is_grouped(text.lstrip("-").partition(".")[0], ",") else "."))
    return value if abs(value) < _LARGEST else text


def level(column: str, text: str) -> str:
    """Give the level of `column` that the text stands for."""
    found = vocabulary.LEVEL_OF[column].get(vocabulary.level_key(text))
    if found is None:
        raise BadValue("value.enum", f"not one of {', '.join(vocabulary.LEVELS[column])}; write one of them")
    return found


def switch(text: str, on: Collection[str], off: Collection[str]) -> bool:
    """Read a yes or no."""
    word = text.casefold()
    if word in on or word in off:
        return word in on
    raise BadValue("value.enum", "neither yes nor no; write true or false")


def duration(text: str) -> float:
    """Read how long something took, in seconds: `90`, `1:30`, `1:02:03`, `2 min`, `1h 5m 3s`."""
    if _CLOCK.fullmatch(text):
        return float(sum(int(part) * 60**power for power, part in enumerate(reversed(text.split(":")))))
    if (found := _SPELLED.fullmatch(text)) and any(found.groups()):
        return float(sum(float(part or 0) * each for part, each in zip(found.groups(), (3600, 60, 1), strict=True)))
    value = number(text)
    if value < 0:
        raise BadValue("value.number", "this cannot be below zero; correct the sign")
    return value


def words(text: str, marks: str) -> list[str]:
    """Split a list at the first of `marks` that occurs; without blanks and repetitions, at most 100."""
    mark = next((each for each in marks if each in text), None)
    parts = (part.strip().strip("\"'") for part in (text.strip("[]").split(mark) if mark else [text.strip("[]")]))
    return list(dict.fromkeys(part for part in parts if part))[:100]


def zone(text: str) -> str:
    """Check the name of a time zone."""
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadValue("value.enum", "not a time zone; write an IANA name such as America/New_York") from None
    return text


def limited(text: str, limit: int) -> str:
    """Refuse a text that is too long."""
    if len(text) > limit:
        raise BadValue("value.too_long", f"longer than {limit} characters; shorten it")
    return text
