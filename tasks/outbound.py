"""`hearth.outbound.pull`: the outbound events, for a CRM that asks for them instead of being called."""

from __future__ import annotations

from db.repositories.outbound import outbound
from db.session import Session
from domain.documents import JsonObject
from tasks.contracts.base.wire import RESULT_LIMIT, canonical
from tasks.contracts.outbound import PullEvents
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import query
from tasks.services.outbound import event_view, identities

#: most bytes of the events: the envelope around them needs some too
EVENTS_LIMIT = RESULT_LIMIT - 2_000


@query("hearth.outbound.pull", PullEvents, queue="inference", scope="read")
def pull(session: Session, request: PullEvents, context: TaskContext) -> TaskResult:
    """Events after the cursor, oldest first, as many as fit; send the cursor that comes back to go on."""
    events: list[JsonObject] = []
    size = 0
    records = outbound.pull(session, request.tenant_id, cursor=request.cursor, limit=request.limit)
    known = identities(session, request.tenant_id, records)
    for record in records:
        event = event_view(record, known)
        size += len(canonical(event))
        if size > EVENTS_LIMIT:
            break
        events.append(event)
    return TaskResult(data={"events": events, "cursor": events[-1]["cursor"] if events else request.cursor})
