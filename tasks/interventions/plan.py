"""Plan for leads: as the CRM asks, for one or many, and for the leads that were found at risk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import structlog

from db.errors import UnknownLead
from db.session import Session
from domain.action_states import RUNNING
from domain.documents import JsonObject
from tasks.contracts.interventions import PlanDue, PlanInterventions
from tasks.runtime.bisect_batch import bisect
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import effect, job
from tasks.services.interventions import action_views
from tasks.services.interventions.plan_types import LeadPlan, PlanRequest
from tasks.services.interventions.planning import plan_leads

log = structlog.get_logger(__name__)

#: reasons for which nothing may be decided about a lead at all
_STOPPED = frozenset({"kill_switch", "paused", "restricted", "objected"})


@effect("hearth.interventions.plan", PlanInterventions, queue="inference", scope="write")
def plan(session: Session, request: PlanInterventions, context: TaskContext) -> TaskResult:
    """Decide what to do about leads at risk; the answer has one lead's actions, or counts for many.

    A lead that is planned for twice a day has the same actions. What may go now is handed over after the commit: for
    one lead at once, since somebody asked for it; a plan for many waits for a person's yes where the tenant wants that.
    """
    lead_ids = request.ids()
    plan_request = PlanRequest(
        allowed_actions=request.allowed_actions,
        budget=request.budget,
        crm=request.crm,
        by_name=request.lead_id is not None,
    )
    plans = plan_leads(session, context, lead_ids, plan_request)
    for index, lead_plan in enumerate(plans):
        if lead_plan.reason in {"restricted", "objected"}:
            context.warn(f"lead.{lead_plan.reason}", f"lead_ids.{index}")
    stopped = sum(lead_plan.reason in _STOPPED for lead_plan in plans)
    status: Literal["ok", "blocked", "partial"] = "blocked" if stopped == len(plans) else "partial" if stopped else "ok"
    data = _plan_view(plans[0]) if request.lead_id is not None else counts(plans)
    return TaskResult(data=data, status=status, as_of=context.now)


@job("hearth.interventions.plan_due", PlanDue, queue="batch", internal=True)
def plan_due(request: PlanDue, context: TaskContext) -> JsonObject:
    """Plan for leads that were found at risk; a lead that fails does not hold up the others."""
    planned: list[LeadPlan] = []

    def run(lead_ids: Sequence[str]) -> None:
        part = context.fork()
        with part.transaction(request.tenant_id) as session:
            plans = plan_leads(session, part, lead_ids)
        planned.extend(plans)

    def failed(lead_id: str, error: str) -> None:
        # an id that no lead has may be any text of the message: it is not logged
        lead_facts = {} if error == UnknownLead.__name__ else {"lead_id": lead_id}
        log.error("lead_not_planned_for", **lead_facts, error=error)

    bisect(list(dict.fromkeys(request.lead_ids)), run, failed)
    return context.envelope(request, TaskResult(data=counts(planned)))


def counts(plans: Sequence[LeadPlan]) -> JsonObject:
    """Count what became of many leads."""
    states = Counter(action.state for plan in plans for action in plan.actions)
    reasons = Counter(plan.reason for plan in plans if plan.reason is not None)
    return {
        "leads": len(plans),
        **{state: states[state] for state in RUNNING},
        # of those in approval: they wait for a yes to their plan
        "waiting_for_yes": sum(action.waits_for_plan for plan in plans for action in plan.actions),
        "held_out": reasons.pop("held_out", 0),
        "suppressed": reasons.pop("blocked", 0),
        "nothing_new": dict(sorted(reasons.items())),
    }


def _plan_view(lead_plan: LeadPlan) -> JsonObject:
    return {
        "lead_id": lead_plan.lead_id,
        "actions": [action_views.action_view(action) for action in lead_plan.actions],
        "suppressed": [action_views.suppressed_view(draft) for draft in lead_plan.blocked],
        "held_out": lead_plan.held_out,
        "propensity": lead_plan.propensity,
        "reason": lead_plan.reason,
    }
