"""`hearth.leads.refresh_reply_clocks`: count each day when a tenant's leads answer."""

from __future__ import annotations

import time
from datetime import timedelta

import structlog

from db.errors import DatabaseUnavailable
from db.repositories.personalization import reply_clocks
from db.session import EVERY_TENANT, reading
from domain.documents import JsonObject
from ml.personalization.send_window import MIN_TENANT_REPLIES
from tasks.contracts.system import Upkeep
from tasks.runtime import schedule
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import job
from tasks.services.interventions.per_tenant import for_tenant
from tasks.services.personalization import reply_clock

log = structlog.get_logger(__name__)

HOUR = 3_600
#: how old a clock gets; one with too few replies, or from which a lead was erased, is counted anew each hour
DAY = timedelta(days=1)
#: tenants of one run, and seconds after which it leaves the others to the next
MOST, LONGEST = 5_000, 300.0


@job("hearth.leads.refresh_reply_clocks", Upkeep, queue="batch", internal=True)
def refresh_reply_clocks(request: Upkeep, context: TaskContext) -> JsonObject:
    """Count anew when leads answer, for each tenant whose counts are a day old or lack what is known by now."""
    if not schedule.is_due("leads.refresh_reply_clocks", HOUR):
        return context.envelope(request, TaskResult(data={"tenants": 0}))
    with reading(EVERY_TENANT) as session:
        stale = reply_clocks.stale(session, before=context.now - DAY, enough=MIN_TENANT_REPLIES, limit=MOST)
    return context.envelope(request, TaskResult(data={"tenants": sum(_in_time(context, stale))}))


def _in_time(context: TaskContext, tenant_ids: list[str]) -> list[bool]:
    """Count anew for tenants until the time is over; one that fails does not hold up the others."""
    ends = time.monotonic() + LONGEST
    done: list[bool] = []
    for tenant_id in tenant_ids:
        if time.monotonic() > ends:
            break
        try:
            refresh(for_tenant(context, tenant_id))
        except DatabaseUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  # it is tried again in an hour
            log.error("reply_clock_failed", tenant=tenant_id, error=type(error).__name__)
        else:
            done.append(True)
    return done


def refresh(context: TaskContext) -> None:
    """Count the replies of a tenant's leads anew."""
    with context.transaction(context.tenant_id) as session:
        clock = reply_clock.count(session, context.tenant_id, context.settings(), context.now)
        reply_clocks.save(session, context.tenant_id, clock=clock)
