"""Rank today's leads and the ways to reach them: unanswered inquiries first, then by expected value."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Literal

from ml.explain import describe
from ml.features.catalogue import FEATURES
from ml.features.events import canonical
from ml.interventions.catalogue import CATALOGUE, Action

#: whether a lead is on the list, is left out since nobody may contact it, or is no lead for a list
Place = Literal["listed", "withheld", "left_out"]
#: channels over which a lead is reached, with the plain action of each; the first way of a list of calls is a call
REACHING: Mapping[str, str] = {"call": "call_task", "email": "email", "sms": "sms"}
#: for so long an unanswered inquiry comes before all scores: minutes decide in the first hours, and a list that is made
#: once a day shows each at its top once. After that it is ranked by what a call may bring, as every other lead
INQUIRY_FIRST = timedelta(days=1)
#: ranked leads that are looked at together at most
MOST = 1600


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A lead that could be called today."""

    lead_id: str
    #: chance to close, 0 to 1
    probability: float
    #: what closing it is worth, in the tenant's currency; None = unknown
    value: float | None = None
    #: when a fresh inquiry came that nobody has answered yet
    inquiry_at: datetime | None = None
    #: False when every channel is closed: never listed
    contactable: bool = True
    #: who calls it; None = nobody yet
    agent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedScore:
    """A lead's score and what had happened, as of a moment."""

    probability: float
    band: str
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreChange:
    """The change in a lead's score since the day before, and the events between."""

    since: datetime
    #: its probability then, and how much it rose
    probability: float
    delta: float
    band: str
    #: canonical kind -> how often it happened since
    events: Mapping[str, int]
    #: plain words
    text: str


def rank(
    candidates: Sequence[Candidate],
    *,
    now: datetime,
    capacity: int,
    typical: float | None = None,
    limit: Callable[[str], int] | None = None,
) -> list[Candidate]:
    """Return the first `capacity` contactable leads: unanswered inquiries, longest waiting first, then expected value.

    An inquiry of more than a day ago (`INQUIRY_FIRST`) has no precedence any more.
    A value that is not known counts as `typical`, else as the median of the known ones, or 1 when none is. Ties are
    broken by lead id. With `limit` no agent gets more leads than it gives for them.

    >>> from datetime import UTC
    >>> now = datetime(2025, 3, 1, tzinfo=UTC)
    >>> leads = [
    ...     Candidate(lead_id="a", probability=0.9, value=100.0),
    ...     Candidate(lead_id="b", probability=0.2, value=900.0),
    ...     Candidate(lead_id="c", probability=0.1, inquiry_at=now),
    ...     Candidate(lead_id="d", probability=0.1, inquiry_at=now - timedelta(days=2)),
    ... ]
    >>> [lead.lead_id for lead in rank(leads, now=now, capacity=3)]
    ['c', 'b', 'a']
    """
    ordered = in_order(candidates, now=now, typical=typical)
    return list(fill(ordered, lambda ids: dict.fromkeys(ids, "listed"), capacity=capacity, limit=limit).chosen)


def in_order(candidates: Sequence[Candidate], *, now: datetime, typical: float | None = None) -> list[Candidate]:
    """Return all contactable leads, ordered as `rank` does."""
    open_to = [candidate for candidate in candidates if candidate.contactable]
    usual = typical or _typical(open_to)
    return sorted(open_to, key=lambda candidate: _key(candidate, now, usual))


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledList:
    """A list that was filled from the top."""

    chosen: tuple[Candidate, ...]
    #: how many that would have been on it are not, since nobody may contact them
    withheld: int


def fill(
    ordered: Sequence[Candidate],
    place: Callable[[Sequence[str]], Mapping[str, Place]],
    *,
    capacity: int,
    limit: Callable[[str], int] | None = None,
) -> FilledList:
    """Fill a list with the first leads that `place` lists; it is asked of as few leads as that takes.

    `place` gets the ids of some leads and gives where each belongs; a lead that it does not name is left out. With
    `limit` no agent gets more leads than it gives for them.

    >>> leads = [Candidate(lead_id=name, probability=0.5) for name in "abcd"]
    >>> found = fill(leads, lambda ids: {name: "withheld" if name == "b" else "listed" for name in ids}, capacity=2)
    >>> [lead.lead_id for lead in found.chosen], found.withheld
    (['a', 'c'], 1)
    """
    chosen: list[Candidate] = []
    capacity = max(0, capacity)
    leads_of_agent: Counter[str | None] = Counter()
    withheld = 0

    def has_room(lead: Candidate) -> bool:
        agent_has_room = limit is None or lead.agent is None or leads_of_agent[lead.agent] < limit(lead.agent)
        return agent_has_room and len(chosen) < capacity

    for batch in _batches(ordered, capacity):
        candidates = [lead for lead in batch if has_room(lead)]
        places = place([lead.lead_id for lead in candidates]) if candidates else {}
        for lead in filter(has_room, candidates):
            verdict = places.get(lead.lead_id, "left_out")
            withheld += verdict == "withheld"
            if verdict == "listed":
                chosen.append(lead)
                leads_of_agent[lead.agent] += 1
        if len(chosen) >= capacity:
            break
    return FilledList(chosen=tuple(chosen), withheld=withheld)


