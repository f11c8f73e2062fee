"""Find the times of day that a message names: "3 pm", "at 5:30", "noon", "Saturday morning"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time
from itertools import islice

from domain.facts import Bound
from ml.language.facts.folding import FoldedText, word_set
from ml.language.facts.number_words import SMALL, SMALL_WORD

#: the hour at which a part of the day begins
_PARTS = {
    "morning": 9, "manana": 9, "afternoon": 13, "tarde": 15, "evening": 18, "night": 19, "noche": 19, "lunch": 12,
    "lunchtime": 12,
}  # fmt: skip
_NAMED = {"noon": 12, "midday": 12, "mediodia": 12, "midnight": 0}
_TRIGGERS = frozenset(_PARTS) | word_set(
    """am pm a p m ish at around about after before by between from until o o'clock oclock clock h hrs half quarter past
    noon midday midnight mediodia las la"""
)
_HOURS = frozenset(SMALL)
_CLOCK = re.compile(
    rf"(?<![\w$.,/:-])(?:(?P<lead>not before|no earlier than|not after|no later than|at|@|around"
    rf"|about|after|before|by|between|from|until|till|approximately|a las|a la|as late as|as early as) ?(?:"
    rf"about |around )?)?"
    rf"(?:(?P<past>half past|quarter past|quarter to) )?(?P<hour>\d{{1,2}}|{SMALL_WORD})"
    r"(?:(?P<sep>[:.h])(?P<minute>[0-5]\d))?(?P<ish> ?-?ish\b)?(?!\d|[.,:]\d|\$)"
    r"(?: ?(?:-|to|and|or) ?(?P<last>\d{1,2})(?::(?P<last_minute>[0-5]\d))?(?![\d,k%]))?"
    r"(?: ?(?P<half>a\.?m\b\.?|p\.?m\b\.?|[ap](?=[ .,!?]|\Z))| ?(?P<oclock>o['\" ]?clock|hrs"
    r"|h\b)|(?P<part> (?:in the|at|de la|por la) (?:morning|afternoon|evening|night|manana|tarde"
    r"|noche)))?"
    r"(?: (?P<part2>(?:in the|at|de la|por la) (?:morning|afternoon|evening|night|manana|tarde|noche)))?(?![\w%/]|-\d)"
)
_PART = re.compile(
    r"\b(?P<lead>(?:early|late|mid|first thing)?[ -]?)(?:in the |por la |en la |de la |this "
    r"|esta |la )?(?P<part>morning|afternoon|evening|night|lunchtime|lunch|tarde|noche|noon|midday"
    r"|midnight|mediodia|(?<=la )manana)\b"
)
#: nouns after a bare hour that make it a count
_COUNTED = re.compile(
    r" ?(?:bed|bath|br|ba|bd|room|k\b|mil|mm|m\b|%|percent|people|year|month|week|day|hour|min"
    r"|mile|acre|sq|ft|feet|foot|point"
    r"|unit|home|house|place|propert|listing|of|more|other|different|st\b|th\b|nd\b|rd\b|car"
    r"|stor|kid|child|dog|cat|pet|time|x\b|/|-?[a-z]{1,20} (?:st|street|rd|road|ave|lane|dr)\b)"
)
_MOST_HOUR, _NOON = 23, 12
#: times of one message that are read; nobody offers more
_MOST = 20
#: an hour without am or pm: from 8 on it is in the morning, before that in the afternoon
_FIRST_MORNING_HOUR = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSpan:
    """A time of day that a message names: characters [start, end)."""

    start: int
    end: int
    at: time
    bound: Bound
    #: whether it is surely a time by itself: "3 pm" and not "at 3"
    is_sure: bool
    #: a part of the day, no hour
    is_part: bool = False


def times(message: FoldedText) -> list[TimeSpan]:
    """Return the times of day that a message names, in their order.

    >>> from ml.language.facts.folding import folded
    >>> [(str(span.at), span.bound) for span in times(folded("at 3, after 5:30 pm, or in the morning"))]
    [('15:00:00', 'exact'), ('17:30:00', 'min'), ('09:00:00', 'around')]
    """
    if message.words.isdisjoint(_TRIGGERS) and not (message.has_digit and (":" in message.text or "@" in message.text)):
        return []
    found = list(islice(_hours(message), _MOST)) if message.has_digit or not message.words.isdisjoint(_HOURS) else []
    for match in islice(_PART.finditer(message.text), _MOST):
        if all(match.end() <= other.start or other.end <= match.start() for other in found):
            named = _NAMED.get(match["part"])
            hour = _PARTS[match["part"]] if named is None else named
            bound: Bound = "around" if named is None else "exact"
            found.append(
                TimeSpan(
                    start=match.start("part") if not match["lead"].strip() else match.start(),
                    end=match.end(),
                    at=time(hour),
                    bound=bound,
                    is_sure=named is not None,
                    is_part=named is None,
                )
            )
    return sorted(found, key=lambda span: span.start)


def _hours(message: FoldedText) -> Iterator[TimeSpan]:
    for match in _CLOCK.finditer(message.text):
        part = match["part"] or match["part2"] or ""
        half = (match["half"] or "").strip(".")
        sure = bool(half or match["oclock"] or part or match["past"] or (match["sep"] == ":" and match["minute"]))
        if not sure and (not (match["lead"] or match["ish"]) or _COUNTED.match(message.text, match.end())):
            continue
        at = _time(match, half, part)
        if at is not None:
            yield TimeSpan(start=match.start(), end=match.end(), at=at, bound=_bound(match), is_sure=sure)


def _time(match: re.Match[str], half: str, part: str) -> time | None:
    """Return the time of day, or None where the figures are none."""
    written = match["hour"]
    hour = int(written) if written.isdigit() else SMALL[written]
    minute = int(match["minute"] or 0)
    past = match["past"] or ""
    if past:
        minute = 30 if past == "half past" else 15
        if past == "quarter to":
            hour, minute = hour - 1, 45
    afternoon = half.startswith("p") or part.endswith(("afternoon", "evening", "night", "tarde", "noche"))
    morning = half.startswith("a") or part.endswith(("morning", "manana"))
    if half and not 1 <= hour <= _NOON:
        return None
    if afternoon and hour < _NOON and not (match["last"] and _crosses_noon(hour, int(match["last"]))):
        hour += 12
    elif morning and hour == _NOON:
        hour = 0
    elif not (afternoon or morning) and hour < _FIRST_MORNING_HOUR and not written.startswith("0"):
        hour += 12 if hour else 0
    return time(hour, minute) if 0 <= hour <= _MOST_HOUR else None


def _crosses_noon(first: int, last: int) -> bool:
    """Return whether a range such as "10-2 pm" begins in the morning."""
    return first > last and first != _NOON


def _bound(match: re.Match[str]) -> Bound:
    lead = match["lead"] or ""
    if match["last"] or match["ish"] or lead in {"between", "around", "about", "approximately"}:
        return "around"
    if lead in {"after", "from", "as early as", "not before", "no earlier than"}:
        return "min"
    return "max" if lead in {"before", "by", "until", "till", "as late as", "not after", "no later than"} else "exact"
