"""Read single cells: e-mail addresses, counts, levels, yes and no, lists. Each function raises `BadValue`."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from tasks.intake.errors import BadValue
from tasks.intake.values import amounts, vocabulary

MAX_CELL = 32_768
MAX_TEXT = 500
MAX_NAME = 200
_EMAIL = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~.\-\u0080-\uffff]{1,64}@[a-z0-9\-\u0080-\uffff]+(?:\.[a-z0-9\-\u0080-\uffff]+)+"
)
_EMAIL_BREAK = re.compile(r"[\s,;:|<>\"()\[\]/]+")
#: written where there is no address; merging leads by it would join strangers
_NO_EMAIL = frozenset(
    {"noemail", "no-email", "no.email", "none", "nomail", "noreply", "no-reply", "unknown", "na", "donotemail"}
)
_PLAIN = re.compile(
    r"-?(?:0|[1-9]\d{0,14}|[1-9]\d{0,2}(?:,\d{3}){1,4})(?:\.\d{1,17})?(?:[eE][-+]?\d{1,2})?|-?(?:0|[1-9]\d{0,11}),\d{1,2}"
)
_CLOCK = re.compile(r"\d{1,4}:[0-5]?\d(?::[0-5]?\d)?")
_SPELLED = re.compile(
    r"(?:(\d+(?:\.\d+)?)\s*+h(?:ours?|rs?)?)?\s*+(?:(\d+(?:\.\d+)?)\s*+m(?:in(?:ute)?s?)?)?"
    r"\s*+(?:(\d+(?:\.\d+)?)\s*+s(?:ec(?:ond)?s?)?)?",
    re.IGNORECASE,
)
#: how systems part the values of one cell, whatever else is in it
_PARTED = ("|##|", ":::")
#: how they enclose them: `^a^,^b^`, `["a","b"]`, `{a,b}`
_ENCLOSED = {"^": "^", "[": "]", "{": "}", '"': '"'}
_BETWEEN_LEVELS = ";|\n,/+&"
_BRACKETS = re.compile(r"[\[\]{}]")
#: items of a list that are kept
_MOST_ITEMS = 100


def emails(text: str) -> tuple[str, ...]:
    """Return the addresses of a cell in lower case, each once."""
    lower = text.lower()
    if "/" not in lower and lower[:1] not in ".'^*" and _is_email(lower):  # nearly all of them
        return (lower,)
    parts = (part.strip(".'^*") for part in _EMAIL_BREAK.split(lower))
    addresses = [part for part in parts if _is_email(part)]
    if not addresses:
        raise BadValue("value.email", "not an e-mail address; write name@example.com or leave it blank")
    return tuple(dict.fromkeys(addresses))


def _is_email(text: str) -> bool:
    if len(text) > 254 or ".." in text or not _EMAIL.fullmatch(text):
        return False
    return text.partition("@")[0] not in _NO_EMAIL and len(text.rpartition(".")[2]) > 1


def number(text: str) -> float:
    """Return a count or a measure: `1,234.5`, `12,5`, `1.2M`; always finite. Money is read by `amounts.number`."""
    return amounts.count(text)


def span(text: str) -> tuple[float | None, float | None]:
    """Return both ends of `2-3`, `3+`, `under 4`; None is an open end. Money is read by `amounts.span`."""
    return amounts.count_span(text)


def custom_value(text: str) -> float | str:
    """Return a custom cell as a number when it is clearly one (no leading zero, at most 15 digits), else as text."""
    if not _PLAIN.fullmatch(text):
        return text
    value = float(text.replace(",", "" if amounts.is_grouped(text.lstrip("-").partition(".")[0], ",") else "."))
    return value if abs(value) < amounts.LARGEST else text


def level(column: str, text: str) -> str:
    """Return the level of `column` that the text stands for; several values of one level are that level.

    Buyer and seller in one cell of `lead_type` are `both`: `Buyer;Seller`, `^Buyer^,^Seller^`, `["Buyer","Seller"]`.
    """
    known = vocabulary.LEVEL_OF[column]
    found = known.get(vocabulary.level_key(text)) or _common_level(column, text)
    if found is None:
        raise BadValue("value.enum", f"not one of {', '.join(vocabulary.LEVELS[column])}; write one of them")
    return found


def _common_level(column: str, text: str) -> str | None:
    if len(text) > MAX_TEXT:
        return None
    known, items = vocabulary.LEVEL_OF[column], unwrapped(text)
    levels = {known.get(vocabulary.level_key(item)) for item in split_list(items, _BETWEEN_LEVELS)}
    if column == "lead_type" and levels in ({"buyer", "seller"}, {"buyer", "both"}, {"both", "seller"}):
        return "both"
    return levels.pop() if len(levels) == 1 else known.get(vocabulary.level_key(items))


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
    """Return the items of a list, at most 100, no blank and no repeated one.

    `a |##| b`, `a ::: b`, `^a^,^b^`, `["a","b"]` and `{a,b}` are lists whatever `marks` says; any other text is split
    at the first of `marks` that occurs. Quotes go when they enclose the whole item, and so does a leading `* `.
    """
    text = text.strip()
    items = _enclosed_items(text)
    if items is None:
        text = _without_brackets(text)
        mark = next((candidate for candidate in (*_PARTED, *marks) if candidate in text), None)
        items = text.split(mark) if mark else [text]
    return list(dict.fromkeys(item for part in items if (item := _item(part))))[:_MOST_ITEMS]


def unwrapped(text: str) -> str:
    """Return a cell with one value, or several, as `Buyer;Seller` where a system wrote `^Buyer^,^Seller^`.

    `["Buyer"]`, `Buyer |##| Seller` and `Buyer ::: Seller` too; any other text stays as it is.
    """
    text = text.strip()
    if text[:1] not in _ENCLOSED and not any(mark in text for mark in _PARTED):
        return text
    return ";".join(split_list(text, "," if text[:1] in ("[", "{") else ""))


def _enclosed_items(text: str) -> list[str] | None:
    """Return the items of `^a^,^b^`, of a JSON array and of `"a", "b"`; None when the text is no such list."""
    if len(text) < 2 or _ENCLOSED.get(text[0]) != text[-1]:
        return None
    if text[0] == "^":
        return text.split("^")[1::2]
    try:
        items = json.loads(text if text[0] == "[" else f"[{text}]")
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(item, str | int | float) for item in items):
        return None
    return [item if isinstance(item, str) else json.dumps(item) for item in items]


def _without_brackets(text: str) -> str:
    enclosed = text[:1] in ("[", "{") and _ENCLOSED[text[0]] == text[-1] and not _BRACKETS.search(text[1:-1])
    return text[1:-1] if enclosed else text


def _item(text: str) -> str:
    text = text.strip().removeprefix("* ").strip()
    if len(text) > 1 and text[0] in "\"'" and text[-1] == text[0] and text[0] not in text[1:-1]:
        return text[1:-1].strip()
    return text


def zone(text: str) -> str:
    """Return the name of a time zone if it is a known IANA name, or one as HubSpot writes it: `us_slash_eastern`."""
    try:
        if "_slash_" in text:
            return _zone_of()[text.casefold().replace("_slash_", "/")]
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError, KeyError):
        raise BadValue("value.enum", "not a time zone; write an IANA name such as America/New_York") from None
    return text


@lru_cache(maxsize=1)
def _zone_of() -> dict[str, str]:
    return {name.casefold(): name for name in available_timezones()}


def checked_length(text: str, limit: int) -> str:
    """Return the text if it has at most `limit` characters."""
    if len(text) > limit:
        raise BadValue("value.too_long", f"longer than {limit} characters; shorten it")
    return text
