"""Hand actions to the CRM when their time has come, after the gates judged them once more on what is known then.

An action is handed over as an event of the outbound stream, written together with its new state: the CRM gets it at
least once, under the action's own id.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import structlog

from db.records import InterventionRecord
from db.repositories.interventions import interventions
from db.session import EVERY_TENANT, Session, database_time, reading
from domain.action_states import READY, ActionState
from domain.documents import JsonObject
from ml.interventions.compliance.gates import GateDecision
from tasks.contracts.interventions import DispatchActions
from tasks.runtime import schedule
from tasks.runtime.bisect_batch import bisect
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import job
from tasks.services.interventions import action_views, hand_over
from tasks.services.interventions.action_rows import decision_json
from tasks.services.interventions.hand_over import Conditions, Ruling
from tasks.services.interventions.plan_store import CHUNK
from tasks.services.interventions.withdrawal import withdraw

log = structlog.get_logger(__name__)

#: seconds between two sweeps, seconds after which a sweep's message expires, and actions that one sweep finds at most
EVERY, EXPIRES, LIMIT = 15, 60, 2000
#: what is decided of an action that the gates judged -> its next state
_STATES: Mapping[Ruling, ActionState] = {
    "go": "dispatched",
    "wait": "planned",
    "ask": "approval",
    "block": "blocked",
}


@job("hearth.interventions.dispatch", DispatchActions, queue="inference", internal=True)
def dispatch(request: DispatchActions, context: TaskContext) -> JsonObject:
    """Hand over the actions that the gates still let pass; without a tenant, enqueue those of all that are due."""
    if request.action_ids is None:
        return context.envelope(request, TaskResult(data={"due": _sweep()}))
    outcomes: Counter[str] = Counter()

    def run(action_ids: Sequence[str]) -> None:
        part = context.fork()
        with part.transaction(context.tenant_id) as session:
            # quiet hours are the law's: this machine's clock may be wrong
            counts = dispatch_actions(session, replace(part, now=database_time(session)), action_ids)
        outcomes.update(counts)

    def failed(action_id: str, error: str) -> None:
        log.error("action_not_dispatched", action_id=action_id, error=error)

    bisect(list(dict.fromkeys(request.action_ids)), run, failed)
    return context.envelope(request, TaskResult(data=dict(sorted(outcomes.items()))))


def _sweep() -> int:
    if not schedule.is_due("interventions.dispatch", EVERY):
        return 0
    with reading(EVERY_TENANT) as session:
        due = interventions.due(session, now=database_time(session), limit=LIMIT)
    by_tenant: dict[str, list[str]] = defaultdict(list)
    for tenant_id, action_id in due:
        by_tenant[tenant_id].append(action_id)
    for tenant_id, action_ids in by_tenant.items():
        for start in range(0, len(action_ids), CHUNK):
            payload = {"tenant_id": tenant_id, "action_ids": action_ids[start : start + CHUNK]}
            dispatch.apply_async(kwargs=payload, expires=EXPIRES, ignore_result=True)
    return len(due)


def dispatch_actions(session: Session, context: TaskContext, action_ids: Sequence[str]) -> dict[str, int]:
    """Hand over the actions whose time has come, in one transaction; return how many went which way."""
    actions = interventions.get(session, context.tenant_id, action_ids=action_ids)
    ready = [
        action
        for action in actions
        if action.state == "planned" and action.not_before <= context.now < action.expires_at
    ]
    if not ready:
        return {}
    conditions = hand_over.load(session, context, [action.lead_id for action in ready])
    return dict(Counter(_decide(session, context, conditions, action) for action in ready))


def _decide(session: Session, context: TaskContext, conditions: Conditions, action: InterventionRecord) -> str:
    judgement = hand_over.judge(action, conditions)
    if judgement.decision is None:
        reason = judgement.code or "expired"
        return "withdrawn" if withdraw(session, context, [action.action_id], reason, of=READY) else "passed"
    moved = _move(session, context, action, judgement.ruling, judgement.decision)
    if moved is None:
        return "passed"
    action_views.audit_action(context, moved)
    if moved.state == "dispatched":
        context.emit_event("action.planned", moved.lead_id, **action_views.action_view(moved))
    return "deferred" if moved.state == "planned" else moved.state


def _move(
    session: Session, context: TaskContext, action: InterventionRecord, ruling: Ruling, decision: GateDecision
) -> InterventionRecord | None:
    """Move an action to the state that its ruling gives it; None where another worker was quicker."""
    return interventions.move(
        session,
        context.tenant_id,
        action_id=action.action_id,
        to=_STATES[ruling],
        of=READY,
        now=context.now,
        decision=decision_json(decision),
        not_before=decision.not_before if ruling == "wait" else None,
    )
