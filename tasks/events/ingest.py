"""`hearth.events.ingest`: apply the events of a CRM; messages that wait together share one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, groupby

from db.session import Session
from tasks.contracts.events import IngestEvents
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import effect
from tasks.services.events.apply_events import announce_refusals, apply, join_signals
from tasks.services.events.event_item import Item, counts, origin_of


def ingest_many(session: Session, calls: Sequence[tuple[IngestEvents, TaskContext]]) -> list[TaskResult]:
    """Apply the events of several messages of one tenant, in their order; return a result for each message."""
    items_by_call = [_read(request, context) for request, context in calls]
    for _, run in groupby(chain.from_iterable(items_by_call), key=lambda item: item.source):
        apply(session, calls[0][1].tenant_id, list(run), calls[0][1].now)
    join_signals(session, calls[0][1], list(chain.from_iterable(items_by_call)))
    for items, (_, context) in zip(items_by_call, calls, strict=True):
        announce_refusals(context, items)
    return [TaskResult(data=counts(items)) for items in items_by_call]


@effect("hearth.events.ingest", IngestEvents, queue="ingest", scope="write", many=ingest_many, awaits_tenant=True)
def ingest(session: Session, request: IngestEvents, context: TaskContext) -> TaskResult:
    """Apply events, each once; leads that changed become due for scoring, and a refusal of contact holds at once."""
    return ingest_many(session, [(request, context)])[0]


def _read(request: IngestEvents, context: TaskContext) -> list[Item]:
    origin = origin_of(
        context,
        provider=request.provider,
        verified=request.signature_verified,
        received_at=request.received_at,
    )
    items = [Item(index=index, raw=raw, origin=origin) for index, raw in enumerate(request.events)]
    for item in items:
        item.read()
        for code, loc in item.parsed.warnings if item.parsed else ():
            context.warn(code, f"events.{item.index}.{loc}")
    return items
