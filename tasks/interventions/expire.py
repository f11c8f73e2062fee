"""Withdraw actions whose time is over, and all that a kill switch stops."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import structlog

from db.repositories.interventions import interventions, plan_releases
from db.session import EVERY_TENANT, database_time, reading
from domain.action_states import RUNNING
from domain.documents import JsonObject
from tasks.contracts.interventions import ExpireActions
from tasks.runtime import schedule
from tasks.runtime.bisect_batch import bisect
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import job
from tasks.services.interventions.intervention_settings import settings_of
from tasks.services.interventions.per_tenant import for_tenant
from tasks.services.interventions.plan_types import PROTECTING
from tasks.services.interventions.withdrawal import withdraw

log = structlog.get_logger(__name__)

#: seconds between two sweeps, and actions that one sweep withdraws at most
EVERY, LIMIT = 60, 1000


@job("hearth.interventions.expire", ExpireActions, queue="batch", internal=True)
def expire(request: ExpireActions, context: TaskContext) -> JsonObject:
    """Withdraw actions whose time is over; for a tenant that is named, all that its kill switch stops."""
    if request.tenant_id is not None:
        return context.envelope(request, TaskResult(data={"withdrawn": _stop(context)}))
    if not schedule.is_due("interventions.expire", EVERY):
        return context.envelope(request, TaskResult(data={"withdrawn": 0}))
    with reading(EVERY_TENANT) as session:
        expired = interventions.expired(session, now=database_time(session), limit=LIMIT)
    by_tenant: dict[str, list[str]] = defaultdict(list)
    for tenant_id, action_id in expired:
        by_tenant[tenant_id].append(action_id)
    withdrawn = sum(
        _withdraw(for_tenant(context, name), action_ids, "expired") for name, action_ids in by_tenant.items()
    )
    return context.envelope(request, TaskResult(data={"withdrawn": withdrawn}))


def _stop(context: TaskContext) -> int:
    """Withdraw all that is still to be carried out, and return how many; nothing where the kill switch is off again."""
    withdrawn = 0
    while settings_of(context.settings()).kill_switch:
        with context.fork().transaction(context.tenant_id) as session:
            # nor do actions of held-out leads wait for a yes any more
            plan_releases.leave(session, context.tenant_id)
        with reading(context.tenant_id) as session:
            running = interventions.waiting(session, context.tenant_id, limit=LIMIT, states=RUNNING)
        # an action that closes all channels stays once the CRM has it: it sends nothing, it ends contact
        ids = [
            action.action_id for action in running if (action.state, action.reason_codes) != ("dispatched", PROTECTING)
        ]
        done = _withdraw(context, ids, "kill_switch")
        withdrawn += done
        if not done:
            break
    return withdrawn


def _withdraw(context: TaskContext, action_ids: Sequence[str], reason: str) -> int:
    withdrawn_ids: list[str] = []

    def run(chunk: Sequence[str]) -> None:
        part = context.fork()
        with part.transaction(context.tenant_id) as session:
            withdrawn = withdraw(session, part, chunk, reason)
        withdrawn_ids.extend(action.action_id for action in withdrawn)

    def failed(action_id: str, error: str) -> None:
        log.error("action_not_withdrawn", action_id=action_id, error=error)

    if action_ids:
        bisect(action_ids, run, failed)
    return len(withdrawn_ids)
