"""Overrides of scores, feedback on scores, and the thresholds that scores cross."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.scores import Band


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideDraft:
    """A person's override of a lead's score."""

    lead_id: str
    #: the kind of score that it replaces
    kind: str
    band: Band
    #: None: only the band is known
    probability: float | None
    #: a code
    reason: str
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideRecord:
    """A stored override; it is active until it is withdrawn."""

    override_id: str
    lead_id: str
    kind: str
    band: Band
    probability: float | None
    reason: str
    actor: str
    set_at: datetime
    withdrawn_at: datetime | None
    withdrawn_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackDraft:
    """A person's feedback on one score."""

    lead_id: str
    prediction_id: str
    model_version: str
    #: wrong or right
    verdict: str
    #: a code
    reason: str
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackRecord:
    """Stored feedback on a score."""

    mark_id: str
    lead_id: str
    prediction_id: str
    model_version: str
    verdict: str
    reason: str
    actor: str
    marked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackTally:
    """The counts of feedback on scores of one model."""

    model_version: str
    wrong: int
    right: int
    #: code -> number of times it was given with `wrong`
    reasons: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdCrossing:
    """The side of a threshold that a lead's score is on."""

    lead_id: str
    threshold: str
    #: True: entered; False: left
    above: bool
