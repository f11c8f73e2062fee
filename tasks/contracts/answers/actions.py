"""Answers of `hearth.interventions.*`, and what a card shows of actions."""

from __future__ import annotations

from typing import Literal

from domain.action_states import ActionState
from domain.channels import ActionChannel
from domain.interventions import ActionName, InterventionName, PauseReason
from tasks.contracts.answers.base import Answer, Identified, Interval, LeadInDoubt, Rates
from tasks.contracts.base.planned_action import PlannedAction, Suppressed
from tasks.contracts.base.published import Count, Published, Time


class ActionOnCard(PlannedAction):
    """An action and how far it is."""

    state: ActionState
    #: version of the catalogue
    policy: str
    planned_at: Time
    dispatched_at: Time | None
    #: when the CRM reported its end
    reported_at: Time | None
    reviewed_by: str | None
    withdrawn_reason: str | None


class HeldOutAction(Published):
    """The action of a lead in the control group: nobody is told which it would have been."""

    state: Literal["held_out"]
    planned_at: Time


class LeadPlan(Answer, Identified):
    """What is done about one lead."""

    actions: list[PlannedAction]
    suppressed: list[Suppressed]
    held_out: bool
    #: probability of the arm that the lead is in; null where nothing was planned
    propensity: float | None
    #: why nothing was planned; null where something was
    reason: str | None


class LeadPlans(Answer):
    """What became of many leads, in counts."""

    leads: Count
    approval: Count
    #: of those in approval: they wait for a yes to their plan
    waiting_for_yes: Count
    planned: Count
    dispatched: Count
    held_out: Count
    suppressed: Count
    #: reason -> leads for which nothing new was planned
    nothing_new: dict[str, Count]


class ActionReview(Answer, Identified):
    """An action after a person looked at it; `changed` is False where it was decided already, or is over."""

    action_id: str
    state: ActionState
    changed: bool


class WaitingAction(ActionOnCard, Identified):
    """An action that waits for a person."""


class WaitingKind(Published):
    """Actions of one kind that wait for a yes to their plan."""

    intervention: InterventionName
    action: ActionName
    channel: ActionChannel
    actions: Count
    leads: Count


class WaitingPlan(Published):
    """The plan that waits for a person's yes."""

    reason: Literal["plan.first", "plan.large"]
    actions: Count
    leads: Count
    #: when the first and the last of them were planned
    since: Time
    until: Time
    #: when the first of them is over
    expires_at: Time
    kinds: list[WaitingKind]


class WaitingList(Answer):
    """What waits for a person, oldest first."""

    actions: list[WaitingAction]
    in_doubt: list[LeadInDoubt]
    #: null: no plan waits
    plan: WaitingPlan | None


class PlanRelease(Answer):
    """What a person's answer to the plan that waits has moved; `changed` is False where nothing waited."""

    decision: Literal["yes", "no"]
    changed: bool
    release_id: str | None
    actions: Count
    leads: Count
    #: what still waits
    waiting: WaitingPlan | None


class PauseState(Answer):
    """Whether a type of intervention is paused; `*` is all of them."""

    intervention: InterventionName | Literal["*"]
    paused: bool
    changed: bool


class Arms(Published):
    """Leads that were sent to, and those held out."""

    sent: Count
    held_out: Count


class Pause(Published):
    """Who paused a type, and why."""

    reason: PauseReason
    by: str
    at: Time


class TypeEffect(Arms):
    """One type of intervention: its own rates, and its difference, shrunk towards that of the other types."""

    intervention: str
    rates: Rates
    difference: float | None
    interval: Interval | None
    paused: Pause | None


class EffectReport(Answer, Arms):
    """Whether interventions help: leads sent to compared with leads held out."""

    tenant_id: str
    experiment: str
    #: share that is held out
    share: float
    #: leads of which is known how they ended
    settled: Arms
    rates: Rates
    difference: float | None
    interval: Interval | None
    #: the smallest difference that these numbers could show
    detectable_effect: float | None
    weeks_needed: float | None
    verdict: str
    reason: str
    types: list[TypeEffect]
    #: state -> actions
    actions: dict[ActionState, Count]
    #: null: no plan waits
    plan: WaitingPlan | None
