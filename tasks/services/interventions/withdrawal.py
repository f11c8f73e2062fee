"""Withdraw actions, and tell the CRM about those that it knows of."""

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
    """Withdraw the actions that are in one of the states `of`, with the code of the reason; return them."""
    moved = (
        interventions.move(
            session, context.tenant_id, action_id=action_id, to="withdrawn", of=of, now=context.now, reason=reason
        )
        for action_id in action_ids
    )
    withdrawn = [action for action in moved if action is not None]
    for action in withdrawn:
        audit_action(context, action, reason=reason)
        if action.dispatched_at is not None:
            context.emit_event("action.withdrawn", action.lead_id, action_id=action.action_id, reason=reason)
    return withdrawn
