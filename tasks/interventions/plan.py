"""Planning as it is asked for: by the CRM for one lead or many, and by ourselves for those that were found at risk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import structlog

from db.errors import UnknownLead
from db.session import Session
from domain.action_states import RUNNING
from tasks.contracts.interventions import PlanDue, PlanInterventions
from tasks.runtime.bisect_batch import bisect
from tasks.runtime.context import Json, TaskContext, TaskResult
from tasks.runtime.task import effect, job
from tasks.services.interventions import action_views
from tasks.services.interventions.plan_types import LeadPlan, PlanRequest
from tasks.services.interventions.planning import plan_leads

log = structlog.get_logger(__name__)

#: why nothing may be decided of a lead at all
_STOPPED = frozenset({"kill_switch", "paused", "restricted", "objected"})


@effect("hearth.interventions.plan", PlanInterventions, queue="inference")
def plan(session: Session, request: PlanInterventions, context: TaskContext) -> TaskResult:
    """Decide what to do about leads at risk: one lead's actions, or what became of many.

    The same lead planned for twice a day has the same actions. What may go now is handed over after the commit.
    """
    lead_ids = request.ids()
    asked = PlanRequest(allowed_actions=request.allowed_actions, budget=request.budget, crm=request.crm)
    plans = plan_leads(session, context, lead_ids, asked)
    for index, one in enumerate(plans):
        if one.reason in {"restricted", "objected"}:
            context.warn(f"lead.{one.reason}", f"lead_ids.{index}")
    stopped = sum(one.reason in _STOPPED for one in plans)
    status: Any = "blocked" if stopped == len(plans) else "partial" if stopped else "ok"
    data = _one(plans[0]) if request.lead_id is not None else counts(plans)
    return TaskResult(data=data, status=status, as_of=context.now)


@job("hearth.interventions.plan_due", PlanDue, queue="batch", internal=True)
def plan_due(request: PlanDue, context: TaskContext) -> Json:
    """Plan for leads that were found at risk; one that cannot be planned for holds up nobody."""
    planned: list[LeadPlan] = []

    def run(lead_ids: Sequence[str]) -> None:
        own = context.fork()
        with own.transaction(request.tenant_id) as session:
            done = plan_leads(session, own, lead_ids)
        planned.extend(done)

    def failed(lead_id: str, error: str) -> None:
        # what names nobody is whatever the message says
        named = {} if error == UnknownLead.__name__ else {"lead_id": lead_id}
        log.error("lead_not_planned_for", **named, error=error)

    bisect(list(dict.fromkeys(request.lead_ids)), run, failed)
    return context.envelope(request, TaskResult(data=counts(planned)))


def counts(plans: Sequence[LeadPlan]) -> dict[str, Any]:
    """Give what became of many leads."""
    states = Counter(action.state for one in plans for action in one.actions)
    reasons = Counter(one.reason for one in plans if one.reason is not None)
    return {
        "leads": len(plans),
        **{state: states[state] for state in RUNNING},
        "held_out": reasons.pop("held_out", 0),
        "suppressed": reasons.pop("blocked", 0),
        "nothing_new": dict(sorted(reasons.items())),
    }


def _one(found: LeadPlan) -> dict[str, Any]:
    return {
        "lead_id": found.lead_id,
        "actions": [action_views.action_view(one) for one in found.actions],
        "suppressed": [action_views.suppressed_view(one) for one in found.blocked],
        "held_out": found.held_out,
        "propensity": found.propensity,
        "reason": found.reason,
    }
