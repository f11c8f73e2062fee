"""Actions planned for leads at risk, what people said to plans, enrolments in the experiment, and pauses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from domain.action_states import AWAITING, ActionState
from domain.documents import JsonMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class InterventionDraft:
    """One action as planned; for a lead in the control group, as it would have been planned."""

    #: the same plan has the same id, so that nothing is planned twice
    action_id: str
    lead_id: str
    #: the prediction that the lead is at risk
    prediction_id: str | None
    #: the type of intervention
    intervention: str
    action: str
    channel: str
    urgency: str
    state: ActionState
    held_out: bool
    #: probability of the arm that the lead is in
    propensity: float
    cost: float
    #: version of the catalogue
    policy: str
    reason_codes: tuple[str, ...]
    #: model: chosen by a measured uplift; rule: otherwise
    evidence: str
    requires_approval: bool
    #: {"decision", "rules": [{"gate", "rule", "decision", …}]}
    decision: JsonMapping
    #: {"text", "crm", "expected_uplift"}; no personal data
    detail: JsonMapping
    planned_at: datetime
    not_before: datetime
    expires_at: datetime
    #: the rule by which its plan waits for a person's yes; None: it does not, or somebody has answered
    awaits: str | None = None

    @property
    def waits_for_plan(self) -> bool:
        """Return whether a yes to its plan would hand it over; for a lead that is held out: would enrol the lead."""
        return self.awaits is not None and self.state in AWAITING


@dataclass(frozen=True, slots=True, kw_only=True)
class InterventionRecord(InterventionDraft):
    """A stored action and its progress."""

    dispatched_at: datetime | None
    #: when the CRM reported its end
    reported_at: datetime | None
    #: who approved, rejected or withdrew it
    reviewed_by: str | None
    reviewed_at: datetime | None
    withdrawn_at: datetime | None
    #: why it was withdrawn or rejected: a code
    withdrawn_reason: str | None
    #: what a person said to the plan that it was part of
    release_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanWait:
    """Actions of one kind that wait for a person's yes to their plan."""

    intervention: str
    action: str
    channel: str
    #: the rule by which they wait
    awaits: str
    actions: int
    leads: int
    #: when the first and the last of them was planned
    since: datetime
    until: datetime
    #: when the first of them expires
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReleaseRecord:
    """What a person said to the plan that waited."""

    release_id: str
    decision: Literal["yes", "no"]
    decided_by: str
    decided_at: datetime
    #: the types of intervention it is about; None: all that waited
    scope: tuple[str, ...] | None
    #: actions that it let go or withdrew, and their leads
    actions: int
    leads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentDraft:
    """A lead that is planned for the first time, and its arm of the experiment."""

    experiment: str
    lead_id: str
    held_out: bool
    #: probability of the arm that the lead is in
    propensity: float
    #: the type of its first action
    intervention: str
    action_id: str
    enrolled_at: datetime
    #: the time from which on its outcome is known
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentRecord(EnrolmentDraft):
    """A stored enrolment."""

    #: kept, won, churned, neglected or gone; None while the enrolment is open
    outcome: str | None
    #: a code
    reason: str | None
    settled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentTally:
    """The number of enrolments with one type, arm, probability and outcome."""

    intervention: str
    held_out: bool
    propensity: float
    #: None: still open
    outcome: str | None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseRecord:
    """The pause of a type of intervention: nothing of the type is planned until somebody lifts it."""

    #: `*`: all types
    intervention: str
    #: a code
    reason: str
    #: the figures that led to it
    evidence: JsonMapping
    paused_by: str
    paused_at: datetime
    lifted_at: datetime | None
    lifted_by: str | None
