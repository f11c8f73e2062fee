"""Find the days that a message names, and say which day of the calendar each is.

The grammar finds a day only where it is surely one: never in "we may", "I sat down", "the first school", "3/2 ranch".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice

from ml.language.facts.days.calendar_days import Resolved, day_in_year, day_of_month, next_day_of_month, weekday_on
from ml.language.facts.folding import FoldedText, word_set
from ml.language.facts.number_words import SMALL, SMALL_WORD

_MONTHS = {
    **dict.fromkeys(("january", "jan", "enero"), 1),
    **dict.fromkeys(("february", "feb", "febrero"), 2),
    **dict.fromkeys(("march", "mar", "marzo"), 3),
    **dict.fromkeys(("april", "apr", "abril"), 4),
    **dict.fromkeys(("may", "mayo"), 5),
    **dict.fromkeys(("june", "jun", "junio"), 6),
    **dict.fromkeys(("july", "jul", "julio"), 7),
    **dict.fromkeys(("august", "aug", "agosto"), 8),
    **dict.fromkeys(("september", "sept", "sep", "septiembre"), 9),
    **dict.fromkeys(("october", "oct", "octubre"), 10),
    **dict.fromkeys(("november", "nov", "noviembre"), 11),
    **dict.fromkeys(("december", "dec", "diciembre"), 12),
}
_WEEKDAYS = {
    **dict.fromkeys(("monday", "mon", "lunes"), 0),
    **dict.fromkeys(("tuesday", "tues", "tue", "martes"), 1),
    **dict.fromkeys(("wednesday", "weds", "wed", "wednesady", "miercoles"), 2),
    **dict.fromkeys(("thursday", "thurs", "thur", "thu", "thrusday", "jueves"), 3),
    **dict.fromkeys(("friday", "fri", "viernes"), 4),
    **dict.fromkeys(("saturday", "sat", "saterday", "sabado"), 5),
    **dict.fromkeys(("sunday", "sun", "domingo"), 6),
}
#: words that are also something else; they need a word of time beside them
_SHORT = frozenset({"sat", "sun", "mon", "wed", "fri", "tue", "thu", "mar"})
_TOMORROW = r"(?:tomorrow|tomorow|tommorow|tommorrow|tomorrrow|tmrw|tmr|tmw|tommmorrow|tomorroww|2morrow|2moro)"
_WORDS_OF_DAYS = word_set(
    """today tonight tomorrow tomorow tommorow tommorrow tomorrrow tmrw tmr tmw morrow moro weekend weekends days week
    morning afternoon evening hoy manana semana th st nd rd dia el"""
)
_TRIGGERS = _WORDS_OF_DAYS | frozenset(_MONTHS) | frozenset(_WEEKDAYS)
_MONTH = "(?:" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\b"
_WEEKDAY = "(?:" + "|".join(sorted(_WEEKDAYS, key=len, reverse=True)) + r")\b"
_ORDINAL_WORDS = (
    *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh"),
    *("twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth"),
    "twentieth",
)
_ORDINALS = {word: number for number, word in enumerate(_ORDINAL_WORDS, start=1)}
_ORDINAL_WORD = "(?:" + "|".join(_ORDINALS) + ")"
#: what may follow a day: no noun, so that "the 2nd bedroom" and "the 12th floor" are none
_FOLLOWS = (
    r"(?=[^\w\-/%]{0,4}(?:\Z|[.,;!?)\n]|(?: ?[-/&] ?)?(?:at|@|is|it|i'm|please|plz|pls|if|works?"
    r"|would|will|for|in|around|about|or|and"
    r"|instead|then|between|after|before|sounds?|seems?|should|to|thanks?|thank|from|by|but|so|when|because|morning"
    r"|afternoon|evening|might|may|could|can|looks?|being|as|works|ok|okay|thru|through|until|that|do|does|also|with"
    r"|the|this|i|we|you|my|rather|maybe|perhaps|too|since|are|ideally|preferably|he|she|y|a|o|por|si|de|ya"
    r"|\d{1,2}(?::\d\d)? ?(?:am|pm)|noon|\d{1,2}(?:st|nd|rd|th))\b))"
)
_MONTH_DAY = re.compile(
    rf"\b(?P<month>{_MONTH})\.? ?(?:the )?(?:(?P<day>\d{{1,2}})(?P<suffix>st|nd|rd|th)?(?![\w%]"
    rf"|[.,/:]\d| ?(?:k|bed|bath|br|ba)\b)|(?P<word>{_ORDINAL_WORD}\b))"
    r"(?:,? (?P<year>20\d\d)\b)?"
)
_DAY_MONTH = re.compile(
    rf"(?<![\w$.,:/-])(?:(?P<day>\d{{1,2}})(?P<suffix>st|nd|rd|th)?|(?P<word>{_ORDINAL_WORD}))"
    r"(?: of | de | |-)?(?:the month of )?"
    rf"(?:(?P<month>{_MONTH})(?:,? (?:de |del )?(?P<year>20\d\d)\b)?|(?P<which>this|next|the|este"
    rf"|proximo|the same) (?:month|mes)\b)"
)
_THE_DAY = re.compile(
    rf"\b(?:the|el dia|el) (?:(?P<day>\d{{1,2}})(?P<suffix> ?(?:st|nd|rd|th))?|(?P<word>{_ORDINAL_WORD}))\b{_FOLLOWS}"
)
_ON_DAY = re.compile(
    r"(?:(?<=\bon )|(?<=(?:st|nd|rd|th) or )|(?<=(?:st|nd|rd|th) and ))"
    rf"(?P<day>\d{{1,2}})(?P<suffix>st|nd|rd|th)\b{_FOLLOWS}"
    r"|^(?P<only>\d{1,2})(?:st|nd|rd|th)\b(?= {0,3}(?:\Z|[.,!?]| (?:please|works|at|is)\b))"
)
_WEEKDAY_NAMED = re.compile(
    rf"\b(?:(?P<before>this coming|the coming|this upcoming|this|next week|next week on|next|coming"
    rf"|upcoming|the following|el proximo|proximo|este) )?"
    rf"(?P<name>{_WEEKDAY})(?![-'\w])(?: (?P<after>(?:of )?next week|(?:of )?this week|after next"
    rf"|coming|que viene|proximo|de la proxima semana))?"
)
_RELATIVE = re.compile(
    rf"\b(?P<after>day after {_TOMORROW}|pasado manana)\b|\b(?P<tomorrow>{_TOMORROW})\b"
    r"|\b(?P<today>later today|later tonight|earlier today|today|tonight|this (?:morning|afternoon"
    r"|evening)|hoy|esta (?:tarde|noche))\b"
    r"|(?<!la )\b(?P<manana>manana)\b|\b(?P<weekend>(?:this|the|this coming|este) (?:weekend|fin de semana))\b"
    r"|\b(?P<next_weekend>next weekend|(?:el )?proximo fin de semana)\b"
    rf"|\b(?:in|en) (?P<days>\d{{1,2}}|a couple(?: of)?|{SMALL_WORD}) (?:days|dias)\b"
)
_WEEKS_FROM = re.compile(
    rf"\b(?P<count>\d|an?|{SMALL_WORD}) weeks? from "
    rf"(?:(?P<near>today|now|{_TOMORROW})|(?P<name>{_WEEKDAY}))(?![-'\w])"
)
_NUMERIC = re.compile(
    r"(?<![\w$.,/-])(?:(?P<year>20\d\d)-(?P<m1>\d{2})-(?P<d1>\d{2})|(?P<m2>\d{1,2})[/-](?P<d2>\d{1,2})[/-]"
    r"(?P<y2>20\d\d|\d\d)"
    r"|(?P<m3>1[0-2]|0?[1-9])/(?P<d3>3[01]|[12]\d|0?[1-9]))(?![\w/%-]|[.,]\d| ?(?:acres?|ac|baths?"
    r"|beds?|ba|br|cups?|miles?)\b)"
)
_ON = re.compile(
    r"\b(?:on|by|until|til|till|for|before|after|since|from|this|next|next week|date|coming|the"
    r"|of|to|of the|about|or|and|el|este|is|:) ?\Z"
)
_TIME_AFTER = re.compile(
    r"\.?,? ?(?:at|@|around|about|after|before|between|morning|afternoon|evening|night|noon|am|pm|works"
    r"|or|and|in the|is|\d{1,2}(?::\d\d)? ?(?:am|pm|a|p)\b|\d{1,2}:\d\d|(?:tue|wed|thu|fri|sat|sun)\w{0,3}\b"
    r"|\d{1,2}(?:st|nd|rd|th)\b)(?![a-z])|,? ?\d{1,2}/\d|[.!?]?\Z"
)
_CENTURY = 2000
#: confidence of "Wednesday the 3rd" when the 3rd is a Thursday
_DISAGREE = 0.5
#: days of one message that are read by each form; nobody proposes more
_MOST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySpan:
    """A day that a message names: characters [start, end) and the day it is."""

    start: int
    end: int
    day: date
    #: 0 to 1: lower where people mean different days by the same words
    confidence: float
    #: a weekend: one of its days
    is_about: bool = False


def days(message: FoldedText, today: date) -> list[DaySpan]:
    """Return the days that a message names, in their order; `today` is the day on which it was written.

    >>> from ml.language.facts.folding import folded
    >>> monday = date(2026, 11, 30)
    >>> [str(span.day) for span in days(folded("Saturday, or the 14th? March 3rd is late, we may pass"), monday)]
    ['2026-12-05', '2026-12-14', '2027-03-03']
    """
    if message.words.isdisjoint(_TRIGGERS) and not (message.has_digit and ("/" in message.text or "-" in message.text)):
        return []
    found: list[DaySpan] = []
    for finder in _FINDERS:
        for span in islice(finder(message, today), _MOST):
            if all(span.end <= other.start or other.end <= span.start for other in found):
                found.append(span)
    return _joined(sorted(found, key=lambda span: span.start), message.text)


def _joined(found: list[DaySpan], text: str) -> list[DaySpan]:
    """Return the spans with "Saturday, March 14th" as one: the date says which Saturday."""
    joined: list[DaySpan] = []
    for span in found:
        before = joined[-1] if joined else None
        if before and text[before.end : span.start].strip(" ,(") in {"", "the", "on"} and span.start - before.end <= 6:
            exact, other = (before, span) if text[before.start].isdigit() else (span, before)
            agree = exact.day.weekday() == other.day.weekday()
            sure = exact.confidence if agree else _DISAGREE
            joined[-1] = DaySpan(start=before.start, end=span.end, day=exact.day, confidence=sure)
        else:
            joined.append(span)
    return joined


def _dated(message: FoldedText, today: date) -> Iterator[DaySpan]:
    """Yield days with a month: "March 3rd", "the 3rd of this month", "3 de marzo"."""
    if not message.has_digit and message.words.isdisjoint(_ORDINALS):
        return
    for pattern in (_DAY_MONTH, _MONTH_DAY):
        for match in pattern.finditer(message.text):
            number = _number(match)
            which = match.groupdict().get("which")
            if which:
                resolved = day_of_month(number, today, months_on=1 if which in {"next", "proximo"} else 0)
            elif _is_month(match, message.text):
                resolved = _day_in_year(match["month"], number, match["year"], today)
            else:
                continue
            yield from _spans(match.start(), match.end(), resolved)


def _is_month(match: re.Match[str], text: str) -> bool:
    """Return whether "may 2" and "mar 2" are a date: with an ordinal, after a preposition, or before a word of time."""
    if match["month"] not in {"may", "mar", "march", "sep", "dec", "jun", "jan"} or match["suffix"] or match["word"]:
        return True
    return bool(_ON.search(text[max(0, match.start() - 12) : match.start()]) or _TIME_AFTER.match(text, match.end()))


def _of_this_month(message: FoldedText, today: date) -> Iterator[DaySpan]:
    """Yield "the 14th": of this month, or of the next when it has passed."""
    if not message.has_digit and message.words.isdisjoint(_ORDINALS):
        return
    for pattern in (_THE_DAY, _ON_DAY):
        for match in pattern.finditer(message.text):
            groups = match.groupdict()
            if pattern is _THE_DAY and not groups["suffix"] and not groups["word"] and not match[0].startswith("el"):
                continue
            if groups.get("word") and not _ON.search(message.text[max(0, match.start() - 12) : match.start()]):
                continue
            number = int(groups["only"]) if groups.get("only") else _number(match)
            yield from _spans(match.start(), match.end(), next_day_of_month(number, today))


def _by_weekday(message: FoldedText, today: date) -> Iterator[DaySpan]:
    if message.words.isdisjoint(_WEEKDAYS):
        return
    for match in _WEEKDAY_NAMED.finditer(message.text):
        name = match["name"]
        before, after = match["before"] or "", match["after"] or ""
        if name in _SHORT and not (before or after):
            said = _ON.search(message.text[max(0, match.start() - 12) : match.start()])
            is_sun = name == "sun" and said and "the" in said[0]
            if is_sun or not (said or _TIME_AFTER.match(message.text, match.end())):
                continue
        yield from _spans(match.start(), match.end(), weekday_on(_WEEKDAYS[name], before, after, today))


def _relative(message: FoldedText, today: date) -> Iterator[DaySpan]:
    if message.words.isdisjoint(_WORDS_OF_DAYS):
        return
    for match in _RELATIVE.finditer(message.text):
        kind = match.lastgroup
        saturday = today + timedelta(days=(5 - today.weekday()) % 7 if today.weekday() < 6 else 0)
        monday = today + timedelta(days=7 - today.weekday())
        days_on = match["days"] or ""
        ahead = {
            "after": today + timedelta(days=2),
            "tomorrow": today + timedelta(days=1),
            "manana": today + timedelta(days=1),
            "today": today,
            "weekend": saturday,
            "next_weekend": monday + timedelta(days=5),
        }
        if kind == "days":
            count = int(days_on) if days_on.isdigit() else SMALL.get(days_on.removeprefix("a "), 2)
            day = today + timedelta(days=count)
        else:
            day = ahead[str(kind)]
        about = kind in {"weekend", "next_weekend"}
        yield DaySpan(start=match.start(), end=match.end(), day=day, confidence=0.7 if about else 0.97, is_about=about)


def _weeks_from(message: FoldedText, today: date) -> Iterator[DaySpan]:
    """Yield "two weeks from Friday"."""
    if "from" not in message.words:
        return
    for match in _WEEKS_FROM.finditer(message.text):
        count = int(match["count"]) if match["count"].isdigit() else SMALL.get(match["count"], 1)
        near = today + timedelta(days=0 if match["near"] in {"today", "now"} else 1)
        base = weekday_on(_WEEKDAYS[match["name"]], "", "", today)[0] if match["name"] else near
        yield DaySpan(start=match.start(), end=match.end(), day=base + timedelta(weeks=count), confidence=0.9)


def _in_figures(message: FoldedText, today: date) -> Iterator[DaySpan]:
    """Yield "2026-12-05", "12/5/26" and, where a word says that it is a day, "12/5"."""
    if not message.has_digit:
        return
    for match in _NUMERIC.finditer(message.text):
        year, month, day = match["year"] or match["y2"], *_month_and_day(match)
        if match["m3"]:
            before = message.text[max(0, match.start() - 12) : match.start()]
            if not (_ON.search(before) or _TIME_AFTER.match(message.text, match.end())):
                continue
            if match.start() == 0 and match.end() == len(message.text) and day <= 6:
                continue
        whole = int(year) % 100 + _CENTURY if year else None
        yield from _spans(match.start(), match.end(), day_in_year(month, day, whole, today))


def _month_and_day(match: re.Match[str]) -> tuple[int, int]:
    month = int(match["m1"] or match["m2"] or match["m3"])
    day = int(match["d1"] or match["d2"] or match["d3"])
    return (day, month) if month > 12 >= day else (month, day)


def _spans(start: int, end: int, resolved: Resolved | None) -> Iterator[DaySpan]:
    if resolved:
        yield DaySpan(start=start, end=end, day=resolved[0], confidence=resolved[1])


def _number(match: re.Match[str]) -> int:
    groups = match.groupdict()
    return _ORDINALS[groups["word"]] if groups.get("word") else int(match["day"])


def _day_in_year(month: str, day: int, year: str | None, today: date) -> Resolved | None:
    return day_in_year(_MONTHS[month], day, int(year) if year else None, today)


#: in the order of what they take: a longer form before a shorter one
_FINDERS: tuple[Callable[[FoldedText, date], Iterator[DaySpan]], ...] = (
    _dated,
    _in_figures,
    _weeks_from,
    _by_weekday,
    _relative,
    _of_this_month,
)
