"""Whom to call today: inquiries nobody answered first, then by expected value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median


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


def rank(candidates: Sequence[Candidate], *, now: datetime, capacity: int) -> list[Candidate]:
    """Give the first `capacity` contactable leads: unanswered inquiries, longest waiting first, then expected value.

    A value that is not known counts as the median of the known ones, or 1 when none is. Ties are broken by lead id.

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
    typical = _typical(open_to)
    ordered = sorted(open_to, key=lambda candidate: _key(candidate, now, typical))
    return ordered[: max(0, capacity)]


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