def ways(urged: str | None, traits: Collection[str], actions: Mapping[str, Action] = CATALOGUE.actions) -> list[Action]:
    """Return the ways in which a person may see to a lead, best first: what is urged, then one over each other channel.

    `actions` are those that the brokerage uses. A call is always among the ways: it is what a list of calls is for.

    >>> [way.name for way in ways("listing_alert", {"lead_type:buyer"})]
    ['listing_alert', 'call_task', 'sms']
    >>> [way.name for way in ways("listing_alert", {"lead_type:seller"})]
    ['call_task', 'email', 'sms']
    """
    call = REACHING["call"]
    used = {call: CATALOGUE.actions[call], **actions}
    suited = [way for way in used.values() if way.channel in REACHING and not way.least and way.suits(traits)]
    first = [way for way in suited if way.name == urged]
    plain = sorted(suited, key=lambda way: way.name != REACHING[way.channel])
    others = [next((way for way in plain if way.channel == channel), None) for channel in REACHING]
    open_to = {way.channel for way in first}
    return first + [way for way in others if way is not None and way.channel not in open_to]


def score_change(before: DatedScore, now: DatedScore, happened: Sequence[tuple[str, str | None]]) -> ScoreChange:
    """Return what is new: the score against that of a day before, and what happened since as (kind, direction).

    >>> from datetime import UTC
    >>> then, today = datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 3, 2, tzinfo=UTC)
    >>> was = DatedScore(probability=0.2, band="cold", as_of=then)
    >>> now = DatedScore(probability=0.35, band="warm", as_of=today)
    >>> score_change(was, now, [("showing", None), ("showing", None), ("sms", "inbound"), ("task", None)]).text
    'score 20 to 35, cold to warm; 2 showings, 1 text message from them'
    """
    kinds = Counter(name for kind, direction in happened if (name := canonical(kind, direction)) is not None)
    event_texts = [describe(name, float(count)) for name, count in kinds.most_common() if name in FEATURES]
    score = _moved(before, now)
    return ScoreChange(
        since=before.as_of,
        probability=before.probability,
        delta=round(now.probability - before.probability, 6),
        band=before.band,
        events=dict(kinds),
        text="; ".join(part for part in (score, ", ".join(event_texts)) if part) or "nothing new",
    )


def _moved(before: DatedScore, now: DatedScore) -> str:
    was, score = round(100 * before.probability), round(100 * now.probability)
    bands = f", {before.band} to {now.band}" if before.band != now.band else ""
    return f"score {was} to {score}{bands}" if was != score or bands else ""


def _batches(ordered: Sequence[Candidate], capacity: int) -> Iterator[Sequence[Candidate]]:
    """Yield the leads in growing batches: most lists are full after the first few, and long lists take few steps."""
    start, size = 0, capacity + capacity // 4 + 5
    while start < len(ordered):
        yield ordered[start : start + size]
        start, size = start + size, min(2 * size, MOST)


def expected_value(candidate: Candidate, typical: float) -> float:
    """Return probability times value, `typical` standing in for a value that is not known."""
    return candidate.probability * (candidate.value if _known(candidate.value) and candidate.value else typical)


def _key(candidate: Candidate, now: datetime, typical: float) -> tuple[bool, float, float, str]:
    inquiry = candidate.inquiry_at
    waits = inquiry is not None and timedelta() <= now - inquiry <= INQUIRY_FIRST
    since = inquiry.timestamp() if waits and inquiry is not None else 0.0
    return not waits, since, -expected_value(candidate, typical), candidate.lead_id


def _typical(candidates: Sequence[Candidate]) -> float:
    values = [candidate.value for candidate in candidates if candidate.value is not None and _known(candidate.value)]
    return median(values) if values else 1.0


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and value > 0
