"""What checks of models found: figures of windows of time, and drift."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.documents import JsonMapping
from domain.drift import DriftAction, DriftDirection, DriftLevel
from domain.targets import SignalOrigin


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRecord:
    """One check of one model: how it did in the window that ended then."""

    #: a kind of model, or `online_` and the target of an online learner
    kind: str
    #: who answered then
    version: str
    begins_at: datetime
    ends_at: datetime
    #: leads that were scored in the window, and labels that came in it
    scored: int
    labels: int
    action: DriftAction
    #: None: nothing above the watch line
    direction: DriftDirection | None
    #: finite figures, no personal data
    body: JsonMapping
    computed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRecord:
    """One drift of one model."""

    kind: str
    version: str
    #: performance, estimate, score, or `feature:` and its name
    series: str
    level: DriftLevel
    direction: DriftDirection
    #: when it became sure, and since when it is so
    at: datetime
    since: datetime
    #: change of the mean squared error, measured or expected; above 0 is worse
    effect: float
    #: in words
    reason: str
    #: when a check first told it
    found_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredLead:
    """The newest score of a lead in a window, by one model."""

    snapshot_id: str
    probability: float
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledScore:
    """A score whose label is known."""

    seq: int
    label: bool
    #: at serve time
    probability: float
    #: of the snapshot that was scored
    as_of: datetime
    #: when the label was known
    recorded_at: datetime
    #: outcome: something happened; matured: the horizon passed
    origin: SignalOrigin
