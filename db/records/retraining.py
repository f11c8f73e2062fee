"""Runs of retraining, and scores of models that do not answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.promotions import Promoting
from domain.retraining import Challenger, ChallengerStep, RetrainingCause, RetrainingState


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengerRecord:
    """One way in which a run trains, and how far it is."""

    state: ChallengerStep
    #: of the model that came of it
    version: str | None = None
    #: out of fold, of its newest rows: a number of rows -> the mean log loss of so many
    newest: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> ChallengerRecord:
        """Return the record of a stored mapping; fields of a later version are ignored."""
        return cls(state=stored["state"], version=stored.get("version"), newest=stored.get("newest") or {})


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainingRecord:
    """A run of one kind of model."""

    retraining_id: str
    kind: str
    cause: RetrainingCause
    #: what becomes of a challenger that earns it
    promote: Promoting
    #: labels are those that were known by then
    as_of: datetime
    #: the challenger `recent` learns from labels that became known since
    since: datetime
    state: RetrainingState
    challengers: Mapping[Challenger, ChallengerRecord]
    #: the challenger's model that was judged
    version: str | None
    #: one sentence with figures
    reason: str | None
    created_at: datetime
    due_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowScoreRecord:
    """What a model that does not answer says of a snapshot that another one scored."""

    #: of the model that does not answer
    version: str
    snapshot_id: str
    kind: str
    lead_id: str
    probability: float
    #: what was served, and by which model
    served_probability: float
    served_version: str
    #: of the snapshot
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedSnapshot:
    """A served score that a shadow has not scored."""

    snapshot_id: str
    lead_id: str
    served_probability: float
    served_version: str
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedPair:
    """A label that landed, with what was served before and what the shadow said of the same snapshot."""

    lead_id: str
    label: bool
    served: float
    shadow: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowRecord:
    """A model that scores beside the champion: a challenger, or the champion before this one."""

    tenant_id: str
    kind: str
    version: str
    #: served scores are scored beside from then on
    since: datetime
    #: it answered before: its scores judge the promotion, not itself
    is_former: bool
