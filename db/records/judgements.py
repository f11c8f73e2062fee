"""What people say of scores, and the thresholds that scores cross."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideDraft:
    """A person's own judgement of a lead."""

    lead_id: str
    #: the kind of score it counts instead of
    kind: str
    #: hot, warm or cold
    band: str
    #: None: somewhere in the band
    probability: float | None
    #: a code
    reason: str
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideRecord:
    """A stored judgement; it stands until it is withdrawn."""

    override_id: str
    lead_id: str
    kind: str
    band: str
    probability: float | None
    reason: str
    actor: str
    set_at: datetime
    withdrawn_at: datetime | None
    withdrawn_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkDraft:
    """What somebody says of one score."""

    lead_id: str
    prediction_id: str
    model_version: str
    #: wrong or right
    verdict: str
    #: a code
    reason: str
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkRecord:
    """A stored mark."""

    mark_id: str
    lead_id: str
    prediction_id: str
    model_version: str
    verdict: str
    reason: str
    actor: str
    marked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkTally:
    """How often scores of one model were marked."""

    model_version: str
    wrong: int
    right: int
    #: code -> how often it was given with `wrong`
    reasons: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelMove:
    """A lead's score that lies beyond a threshold, on the other side than before."""

    lead_id: str
    threshold: str
    #: True entered, False left
    above: bool
