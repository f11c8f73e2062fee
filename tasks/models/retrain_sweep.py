"""`hearth.models.retrain_sweep`: start the runs of tenants whose turn has come, and close those whose time is over."""

from __future__ import annotations

from db.repositories import tenants
from db.repositories.models import retrainings
from db.session import EVERY_TENANT, reading, transaction
from domain.documents import JsonObject
from domain.model_kinds import KIND_LABELS
from domain.retraining import turn_of
from tasks.contracts.system import Upkeep
from tasks.models.retrain import retrain
from tasks.runtime import schedule
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import job

#: seconds between two sweeps
EVERY = 300
#: tenants that begin in one sweep at most: after a long stop all are due, and they come one after the other
MOST = 5
MOST_CLOSED = 500


@job("hearth.models.retrain_sweep", Upkeep, queue="batch", internal=True)
def retrain_sweep(request: Upkeep, context: TaskContext) -> JsonObject:
    """Give each tenant its turn of the week, once, however long nobody swept."""
    if not schedule.is_due("models.retrain_sweep", EVERY):
        return context.envelope(request, TaskResult(data={"starting": 0, "closed": 0}))
    closed = _close_late(context)
    due = _due(context)
    for tenant_id, kinds in due:
        call = {"tenant_id": tenant_id, "kinds": kinds, "cause": "schedule"}
        # a message that waits longer is sent again by the next sweep
        retrain.apply_async(kwargs=call, expires=EVERY, ignore_result=True)
    return context.envelope(request, TaskResult(data={"starting": len(due), "closed": closed}))


def _close_late(context: TaskContext) -> int:
    with transaction(EVERY_TENANT) as session:
        overdue = retrainings.overdue(session, now=context.now, limit=MOST_CLOSED)
        return sum(
            retrainings.close_late(session, tenant_id, retraining_id=retraining_id, now=context.now)
            for tenant_id, retraining_id in overdue
        )


def _due(context: TaskContext) -> list[tuple[str, list[str]]]:
    """Return tenants, with the kinds that no run has begun for since the tenant's turn."""
    found: list[tuple[str, list[str]]] = []
    with reading(EVERY_TENANT) as session:
        begun = retrainings.last_begun(session)
        for tenant_id in tenants.ids(session):
            turn = turn_of(tenant_id, context.now)
            kinds = [kind for kind in KIND_LABELS if (tenant_id, kind) not in begun or begun[tenant_id, kind] < turn]
            if kinds:
                found.append((tenant_id, kinds))
    # who waits longest comes first
    found.sort(key=lambda due: turn_of(due[0], context.now))
    return found[:MOST]
