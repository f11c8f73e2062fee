"""What happened, for a CRM that asks instead of being told."""

from __future__ import annotations

from db.repositories.outbound import outbound
from db.session import Session
from tasks.contracts.base.wire import RESULT_LIMIT, canonical
from tasks.contracts.outbound import PullEvents
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import query

#: bytes left for the envelope around the events
ROOM = RESULT_LIMIT - 2_000


@query("hearth.outbound.pull", PullEvents, queue="inference")
def pull(session: Session, request: PullEvents, context: TaskContext) -> TaskResult:
    """Events after the cursor, oldest first, as many as fit; send the cursor that comes back to go on."""
    events, size = [], 0
    for record in outbound.pull(session, request.tenant_id, cursor=request.cursor, limit=request.limit):
        event = {
            "cursor": record.sequence,
            "event_id": record.event_id,
            "type": record.type,
            "lead_id": record.lead_id,
            "at": record.created_at,
            "data": record.body,
        }
        size += len(canonical(event))
        if size > ROOM:
            break
        events.append(event)
    return TaskResult(data={"events": events, "cursor": events[-1]["cursor"] if events else request.cursor})
