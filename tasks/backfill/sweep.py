"""Send lost messages of imports again: chunks that no worker has, and ends that were never run."""

from __future__ import annotations

from db.repositories.backfills import chunk_leases
from db.session import EVERY_TENANT, transaction
from domain.documents import JsonObject
from tasks.backfill.chunks import import_chunk
from tasks.backfill.finish import finish
from tasks.contracts.system import Upkeep
from tasks.runtime import schedule
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import job

#: seconds that a chunk may wait in the queue while its import makes no progress
STILL = 60.0
MOST = 500


@job("hearth.backfill.sweep", Upkeep, queue="batch", internal=True)
def sweep(request: Upkeep, context: TaskContext) -> JsonObject:
    """Send stalled chunks and missing ends of all imports again, once per scheduled slot."""
    if not schedule.is_due("backfill.sweep", 15):
        return context.envelope(request, TaskResult(data={"chunks": 0, "endings": 0}))
    with transaction(EVERY_TENANT) as session:
        stalled = chunk_leases.stalled(session, older_than=STILL, limit=MOST)
        for tenant_id, backfill_id, number in stalled:
            chunk_leases.mark_enqueued(session, tenant_id, backfill_id=backfill_id, numbers=[number])
        unfinished = chunk_leases.unfinished(session, limit=MOST)
    for tenant_id, backfill_id, number in stalled:
        import_chunk.delay(tenant_id=tenant_id, backfill_id=backfill_id, number=number)
    for tenant_id, backfill_id in unfinished:
        finish.delay(tenant_id=tenant_id, backfill_id=backfill_id)
    return context.envelope(request, TaskResult(data={"chunks": len(stalled), "endings": len(unfinished)}))
