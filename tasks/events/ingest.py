"""`hearth.events.ingest`: events of a provider, those of several messages in one transaction where they wait."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, groupby

from db.session import Session
from tasks.contracts.events import IngestEvents
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import effect
from tasks.services.events.apply_events import announce_refusals, apply
from tasks.services.events.event_item import Item, counts, origin_of


def ingest_many(session: Session, calls: Sequence[tuple[IngestEvents, TaskContext]]) -> list[TaskResult]:
    """Take in the events of several messages of one tenant, in their order; an answer each."""
    told = [_read(request, context) for request, context in calls]
    for _, run in groupby(chain.from_iterable(told), key=lambda item: item.source):
        apply(session, calls[0][1].tenant_id, list(run), calls[0][1].now)
    for items, (_, context) in zip(told, calls, strict=True):
        announce_refusals(context, items)
    return [TaskResult(data=counts(items)) for items in told]


@effect("hearth.events.ingest", IngestEvents, queue="ingest", many=ingest_many)
def ingest(session: Session, request: IngestEvents, context: TaskContext) -> TaskResult:
    """Take in events, each once; leads that changed are due to be scored, a refusal to be contacted holds at once."""
    return ingest_many(session, [(request, context)])[0]


def _read(request: IngestEvents, context: TaskContext) -> list[Item]:
    verified, received_at = request.signature_verified, request.received_at
    origin = origin_of(context, provider=request.provider, verified=verified, received_at=received_at)
    items = [Item(index=index, raw=raw, origin=origin) for index, raw in enumerate(request.events)]
    for item in items:
        item.read()
        for code, loc in item.notice.warnings if item.notice else ():
            context.warn(code, f"events.{item.index}.{loc}")
    return items
