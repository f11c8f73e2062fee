"""Read when a lead wants to move: in the words of `domain.leads`, months until then."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from itertools import islice
from zoneinfo import ZoneInfo

from domain.facts import Bound
from domain.leads import Timeline
from ml.language.facts.folding import FoldedText, sentence_at, word_set
from ml.language.facts.number_words import SMALL, SMALL_WORD
from ml.language.results import Fact

_SEASONS = {
    "spring": 4,
    "summer": 7,
    "fall": 10,
    "autumn": 10,
    "winter": 13,
    "primavera": 4,
    "verano": 7,
    "otono": 10,
    "invierno": 13,
}
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            *(
                "january jan enero",
                "february feb febrero",
                "march marzo",
                "april apr abril",
                "may mayo",
                "june jun junio",
            ),
            *("july jul julio", "august aug agosto", "september sept sep septiembre", "october oct octubre"),
            *("november nov noviembre", "december dec diciembre"),
        ),
        start=1,
    )
    for name in names.split()
}
_COUNT = rf"(?:\d{{1,2}}|{SMALL_WORD}|an?|a couple(?: of)?|a few|couple(?: of)?|few|several|unos|un|algunos)"
_UNIT = r"(?:weeks?|wks?|months?|mos?|years?|yrs?|semanas?|mes(?:es)?|anos?)"
_IN = re.compile(
    rf"\b(?P<lead>in(?: the)?(?: next| coming| about| around| roughly)?|within(?: the)?(?: next)?"
    rf"|(?:over|during|for) the next|the next|next|about|around|at least|another|maybe|probably"
    rf"|roughly|like|en(?: los proxi"
    rf"mos)?|dentro de|los proximos) "
    rf"(?P<low>{_COUNT})(?: ?(?:-|to|or|a|o) ?(?P<high>\d{{1,2}}|{SMALL_WORD}))? (?P<unit>{_UNIT})\b(?! or "
    rf"(?:two|so)\b)(?P<after> (?:ago|old|lease|rent|of (?:experience|income)))?"
)
_BARE = re.compile(
    rf"(?<![\w$.])(?P<low>\d{{1,2}}|{SMALL_WORD}|a couple(?: of)?|a few)(?: ?(?:-|to|or) ?(?P<high>\d{{1,2"
    rf"}}|{SMALL_WORD}))? (?P<unit>{_UNIT})(?P<after> (?:out|away|from now|ago|old))\b"
)
_SEASON = re.compile(
    rf"\b(?P<lead>by(?: the)?(?: end of)?|before|until|in(?: the)?(?: early| late| mid)?|this(?: coming)?"
    rf"|next|around|after|early|late|mid|come|para(?: la| el)?|en(?: la| el)?|antes de(?: la| el)?)[ -]"
    rf"(?P<season>{'|'.join(_SEASONS)})\b"
)
_MONTH = re.compile(
    rf"\b(?P<lead>by(?: the)?(?: end of| middle of| beginning of)?|before|until|in(?: early| late"
    rf"| mid)?|around|after|early|late|mid|end of|beginning of|ends? in|up in|is up|para|en|antes de)[ -]"
    rf"(?P<month>{'|'.join(_MONTHS)})\b(?! (?:first|second|third))"
    r"(?: (?P<day>\d{1,2})(?:st|nd|rd|th)?\b)?(?:,? (?P<year>20\d\d)\b)?"
)
_YEAR = re.compile(
    r"\b(?P<end>(?:by |before |at |around )?(?:the )?end of (?:the|this) year|(?:by |before )?year'?s? end"
    r"|este ano|before the holidays|by (?:christmas|thanksgiving|new years?)|later this year"
    r"|this year)\b"
    r"|\b(?P<early>early next year|beginning of (?:the )?(?:next year|new year)|start of (?:the )?(?:next"
    r"|new) year|first of the year|after the (?:holidays|new year)|new year)\b"
    r"|\b(?P<next>(?:sometime |late |later |end of )?next year|el proximo ano|ano que viene)\b"
    r"|\b(?:in|by|before|during) (?P<year>20[2-4]\d)\b"
)
_WORDS_OF: tuple[tuple[Timeline, float, re.Pattern[str]], ...] = (
    (
        "unknown",
        0.85,
        re.compile(
            r"\b(?:just (?:looking|browsing|window shopping|starting (?:to look|out|our search"
            r"|my search)|seeing what)|only (?:looking|browsing)(?! for)|no (?:rush|hurry|pressure|set (?:date"
            r"|timeline|timeframe)|time ?(?:line|frame)|particular time)|not in (?:a |any )?(?:hurry"
            r"|rush)|(?:isn't|not|aren't|ain't) (?:a |any )?(?:rush|hurry|urgent)"
            r"|not (?:really )?(?:ready|looking to (?:buy|move|sell)|sure when)|taking (?:our|my) time"
            r"|kicking (?:the )?tires|flexible on (?:timing|time|dates)|don't know when|haven't decided when"
            r"|solo (?:estoy |estamos )?mirando|sin prisa|no tengo prisa)\b"
        ),
    ),
    (
        "12+",
        0.75,
        re.compile(
            r"\b(?:some ?day|eventually|down the (?:road|line)|in the (?:distant )?future|few years|couple of year"
            r"s|several years|long term|not (?:until|before) 20\d\d|year or two|year or so|over a year)\b"
        ),
    ),
    (
        "0-3",
        0.85,
        re.compile(
            r"\b(?:asap|a\.s\.a\.p|as soon as possible|as quickly as possible|right away|immediately"
            r"|urgent(?:ly)?|ready to (?:buy|move|make an offer|go|sell|list)(?: now| today)?|this month"
            r"|next month|este mes|proximo mes|lo antes posible|cuanto antes|ya mismo|end of (?:the|this"
            r"|next) month|this coming month|yesterday would be)\b"
        ),
    ),
)
_UNIT_WORDS = word_set("month months mo mos year years yr yrs week weeks wk wks semana semanas mes meses ano anos")
_YEAR_WORDS = word_set("year years year's ano christmas thanksgiving holidays")
_OTHER_WORDS = word_set(
    """looking browsing curious rush hurry window starting seeing pressure timeline timeframe time set particular
    urgent urgently ready taking tires flexible know decided mirando prisa someday some eventually road line
    future years couple term year asap possible away now immediately month mes antes mismo sure yesterday"""
)
#: what a move is told with
_MOVE = re.compile(
    r"\b(?:mov\w{1,4}|buy\w{0,4}|purchas\w{1,4}|sell\w{0,4}|list(?:ing)?|lease|relocat\w{1,5}"
    r"|clos(?:e|ing)|settl\w{1,4}|timeline|time ?frame|ready|house|home|place|need|start(?:ing)? (?:lookin"
    r"g|our search)|looking|rent\w{0,4}|transfer\w{0,5}"
    r"|job|baby|retir\w{1,4}|comprar|mudar\w{0,4}|vender|casa|planning|plan|hop\w{1,4}|want|would like"
    r"|wait|marri\w{1,4}|graduat\w{1,4}|expire\w?)\b"
)
_VISIT = re.compile(
    r"\b(?:visit|tour|see it|see the|showing|meet|call|viewing|appointment|talk|text|check back"
    r"|follow up|get back|reach out|touch base|out of town|vacation|back in)\b"
)
_PAST = re.compile(
    r"\b(?:was|were|built|lived|been|ago|last|sold|bought|for sale for|renovated|since|on the market"
    r"|old|listed|moved|years? of|warranty|had)\b"
)
#: words before a season that make it a time to come
_DEADLINE = ("by", "before", "this", "next", "antes", "para")
_NOT = re.compile(r"(?:\bnot|n't|\bno need to|\bnever|\bno)(?: [a-z']{1,12}){0,3} \Z")
#: days of a month, on average
_DAYS = 30.44
_SOON = 3
_SURE = 0.9
#: spans of time that are looked at for each form
_MOST = 6
_MONTHS_OF = {"w": 7 / _DAYS, "s": 7 / _DAYS, "m": 1.0, "y": 12.0, "a": 12.0}


def read(message: FoldedText, *, at: datetime, zone: ZoneInfo) -> Iterator[Fact]:
    """Yield when a lead wants to move, as months from now; "unknown" for who is just looking or in no hurry.

    >>> from datetime import UTC
    >>> from ml.language.facts.folding import folded
    >>> at, zone = datetime(2026, 11, 30, 18, tzinfo=UTC), ZoneInfo("America/Chicago")
    >>> texts = "in the next 3 months", "we want to move by summer", "buying next year", "just looking"
    >>> [next(read(folded(text), at=at, zone=zone)).value for text in texts]
    ['0-3', '6-12', '6-12', 'unknown']
    """
    found: list[tuple[int, int]] = []
    for fact in _facts(message, at.astimezone(zone).date()):
        if all(fact.end <= start or end <= fact.start for start, end in found):
            found.append((fact.start, fact.end))
            yield fact


def _facts(message: FoldedText, today: date) -> Iterator[Fact]:
    words = message.words
    if not words.isdisjoint(_UNIT_WORDS):
        yield from _by_count(message)
    if not words.isdisjoint(_SEASONS) or not words.isdisjoint(_MONTHS):
        yield from _by_calendar(message, today)
    if message.has_digit or not words.isdisjoint(_YEAR_WORDS):
        for match in islice(_YEAR.finditer(message.text), _MOST):
            if _is_a_move(message, match, sure=match.lastgroup in {"next", "early", "end"}):
                yield _fact(match, _of_year(match, today), "around", 0.75)
    if not words.isdisjoint(_OTHER_WORDS):
        yield from _by_words(message)


def _by_count(message: FoldedText) -> Iterator[Fact]:
    """Yield "in the next 3 months", "6 months out"."""
    for pattern in (_IN, _BARE):
        for match in islice(pattern.finditer(message.text), _MOST):
            if _is_a_move(message, match, sure=match["unit"][0] in "my"):
                yield _fact(match, _months_of(match), "range" if match["high"] else "max", _SURE)


def _by_calendar(message: FoldedText, today: date) -> Iterator[Fact]:
    """Yield "by spring", "in March"."""
    for match in islice(_SEASON.finditer(message.text), _MOST):
        if _is_a_move(message, match, sure=match["lead"].startswith(_DEADLINE)):
            yield _fact(match, _until(today, _SEASONS[match["season"]], None, _shift(match["lead"])), "around", 0.8)
    for match in islice(_MONTH.finditer(message.text), _MOST):
        # a day with a month is rather a visit's: it is a deadline only beside words of a move
        if _is_a_move(message, match, sure=match["lead"].startswith("by") and not match["day"]):
            year = int(match["year"]) if match["year"] else None
            yield _fact(match, _until(today, _MONTHS[match["month"]], year, _shift(match["lead"])), "around", 0.8)


def _by_words(message: FoldedText) -> Iterator[Fact]:
    """Yield "just looking", "asap", "down the road"."""
    for value, confidence, pattern in _WORDS_OF:
        for match in islice(pattern.finditer(message.text), _MOST):
            sentence = sentence_at(message, match.start())
            refused = value != "unknown" and _NOT.search(message.text[max(0, match.start() - 24) : match.start()])
            if not refused and not _VISIT.search(sentence) and not _PAST.search(sentence):
                yield Fact(
                    kind="timeline",
                    value=value,
                    bound=None,
                    start=match.start(),
                    end=match.end(),
                    confidence=confidence,
                )


def _is_a_move(message: FoldedText, match: re.Match[str], *, sure: bool) -> bool:
    """Return whether a span of time is one until a move: not of a visit, of the past or of something else."""
    if (match.groupdict().get("after") or "").strip() in {"ago", "old", "lease", "rent"}:
        return False
    sentence = sentence_at(message, match.start())
    if _VISIT.search(sentence) or _PAST.search(sentence):
        return False
    return sure or _MOVE.search(sentence) is not None


def _months_of(match: re.Match[str]) -> float:
    written = match["high"] or match["low"]
    few = {"a": 1, "an": 1, "few": 3, "a few": 3, "several": 4, "unos": 3, "algunos": 3}
    count = int(written) if written.isdigit() else few.get(written) or SMALL.get(written.removeprefix("a "), 2)
    return count * _MONTHS_OF[match["unit"][0]]


def _shift(lead: str) -> float:
    """Return by how many months words such as "early" and "end of" move the middle of a month or season."""
    return -1.0 if "before" in lead or lead == "by" else 0.5 if "late" in lead or "end" in lead else 0.0


def _until(today: date, month: int, year: int | None, shift: float) -> float:
    """Return the months until the middle of a month (13: January after) that comes next, or of that year."""
    now = today.month + today.day / 31
    ahead = month + 0.5 + shift - now + (12 * (year - today.year) if year else 0)
    while not year and ahead < -0.75:
        ahead += 12
    while not year and ahead > 12:
        ahead -= 12
    return max(0.0, ahead)


def _of_year(match: re.Match[str], today: date) -> float:
    now = today.month + today.day / 31
    if match["end"]:
        return 13 - now
    if match["early"]:
        return 14 - now
    years = int(match["year"]) - today.year if match["year"] else 1
    return max(0.0, 12 * years + 7 - now)


def _fact(match: re.Match[str], months: float, bound: Bound, confidence: float) -> Fact:
    return Fact(
        kind="timeline",
        value=in_words(months),
        bound=bound,
        start=match.start(),
        end=match.end(),
        confidence=confidence,
    )


def in_words(months: float) -> Timeline:
    """Return the months until a move in the words of `domain.leads`.

    >>> [in_words(months) for months in (0, 3, 6, 12, 13)]
    ['0-3', '0-3', '3-6', '6-12', '12+']
    """
    if months <= _SOON:
        return "0-3"
    return "3-6" if months <= 2 * _SOON else "6-12" if months <= 4 * _SOON else "12+"
