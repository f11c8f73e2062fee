"""`hearth.events.replay`: read stored events again that were not applied, with the readers and settings of today."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

import structlog

from db.records import RawEventRecord
from db.repositories.events import raw_events
from db.repositories.sql import in_batches
from db.session import reading
from domain.documents import JsonObject
from tasks.contracts.events import ReplayEvents
from tasks.runtime.bisect_batch import bisect
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import job
from tasks.services.events.apply_events import announce_refusals, apply, join_signals
from tasks.services.events.event_item import Item, origin_of

log = structlog.get_logger(__name__)

#: events of one transaction
CHUNK = 200


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts what became of events that were read again."""

    fates: Counter[str] = field(default_factory=Counter)
    ignored_by: Counter[str] = field(default_factory=Counter)
    leads: set[str] = field(default_factory=set)

    def add(self, items: Sequence[Item]) -> None:
        """Count a chunk that was applied."""
        self.fates.update(item.fate for item in items)
        self.ignored_by.update(item.code for item in items if item.fate == "ignored")
        self.leads.update(item.lead_id for item in items if item.fate == "accepted" and item.lead_id)

    def data(self) -> JsonObject:
        """Return the counts as the answer has them."""
        return {
            "read": self.fates.total(),
            "accepted": self.fates["accepted"],
            "duplicates": self.fates["duplicate"],
            "ignored": self.fates["ignored"],
            "ignored_by": dict(sorted(self.ignored_by.items())),
            "failed": self.fates["invalid"],
            "leads": len(self.leads),
        }


@job("hearth.events.replay", ReplayEvents, queue="batch")
def replay(request: ReplayEvents, context: TaskContext) -> JsonObject:
    """Read events again that failed or were ignored; what is understood now is applied once, as of when it came."""
    tenant_id, tally = request.tenant_id, Tally()
    with reading(tenant_id) as session:
        raw_ids = raw_events.ids(session, tenant_id, outcomes=sorted(request.status), since=request.since)

    def run(chunk: Sequence[str]) -> None:
        part = context.fork()
        with part.transaction(tenant_id, dry_run=request.dry_run) as session:
            items = [_item(raw, context) for raw in raw_events.pop(session, tenant_id, raw_ids=chunk)]
            for _, group in groupby(items, key=lambda item: item.source):
                apply(session, tenant_id, list(group), context.now)
            announce_refusals(part, items)
            join_signals(session, part, items)
        tally.add(items)

    def failed(raw_id: str, error: str) -> None:
        log.warning("event_not_replayed", raw_id=raw_id, error=error)
        tally.fates["invalid"] += 1

    for chunk in in_batches(raw_ids, CHUNK):
        bisect(chunk, run, failed)
    return context.envelope(request, TaskResult(data=tally.data()))


def _item(raw: RawEventRecord, context: TaskContext) -> Item:
    origin = origin_of(context, provider=raw.provider, verified=raw.verified, received_at=raw.received_at)
    item = Item(index=0, raw=json.loads(raw.payload), origin=origin)
    item.read()
    return item
