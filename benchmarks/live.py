"""How long an event takes to the worklist: 50 leads a second say something, and a reader waits for their new rows."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import distinct, func, select

from benchmarks import harness, simulated
from benchmarks.figures import Figures, Outcome, Ratio, percentile, rounded, spread
from benchmarks.harness import SEED, Site
from benchmarks.imports import import_file
from db.models import IdempotencyKey, Prediction
from db.repositories.leads import leads
from db.session import EVERY_TENANT, reading

INGEST = "hearth.events.ingest"
#: events a second, and the most seconds from an event to the worklist
RATE, GOAL = 50, 5.0
#: seconds between two looks, and after the last event until what is missing is given up
LOOK_INTERVAL, PATIENCE = 0.2, 60.0
#: seconds of events before the first that counts: children open their connections and the model
WARM_UP = 3


@dataclass(slots=True, kw_only=True)
class Watch:
    """Which leads have spoken, and when the worklist knew."""

    tenant_id: str
    sent: dict[str, float] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    done: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        """Note the leads whose rows have come since the last look."""
        with self.lock:
            waiting = [lead_id for lead_id in self.sent if lead_id not in self.seen]
        found = select(Prediction.lead_id).where(
            Prediction.tenant_id == self.tenant_id, Prediction.kind == "urgency", Prediction.lead_id.in_(waiting)
        )
        with reading(EVERY_TENANT) as session:
            new = session.scalars(found).all() if waiting else []
        now = time.monotonic()
        self.seen.update({lead_id: now for lead_id in new if lead_id not in self.seen})

    def run(self) -> None:
        """Look until everything has been seen, or for too long after the last event."""
        last = time.monotonic()
        while not (self.done.is_set() and (len(self.seen) == len(self.sent) or time.monotonic() > last + PATIENCE)):
            last = last if self.done.is_set() else time.monotonic()
            self.look()
            time.sleep(LOOK_INTERVAL)


#: events a message: one, or what a receiver gathers in a fifth of a second
GATHERED = {"single": 1, "gathered": RATE // 5}


def measure(quick: bool) -> Outcome:
    """Send events on both databases; `quick`: on PostgreSQL."""
    seconds = 12 if quick else 60
    figures: Figures = {"unit": "s from publishing an event to its lead's new row", "rate": RATE}
    ratios: dict[str, Ratio] = {}
    for kind in harness.kinds(quick):
        with harness.site(kind, beat=True) as site:
            found = {name: _times(site, seconds, size) for name, size in GATHERED.items()}
        figures[kind] = {name: told for name, (_, told) in found.items()}
        ratios |= {
            f"event_to_worklist_p95.{name}.{kind}": Ratio(
                value=percentile(times, 0.95),
                goal=GOAL,
                better="lower",
                of=f"seconds at {RATE} events a second on {kind}, {GATHERED[name]} a message",
            )
            for name, (times, _) in found.items()
        }
    return Outcome(
        data="simulated leads, an inbound text each", rows=seconds * RATE, seed=SEED, figures=figures, ratios=ratios
    )


def _times(site: Site, seconds: int, size: int) -> tuple[list[float], Figures]:
    count = (seconds + WARM_UP) * RATE
    table = simulated.write(site.files, 2 * count + 1000)
    tenant_id = simulated.tenant(site, simulated.fit(table))
    import_file(site, tenant_id, table.path, profile="canonical")
    with reading(EVERY_TENANT) as session:
        known = leads.external_ids(session, tenant_id, lead_ids=leads.ids(session, tenant_id, status="open"))
    chosen = [(lead_id, external_id) for lead_id, external_id in known.items() if external_id][:count]
    watch = Watch(tenant_id=tenant_id)
    watcher = threading.Thread(target=watch.run)
    watcher.start()
    before, started = _ran(site), time.monotonic()
    _send(site, watch, chosen, size)
    rate = len(chosen) / (time.monotonic() - started)
    watch.done.set()
    watcher.join()
    told = {"sent_per_s": round(rate, 1), "load_1min": round(os.getloadavg()[0], 2)}
    counted = [lead_id for lead_id, _ in chosen[WARM_UP * RATE :]]
    times = [watch.seen[lead_id] - watch.sent[lead_id] for lead_id in counted if lead_id in watch.seen]
    told |= _cost(tenant_id, {task: count - before.get(task, 0) for task, count in _ran(site).items()}, len(chosen))
    return times, {**spread(times), "missed": len(counted) - len(times), **told}


def _cost(tenant_id: str, ran: Mapping[str, int], events: int) -> Figures:
    """What an event took: runs of tasks, and transactions in which events were taken in."""
    stored = select(func.count(distinct(IdempotencyKey.finished_at))).where(
        IdempotencyKey.tenant_id == tenant_id, IdempotencyKey.task == INGEST
    )
    with reading(EVERY_TENANT) as session:
        transactions = session.execute(stored).scalar_one()
    live = (INGEST, "hearth.leads.rescore", "hearth.leads.sweep")
    runs = {task.removeprefix("hearth."): rounded(ran.get(task, 0) / events) for task in live}
    return {"runs_per_event": runs, "ingest_transactions_per_event": rounded(transactions / events)}


def _ran(site: Site) -> dict[str, int]:
    """How often the workers have run each task."""
    told = site.client.control.inspect(timeout=5.0).stats() or {}
    ran: Counter[str] = Counter()
    for worker in told.values():
        ran.update(worker["total"])
    return dict(ran)


def _send(site: Site, watch: Watch, chosen: Sequence[tuple[str, str]], size: int) -> None:
    with reading(EVERY_TENANT) as session:
        first = leads.get(session, watch.tenant_id, lead_ids=[chosen[0][0]])[0]
    started, events = time.monotonic(), []
    for index, (lead_id, external_id) in enumerate(chosen, 1):
        time.sleep(max(0.0, started + index / RATE - time.monotonic()))
        with watch.lock:
            watch.sent[lead_id] = time.monotonic()
        events.append(_event(index, first.source_system, external_id))
        if len(events) == size or index == len(chosen):
            facts = {"tenant_id": watch.tenant_id, "provider": "generic", "events": events}
            site.send(INGEST, kwargs=facts, queue="ingest", ignore_result=True)
            events = []


def _event(index: int, source_system: str, external_id: str) -> dict[str, Any]:
    told = {"kind": "sms", "direction": "inbound", "channel": "sms", "text": "Is it still available?"}
    lead = {"source_system": source_system, "external_id": external_id}
    return {"id": f"event-{index}", "lead": lead, "at": datetime.now(UTC).isoformat(), **told}


if __name__ == "__main__":
    harness.run("live", measure)
