"""What to talk about with a lead: what it told and what its record says, each with where that stands.

What was told last wins over what was told before and over the record; where they differ, the point says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.facts import FactKind
from ml.features.emotional import visible
from ml.features.events import canonical, side
from ml.features.events import visible as visible_events
from ml.personalization.fact_words import FIELDS, KINDS, FactTexts, differ, in_words, recorded, shipped, visit_of
from ml.profiles import FactSignal, LeadProfile, MessageSignal

#: a fact below this confidence is a guess of the reader, such as a price beside a listing, and is not repeated
LEAST_CONFIDENCE = 0.6
#: kinds that are about the conversation of now, and for how long they are
PASSING: Mapping[FactKind, timedelta] = {
    "question": timedelta(days=14),
    "appointment_wish": timedelta(days=30),
    "price_objection": timedelta(days=60),
    "competitor": timedelta(days=60),
}
#: what an answer from us settles
ANSWERABLE: frozenset[FactKind] = frozenset({"question", "appointment_wish"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkingPoint:
    """One thing to talk about."""

    #: the kind of fact, with `_conflict` where two sources differ
    code: str
    text: str
    #: None where it holds no value
    fact: FactSignal | None
    #: the message that told it, or else the field of the record
    event_id: str | None = None
    field: str | None = None
    #: 0 to 1; 1 for a field
    confidence: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """A fact and the message that told it."""

    fact: FactSignal
    message: MessageSignal


def talking_points(profile: LeadProfile, texts: FactTexts | None = None) -> tuple[TalkingPoint, ...]:
    """Return what to talk about, one point a kind of fact, in the order of `KINDS`.

    >>> from datetime import UTC
    >>> now = datetime(2026, 3, 1, tzinfo=UTC)
    >>> budget = FactSignal(kind="budget", value=(None, 450_000.0), bound="max", confidence=0.9)
    >>> said = MessageSignal(event_id="7", occurred_at=now, recorded_at=now, facts=(budget,))
    >>> lead = LeadProfile(lead_id="1", as_of=now, numbers={"budget_max": 400_000.0}, timeline="0-3", messages=(said,))
    >>> for point in talking_points(lead):
    ...     print(point.code, "|", point.text, "|", point.event_id or point.field)
    budget_conflict | They told a budget: $450,000 at most. The record says $400,000 at most: ask which holds. | 7
    timeline | When, by the record: within 3 months. | timeline
    """
    texts = texts or shipped()
    told = _told(profile)
    points = (
        _told_point(told[kind], recorded(kind, profile), texts) or _record_point(kind, profile, texts) for kind in KINDS
    )
    return tuple(point for point in points if point is not None)


def _told(profile: LeadProfile) -> dict[FactKind, list[_Told]]:
    """Return what was told of each kind and still is something to talk about, newest first."""
    told: dict[FactKind, list[_Told]] = {kind: [] for kind in KINDS}
    for message in reversed(visible(profile)):
        for fact in message.facts:
            if (
                fact.kind in told
                and fact.confidence >= LEAST_CONFIDENCE
                and _counts(fact, message.occurred_at, profile)
            ):
                told[fact.kind].append(_Told(fact=fact, message=message))
    return told


def _counts(fact: FactSignal, at: datetime, profile: LeadProfile) -> bool:
    if fact.kind == "visit_time":
        visit = visit_of(fact)
        return visit is not None and visit.date() >= profile.as_of.astimezone(visit.tzinfo).date()
    if fact.kind in PASSING:
        recent = profile.as_of - at <= PASSING[fact.kind]
        return recent and not (fact.kind in ANSWERABLE and answered(profile, at))
    return in_words(fact) is not None


def answered(profile: LeadProfile, at: datetime) -> bool:
    """Return whether the brokerage wrote, or anybody called, after a moment."""
    later = (event for event in visible_events(profile) if event.occurred_at > at)
    kinds = ((canonical(event.kind, event.direction), event.direction) for event in later)
    return any(kind == "calls" or (kind is not None and side(kind, direction) < 0) for kind, direction in kinds)


def _told_point(told: Sequence[_Told], record: FactSignal | None, texts: FactTexts) -> TalkingPoint | None:
    if not told:
        return None
    newest = told[0]
    fact = newest.fact
    code, text = _conflict(told, record, texts.told[fact.kind].format(value=in_words(fact, texts)), texts)
    return TalkingPoint(
        code=code,
        text=text,
        fact=None if fact.kind in PASSING else fact,
        event_id=newest.message.event_id,
        confidence=fact.confidence,
    )


def _conflict(told: Sequence[_Told], record: FactSignal | None, text: str, texts: FactTexts) -> tuple[str, str]:
    """Return code and text of a told fact: with what contradicts it, if anything does."""
    fact = told[0].fact
    if record is not None and differ(fact, record, texts):
        return f"{fact.kind}_conflict", texts.conflict["record"].format(told=text, record=in_words(record, texts))
    # several visits are no contradiction
    before = next((item.fact for item in told if fact.kind in FIELDS and differ(item.fact, fact, texts)), None)
    if before is None:
        return fact.kind, text
    return f"{fact.kind}_conflict", texts.conflict["earlier"].format(told=text, earlier=in_words(before, texts))


def _record_point(kind: FactKind, profile: LeadProfile, texts: FactTexts) -> TalkingPoint | None:
    fact = recorded(kind, profile)
    if fact is None:
        return None
    text = texts.record[kind].format(value=in_words(fact, texts))
    return TalkingPoint(code=kind, text=text, fact=fact, field=FIELDS[kind])
