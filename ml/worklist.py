"""Whom to call today: inquiries nobody answered first, then by expected value."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from ml.explain import describe
from ml.features.catalogue import FEATURES
from ml.features.events import canonical


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
class Seen:
    """A lead's score and what had happened, as of a moment."""

    probability: float
    band: str
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What is new about a lead since a day before."""

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
    """Give the first `capacity` contactable leads: unanswered inquiries, longest waiting first, then expected value.

    A value that is not known counts as `typical`, else as the median of the known ones, or 1 when none is. Ties are
    broken by lead id. With `limit` no agent gets more leads than it gives for them.

    >>> from datetime import UTC
    >>> now = datetime(2025, 3, 1, tzinfo=UTC)
    >>> leads = [
    ...     Candidate(lead_id="a", probability=0.9, value=100.0),
    ...     Candidate(lead_id="b", probability=0.2, value=900.0),
    ...     Candidate(lead_id="c", probability=0.1, inquiry_at=now),
    ... ]
    >>> [lead.lead_id for lead in rank(leads, now=now, capacity=2)]
    ['c', 'b']
    """
    open_to = [candidate for candidate in candidates if candidate.contactable]
    usual = typical or _typical(open_to)
    ordered = sorted(open_to, key=lambda candidate: _key(candidate, now, usual))
    return _shared_out(ordered, limit)[: max(0, capacity)]


def changed(before: Seen, now: Seen, happened: Sequence[tuple[str, str | None]]) -> Changed:
    """Say what is new: the score against that of a day before, and what happened since as (kind, direction).

    >>> from datetime import UTC
    >>> then, today = datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 3, 2, tzinfo=UTC)
    >>> was, now = Seen(probability=0.2, band="cold", as_of=then), Seen(probability=0.35, band="warm", as_of=today)
    >>> changed(was, now, [("showing", None), ("showing", None), ("sms", "inbound"), ("task", None)]).text
    'score 20 to 35, cold to warm; 2 showings, 1 text message from them'
    """
    kinds = Counter(name for kind, direction in happened if (name := canonical(kind, direction)) is not None)
    told = [describe(name, float(count)) for name, count in kinds.most_common() if name in FEATURES]
    score = _moved(before, now)
    return Changed(
        since=before.as_of,
        probability=before.probability,
        delta=round(now.probability - before.probability, 6),
        band=before.band,
        events=dict(kinds),
        text="; ".join(part for part in (score, ", ".join(told)) if part) or "nothing new",
    )


def _moved(before: Seen, now: Seen) -> str:
    was, score = round(100 * before.probability), round(100 * now.probability)
    bands = f", {before.band} to {now.band}" if before.band != now.band else ""
    return f"score {was} to {score}{bands}" if was != score or bands else ""


def _shared_out(ordered: Sequence[Candidate], limit: Callable[[str], int] | None) -> list[Candidate]:
    if limit is None:
        return list(ordered)
    taken: Counter[str] = Counter()
    kept = []
    for candidate in ordered:
        if candidate.agent is not None:
            if taken[candidate.agent] >= limit(candidate.agent):
                continue
            taken[candidate.agent] += 1
        kept.append(candidate)
    return kept


def expected_value(candidate: Candidate, typical: float) -> float:
    """Give probability times value, `typical` standing in for a value that is not known."""
    return candidate.probability * (candidate.value if _known(candidate.value) and candidate.value else typical)


def _key(candidate: Candidate, now: datetime, typical: float) -> tuple[bool, float, float, str]:
    waiting = candidate.inquiry_at is not None and candidate.inquiry_at <= now
    since = candidate.inquiry_at.timestamp() if waiting and candidate.inquiry_at is not None else 0.0
    return not waiting, since, -expected_value(candidate, typical), candidate.lead_id


def _typical(candidates: Sequence[Candidate]) -> float:
    known = [candidate.value for candidate in candidates if candidate.value is not None and _known(candidate.value)]
    return median(known) if known else 1.0


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and value > 0
