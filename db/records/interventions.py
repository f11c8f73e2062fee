"""What is planned for leads at risk, who is held out of it and how that ended, and what is paused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from db.records.common import Json

#: held_out and blocked are never told to anybody; approval, planned and dispatched stand; the rest is how one ended
ActionState = Literal[
    "held_out", "blocked", "approval", "planned", "dispatched", "executed", "rejected", "replied", "withdrawn"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class InterventionDraft:
    """One action as it was planned, or would have been for a lead that is held out."""

    #: the same plan has the same id, so that nothing is planned twice
    action_id: str
    lead_id: str
    #: of the answer that says the lead is at risk
    prediction_id: str | None
    #: the type of intervention
    intervention: str
    action: str
    channel: str
    urgency: str
    state: ActionState
    held_out: bool
    #: the chance of the arm that the lead is in
    propensity: float
    cost: float
    #: version of the catalogue
    policy: str
    reason_codes: tuple[str, ...]
    #: model where a measured uplift chose it, else rule
    evidence: str
    requires_approval: bool
    #: {"decision", "rules": [{"gate", "rule", "decision", …}]}
    decision: Json
    #: {"text", "crm", "expected_uplift"}; no personal data
    detail: Json
    planned_at: datetime
    not_before: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InterventionRecord(InterventionDraft):
    """A stored action and how far it is."""

    dispatched_at: datetime | None
    #: when the CRM told how it ended
    reported_at: datetime | None
    #: who approved, rejected or withdrew it
    reviewed_by: str | None
    reviewed_at: datetime | None
    withdrawn_at: datetime | None
    #: why it was withdrawn or rejected: a code
    withdrawn_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentDraft:
    """A lead that is planned for the first time, and on which side of the experiment."""

    experiment: str
    lead_id: str
    held_out: bool
    #: the chance of the arm that the lead is in
    propensity: float
    #: the type of its first plan
    intervention: str
    action_id: str
    enrolled_at: datetime
    #: from when on its outcome is known
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentRecord(EnrolmentDraft):
    """A stored enrolment."""

    #: kept, won, churned, neglected or gone; None while it is not settled
    outcome: str | None
    #: a code
    reason: str | None
    settled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentTally:
    """How many leads of one type, arm and chance ended so."""

    intervention: str
    held_out: bool
    propensity: float
    #: None: not settled
    outcome: str | None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseRecord:
    """A type of intervention that is not planned until somebody lifts it."""

    #: `*`: all types
    intervention: str
    #: a code
    reason: str
    #: the figures that made it
    evidence: Json
    paused_by: str
    paused_at: datetime
    lifted_at: datetime | None
    lifted_by: str | None
