"""`hearth.outbound.pull`: the outbound events, for a CRM that asks for them instead of being called."""

from __future__ import annotations

from db.repositories.outbound import outbound
from db.session import Session
from tasks.contracts.base.wire import RESULT_LIMIT, canonical
from tasks.contracts.outbound import PullEvents
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import query

#: most bytes of the events: the envelope around them needs some too
EVENTS_LIMIT = RESULT_LIMIT - 2_000


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
        if size > EVENTS_LIMIT:
            break
        events.append(event)
    return TaskResult(data={"events": events, "cursor": events[-1]["cursor"] if events else request.cursor})
