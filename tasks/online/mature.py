"""`hearth.online.mature`: label scored snapshots whose horizon has passed; what did not happen is learnt too."""

from __future__ import annotations

import time
from collections.abc import Iterator

import structlog

from db.errors import DatabaseUnavailable
from db.repositories import tenants
from db.session import EVERY_TENANT, reading
from domain.documents import JsonObject
from domain.targets import TARGETS, Target
from tasks.contracts.online import MatureSignals
from tasks.runtime import schedule
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import job
from tasks.services.interventions.per_tenant import for_tenant
from tasks.services.online import maturing

log = structlog.get_logger(__name__)

HOUR = 3_600
#: seconds after which a run leaves what is left to the next
LONGEST = 300.0


@job("hearth.online.mature", MatureSignals, queue="batch", internal=True)
def mature(request: MatureSignals, context: TaskContext) -> JsonObject:
    """Label what has come of age, once an hour for every tenant; for one tenant at once where it is named.

    With leads, their labels of churn are read again: something was told of them late.
    """
    if request.tenant_id is not None and request.lead_ids is not None:
        stored = _read_again(for_tenant(context, request.tenant_id), request.lead_ids)
        return context.envelope(request, TaskResult(data={"signals": stored}))
    if request.tenant_id is not None:
        tenant_ids = [request.tenant_id]
    elif schedule.is_due("online.mature", HOUR):
        tenant_ids = _tenants()
    else:
        tenant_ids = []
    return context.envelope(request, TaskResult(data={"signals": sum(_in_time(context, tenant_ids))}))


def _tenants() -> list[str]:
    with reading(EVERY_TENANT) as session:
        return tenants.ids(session)


def _in_time(context: TaskContext, tenant_ids: list[str]) -> Iterator[int]:
    """Yield the signals of each tenant until the time is over; one that fails does not hold up the others."""
    ends = time.monotonic() + LONGEST
    for tenant_id in tenant_ids:
        if time.monotonic() > ends:
            return
        try:
            yield sum(_of_target(for_tenant(context, tenant_id), target, ends) for target in TARGETS)
        except DatabaseUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  # it is tried again in an hour
            log.error("labels_failed", tenant=tenant_id, error=type(error).__name__)


def _of_target(context: TaskContext, target: Target, ends: float) -> int:
    """Label what has come of age of one target, a transaction for each few hundred snapshots.

    One that cannot be labelled holds up no other.
    """
    stored, more, limit = 0, True, maturing.CHUNK
    while more and time.monotonic() < ends:
        fork = context.fork()
        try:
            with fork.transaction(context.tenant_id) as session:
                number, more = maturing.mature(session, fork, target, limit=limit)
        except DatabaseUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  # fewer at once, until the one that fails is alone
            limit = _after_failure(context, target, limit, type(error).__name__)
        else:
            stored, limit = stored + number, min(2 * limit, maturing.CHUNK)
    return stored


def _after_failure(context: TaskContext, target: Target, limit: int, error: str) -> int:
    """Return how many snapshots to try next; pass over one that failed alone."""
    if limit == 1:
        log.error("snapshot_not_labelled", tenant=context.tenant_id, target=target, error=error)
        with context.fork().transaction(context.tenant_id) as session:
            maturing.pass_over(session, context, target)
    return max(1, limit // 2)


def _read_again(context: TaskContext, lead_ids: list[str]) -> int:
    with context.transaction(context.tenant_id) as session:
        return maturing.read_churn_again(session, context, lead_ids)
