"""Taking actions back: the CRM is told of those that it knows of."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from db.records import InterventionRecord
from db.repositories.interventions import interventions
from db.session import Session
from domain.action_states import RUNNING, ActionState
from tasks.runtime.context import TaskContext
from tasks.services.interventions.action_views import audit_action


def withdraw(
    session: Session,
    context: TaskContext,
    action_ids: Sequence[str],
    reason: str,
    *,
    of: Collection[ActionState] = RUNNING,
) -> list[InterventionRecord]:
    """Take actions back that are in one of some states, with the reason's code; gives those that were."""
    found = (
        interventions.move(
            session, context.tenant_id, action_id=action_id, to="withdrawn", of=of, now=context.now, reason=reason
        )
        for action_id in action_ids
    )
    taken = [one for one in found if one is not None]
    for one in taken:
        audit_action(context, one, reason=reason)
        if one.dispatched_at is not None:
            context.emit_event("action.withdrawn", one.lead_id, action_id=one.action_id, reason=reason)
    return taken
