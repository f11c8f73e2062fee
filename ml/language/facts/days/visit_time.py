"""Read when a lead can or wants to meet: days and times of a message, in the lead's own time zone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from domain.facts import Bound
from ml.language.facts.days.clock import TimeSpan, times
from ml.language.facts.days.dates import DaySpan, days
from ml.language.facts.folding import FoldedText, word_set
from ml.language.results import Fact

#: what may stand between a day and its time
_GAP = re.compile(
    r"[ ,.;(]{0,3}(?:(?:at|@|around|about|in|the|by|after|before|between|from|for|on|of|a|las"
    r"|la|por|en|de|el|any ?time|sometime|maybe|say"
    r"|preferably|early|late|this|-|works|is|good|would be|time)[ ,]{0,2}){0,4}"
)
#: sentences about other days than a visit's: what happened, leases, closings, absences, thanks
_OTHER = re.compile(
    r"\b(?:lease|closing|closed|closes|expires?|born|birthday|birthdate|bday|sold|built|ago|since|anniversary"
    r"|(?:was|were)(?! (?:wondering|hoping|thinking|looking|planning|going|curious|trying|wanting))"
    r"|been|moved|moving|move in|move out|be (?:in|out|settled) by"
    r"|wedding|vacation|out of town|out of the country|yesterday|last (?:week|month|year|time"
    r"|night|mon|tue|wed|thu|fri|sat|sun)\w{0,8}|bought|listed|due date|deadline"
    r"|paycheck|vencio|nacio|contrato)\b"
)
#: what parts clauses: "my lease ends in May, can we come Saturday?"
_CLAUSE_END = re.compile(r"[,;(]| but | so | then ")
#: a day that is refused: "I can't do Tuesday", "not on the 10th", "busy Friday"
_REFUSED = re.compile(
    r"\b(?:(?:can't|cannot|can not|unable to)(?! go until| until)|won't (?:be|work|make|do|have)"
    r"|not available|unavailable|not free|isn't good|doesn't work|don't work|not work|not good"
    r"|busy|conflict"
    r"|booked|not able|unable|not going to|instead of|rather than|other than|except|but not|any day but"
    r"|anything but|not for|not on|not the|working on|(?:i|we) work"
    r"|no puedo)\b(?:(?! until | till | before | but )[^,;]){0,40}\Z"
)
_REFUSED_AFTER = re.compile(
    r"[^,;.]{0,24}\b(?:(?:does not|doesn't|won't|isn't|is not|not) (?:work|good|possible|going"
    r"|an option)|is out|no good|is bad|is no longer|i can't|i cannot|i won't|no puedo)\b"
)
#: a question about one's own calendar proposes nothing yet
_OWN_CALENDAR = re.compile(
    r"\b(?:am i|(?:check|see|know|tell me|find out) (?:when|if) i(?:'m| am)|will i be|when so i"
    r"|i have free|do i have|i have an?y? (?:available|free|open)\w{0,8}|what[a-z ]{0,20} do i have"
    r"|my (?:availability|schedule|calendar)"
    r"|free for me|is my)\b"
)
_THANKS = re.compile(
    r"\b(?:thanks?|all|everything|help|helped|sleep|how are you|great day|nice day|good day|wonderful|doing)\b"
)
_APPOINTMENT = word_set(
    """visit visits tour tours see seeing showing showings view viewing appointment meet meeting schedule reschedule
    come stop walk walkthrough call available free book show cita visita ver visitar reunirnos vernos llamame
    call"""
)
_OPEN_END = re.compile(
    r"\b(?:(?P<between>between)|(?P<first>after|from|starting(?: on)?|past|not before)"
    r"|(?<!come )(?<!stop )(?<!swing )by|before|until|till?)(?: the| about)? \Z"
)
_LOOK_BACK = 24
_MOST = 4


def read(message: FoldedText, *, at: datetime, zone: ZoneInfo) -> Iterator[Fact]:
    """Yield the days (ISO date) and times (ISO with offset) that a lead proposes, in the lead's zone.

    >>> from datetime import UTC
    >>> from ml.language.facts.folding import folded
    >>> at, zone = datetime(2026, 11, 30, 18, tzinfo=UTC), ZoneInfo("America/Chicago")
    >>> message = folded("Tomorrow at 3, or Saturday? My lease ends on the 14th.")
    >>> [fact.value for fact in read(message, at=at, zone=zone)]
    ['2026-12-01T15:00:00-06:00', '2026-12-05']
    """
    local = at.astimezone(zone)
    named = proposed_days(message, local.date())
    hours = times(message) if named or not message.words.isdisjoint(_APPOINTMENT) else []
    if named:
        for day in named[:_MOST]:
            yield _fact(message.text, day, hours, zone)
    elif not message.words.isdisjoint(_APPOINTMENT):
        yield from _times_alone(hours, local)


def proposed_days(message: FoldedText, today: date) -> list[DaySpan]:
    """Return the days that a lead proposes, without their times of day; `today` is the lead's.

    >>> from ml.language.facts.folding import folded
    >>> [str(day.day) for day in proposed_days(folded("not Tuesday, but Friday works"), date(2026, 11, 30))]
    ['2026-12-04']
    """
    return [day for day in days(message, today) if _is_proposed(message, day)]


def _is_proposed(message: FoldedText, day: DaySpan) -> bool:
    """Return whether a day is one on which the lead may come: not past, refused, or about something else."""
    sentence = next((each for each in message.sentences if day.start < each.end), None)
    if sentence is None:
        return False
    text = message.text[sentence.start : sentence.end]
    before, after = message.text[sentence.start : day.start], message.text[day.end : sentence.end]
    words = message.text[day.start : day.end]
    clause = _CLAUSE_END.split(before)[-1] + words + _CLAUSE_END.split(after, maxsplit=1)[0]
    if _OTHER.search(clause) or _REFUSED.search(before) or _REFUSED_AFTER.match(after):
        return False
    if before.endswith(("last ", "past ", "every ", "not ")) or (_OWN_CALENDAR.search(text)):
        return False
    return not (words in {"today", "tonight", "hoy", "this morning"} and _THANKS.search(text))


def _fact(text: str, day: DaySpan, hours: Sequence[TimeSpan], zone: ZoneInfo) -> Fact:
    hour = _nearest(text, day, hours)
    bound = _bound(text, day)
    if hour is None:
        own = next((each for each in hours if day.start <= each.start and each.end <= day.end), None)
        if own is None:
            return Fact(kind="visit_time", value=day.day.isoformat(), bound=bound, start=day.start, end=day.end,
                        confidence=day.confidence)  # fmt: skip
        hour = own
    return Fact(
        kind="visit_time",
        value=datetime.combine(day.day, hour.at, zone).isoformat(),
        bound=bound if bound != "exact" else hour.bound,
        start=min(day.start, hour.start),
        end=max(day.end, hour.end),
        confidence=round(day.confidence * (1.0 if hour.is_sure else 0.9), 3),
    )


def _bound(text: str, day: DaySpan) -> Bound:
    """Return whether a day is meant as such, or as the first or last one: "any day after the 15th"."""
    if day.is_about:
        return "around"
    match = _OPEN_END.search(text[max(0, day.start - _LOOK_BACK) : day.start])
    if match is None:
        return "exact"
    return "around" if match["between"] else "min" if match["first"] else "max"


def _nearest(text: str, day: DaySpan, hours: Sequence[TimeSpan]) -> TimeSpan | None:
    """Return the time that belongs to a day: right after it, or right before it."""
    after = next((each for each in hours if each.start >= day.end and _GAP.fullmatch(text[day.end : each.start])), None)
    if after:
        return after
    return next(
        (each for each in reversed(hours) if each.end <= day.start and _GAP.fullmatch(text[each.end : day.start])), None
    )


def _times_alone(hours: Sequence[TimeSpan], local: datetime) -> Iterator[Fact]:
    """Yield a time without a day, on the day on which it comes next: a guess, so with little confidence."""
    for hour in [each for each in hours if not each.is_part][:_MOST]:
        day: date = local.date() if hour.at > local.time() else local.date() + timedelta(days=1)
        value = datetime.combine(day, hour.at, local.tzinfo).isoformat()
        yield Fact(kind="visit_time", value=value, bound=hour.bound, start=hour.start, end=hour.end,
                   confidence=0.5 if hour.is_sure else 0.3)  # fmt: skip
