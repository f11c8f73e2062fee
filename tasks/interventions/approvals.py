"""Let a person approve or reject actions; an approved action is judged once more when it is handed over."""

from __future__ import annotations

from db.records import InterventionRecord
from db.repositories.interventions import interventions
from db.repositories.leads import lead_lookup
from db.session import Session
from domain.action_states import UNREVIEWED, WAITING
from domain.documents import JsonObject
from tasks.contracts.base.wire import RESULT_LIMIT, canonical
from tasks.contracts.interventions import ReviewAction, WaitingActions
from tasks.errors import InvalidPayload
from tasks.runtime import lead_references
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import effect, query
from tasks.services.interventions import action_views, plan_wait
from tasks.services.interventions.intervention_settings import settings_of
from tasks.services.interventions.plan_store import hand_over
from tasks.services.leads import refusals

#: leads about which a person is asked at most whether they refused
DOUBTS = 20
#: bytes left for the envelope around the actions
ROOM = RESULT_LIMIT - 10_000


@effect("hearth.interventions.review", ReviewAction, queue="inference", scope="write")
def review(session: Session, request: ReviewAction, context: TaskContext) -> TaskResult:
    """Approve an action, or reject it; an action that is decided already, or is over, stays as it is."""
    actions = interventions.get(session, context.tenant_id, action_ids=[request.action_id])
    if not actions:
        raise InvalidPayload.at("unknown_value", "action_id", "no action of this tenant has this id")
    if request.decision == "approve" and settings_of(context.settings()).kill_switch:
        return TaskResult(data=_review_view(actions[0], changed=False), status="blocked")
    moved = _move(session, request, context, actions[0])
    if moved is None:
        return TaskResult(data=_review_view(actions[0], changed=False))
    action_views.audit_action(context, moved, actor=request.actor)
    if moved.state == "planned" and moved.not_before <= context.now:
        hand_over(context, [moved])
    return TaskResult(data=_review_view(moved, changed=True))


def _move(
    session: Session, request: ReviewAction, context: TaskContext, action: InterventionRecord
) -> InterventionRecord | None:
    """Move an action as the person decided; None where it is in no state for that, or is over."""
    approved = request.decision == "approve"
    if approved and action.expires_at <= context.now:
        return None
    return interventions.move(
        session,
        context.tenant_id,
        action_id=action.action_id,
        to="planned" if approved else "rejected",
        of=UNREVIEWED if approved else WAITING,
        now=context.now,
        by=request.actor,
        reason=None if approved else "rejected",
    )


@query("hearth.interventions.waiting", WaitingActions, queue="inference", scope="read")
def waiting(session: Session, request: WaitingActions, context: TaskContext) -> TaskResult:
    """List the actions that wait for a person, oldest first, as many as fit, and the leads that may have refused.

    `plan` counts those that wait for a yes to their plan; they are listed only where they are asked for.
    """
    with_plan = request.waiting_for == "plan"
    actions = interventions.waiting(session, context.tenant_id, limit=request.limit, with_plan=with_plan)
    lead_ids = {action.lead_id for action in actions}
    identities = lead_lookup.identities(session, context.tenant_id, lead_ids=lead_ids)
    rows: list[JsonObject] = []
    size = 0
    for action in actions:
        identity = lead_references.view(identities.get(action.lead_id))
        row = {"lead_id": action.lead_id, **identity, **action_views.card_view(action)}
        size += len(canonical(row))
        if size > ROOM:
            context.warn("too_many", f"actions.{len(rows)}")
            break
        rows.append(row)
    doubts = refusals.in_doubt(session, context.tenant_id, limit=DOUBTS)
    plan = plan_wait.wait_view(session, context.tenant_id)
    return TaskResult(data={"actions": rows, "in_doubt": doubts, "plan": plan}, as_of=context.now)


def _review_view(record: InterventionRecord, *, changed: bool) -> JsonObject:
    return {"action_id": record.action_id, "lead_id": record.lead_id, "state": record.state, "changed": changed}
