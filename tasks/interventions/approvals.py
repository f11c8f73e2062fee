"""A person's word on actions that wait for it: approved ones are judged once more when they are handed over."""

from __future__ import annotations

from typing import Any

from db.records import InterventionRecord
from db.repositories.interventions import interventions
from db.repositories.leads import leads
from db.session import Session
from domain.action_states import UNREVIEWED, WAITING
from tasks.contracts.base.wire import RESULT_LIMIT, canonical
from tasks.contracts.interventions import ReviewAction, WaitingActions
from tasks.errors import InvalidPayload
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import effect, query
from tasks.services.interventions import action_views
from tasks.services.interventions.intervention_settings import settings_of
from tasks.services.interventions.plan_store import hand_over
from tasks.services.leads import refusals

#: leads of whom a person is asked whether they refused
ASKED = 20
#: bytes left for the envelope around the actions
ROOM = RESULT_LIMIT - 10_000


@effect("hearth.interventions.review", ReviewAction, queue="inference")
def review(session: Session, request: ReviewAction, context: TaskContext) -> TaskResult:
    """Approve an action, or reject it; what is decided already, or is over, stays as it is."""
    known = interventions.get(session, context.tenant_id, action_ids=[request.action_id])
    if not known:
        raise InvalidPayload.at("unknown_value", "action_id", "no action of this tenant has this id")
    if request.decision == "approve" and settings_of(context.settings()).kill_switch:
        return TaskResult(data=_told(known[0], changed=False), status="blocked")
    moved = _moved(session, request, context, known[0])
    if moved is None:
        return TaskResult(data=_told(known[0], changed=False))
    action_views.audit_action(context, moved, actor=request.actor)
    if moved.state == "planned" and moved.not_before <= context.now:
        hand_over(context, [moved])
    return TaskResult(data=_told(moved, changed=True))


def _moved(
    session: Session, request: ReviewAction, context: TaskContext, known: InterventionRecord
) -> InterventionRecord | None:
    scope: dict[str, Any] = {"action_id": request.action_id, "now": context.now, "by": request.actor}
    if request.decision == "reject":
        return interventions.move(session, context.tenant_id, to="rejected", of=WAITING, reason="rejected", **scope)
    if known.expires_at <= context.now:
        return None
    return interventions.move(session, context.tenant_id, to="planned", of=UNREVIEWED, **scope)


@query("hearth.interventions.waiting", WaitingActions, queue="inference")
def waiting(session: Session, request: WaitingActions, context: TaskContext) -> TaskResult:
    """The actions that wait for approval, oldest first, as many as fit; and the leads that may have refused."""
    found = interventions.waiting(session, context.tenant_id, limit=request.limit)
    names = leads.external_ids(session, context.tenant_id, lead_ids=[one.lead_id for one in found])
    rows: list[dict[str, Any]] = []
    size = 0
    for one in found:
        row = {"lead_id": one.lead_id, "external_id": names.get(one.lead_id), **action_views.card_view(one)}
        size += len(canonical(row))
        if size > ROOM:
            context.warn("too_many", f"actions.{len(rows)}")
            break
        rows.append(row)
    asked = refusals.in_doubt(session, context.tenant_id, limit=ASKED)
    return TaskResult(data={"actions": rows, "in_doubt": asked}, as_of=context.now)


def _told(record: InterventionRecord, *, changed: bool) -> dict[str, Any]:
    return {"action_id": record.action_id, "lead_id": record.lead_id, "state": record.state, "changed": changed}
