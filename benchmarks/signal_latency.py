"""How long a signal takes until it is learnt and that is durable: 50 a second, from storing one to the commit.

First signals are stored and their message is published, as a task that records outcomes does; then outcomes are sent
to `hearth.outcomes.record` itself. Beside it stands what nothing can be faster than, measured in the same run: one
learning of such a signal, and one commit.
"""

from __future__ import annotations

import os
import threading
import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from sqlalchemy import select, text

from benchmarks import harness, simulated
from benchmarks.figures import Figures, Outcome, Ratio, median, percentile, rounded, spread
from benchmarks.harness import SEED, Site
from benchmarks.imports import import_file
from db.models import OnlineSignal, Snapshot
from db.records import SignalDraft, SnapshotRecord
from db.repositories.leads import leads
from db.repositories.online import heads, signals
from db.repositories.predictions import snapshots
from db.session import EVERY_TENANT, reading, transaction
from ml.online import OnlineModel

LEARN, RECORD, SCORE = "hearth.online.learn", "hearth.outcomes.record", "hearth.leads.score"
#: signals a second, and the most seconds from storing one until it is learnt and committed
RATE, GOAL = 50, 0.05
#: outcomes a second, one a message: what is measured is how long one takes, not how many the cluster takes in
RECORD_RATE = 5
#: seconds between two looks, and after the last signal until what is missing is given up
LOOK_INTERVAL, PATIENCE = 0.004, 60.0
#: seconds of signals before the first that counts: the child loads River and connects
WARM_UP = 4
#: leads of one message that scores them, and signals and commits that are timed alone
BATCH, ALONE = 500, 300


@dataclass(slots=True, kw_only=True)
class Watch:
    """How far the learner is, by the moments at which that was seen."""

    tenant_id: str
    target: str
    moments: list[float] = field(default_factory=list)
    cursors: list[int] = field(default_factory=list)
    last: int | None = None
    given_up: float | None = None

    def run(self) -> None:
        """Look until the last signal is learnt, or for too long."""
        while self.given_up is None or time.monotonic() < self.given_up:
            with reading(self.tenant_id) as session:
                head = heads.get(session, self.tenant_id, target=self.target)
            if head is not None and (not self.cursors or head.cursor > self.cursors[-1]):
                self.moments.append(time.monotonic())
                self.cursors.append(head.cursor)
            if self.last is not None and self.cursors and self.cursors[-1] >= self.last:
                return
            time.sleep(LOOK_INTERVAL)

    def learnt(self, seq: int) -> float | None:
        """When a signal was first seen to be learnt; None: never."""
        place = bisect_left(self.cursors, seq)
        return self.moments[place] if place < len(self.cursors) else None

    def end(self, last: int) -> None:
        """Wait for the last signal."""
        self.given_up, self.last = time.monotonic() + PATIENCE, last


def measure(quick: bool) -> Outcome:
    """Send signals on both databases; `quick`: on PostgreSQL."""
    seconds = 12 if quick else 60
    figures: Figures = {"unit": "s from storing a signal until it is learnt and committed", "rate": RATE}
    ratios: dict[str, Ratio] = {}
    for kind in harness.kinds(quick):
        with harness.site(kind, beat=True) as site:
            figures[kind], times = _measure(site, seconds)
        ratios[f"signal_to_learnt_p95.{kind}"] = Ratio(
            value=percentile(times, 0.95), goal=GOAL, better="lower", of=f"seconds at {RATE} signals a second on {kind}"
        )
    return Outcome(
        data="simulated leads as they were scored, a random label each",
        rows=seconds * (RATE + RECORD_RATE),
        seed=SEED,
        figures=figures,
        ratios=ratios,
    )


def _measure(site: Site, seconds: int) -> tuple[Figures, list[float]]:
    count = (seconds + WARM_UP) * RATE
    tenant_id, taken = _scored(site, count)
    stored = _store(site, tenant_id, taken, "reply")
    recorded = _record(site, tenant_id, taken[: _told(count) + WARM_UP * RECORD_RATE])
    load = round(os.getloadavg()[0], 2)
    learning, committing = _learning_alone(taken), _commit_alone(tenant_id)
    figures: Figures = {
        "stored": {**spread(stored), "missed": count - WARM_UP * RATE - len(stored)},
        # a slow machine may not take in so many messages of one outcome each
        "recorded": {**(spread(recorded) if recorded else {}), "missed": _told(count) - len(recorded)},
        "learning_alone": spread(learning),
        "commit_alone": spread(committing),
        "load_1min": load,
        # storing a signal, learning it, writing that
        "p50_over_floor": rounded(median(stored) / (median(learning) + 2 * median(committing))),
    }
    return figures, stored


def _scored(site: Site, count: int) -> tuple[str, list[SnapshotRecord]]:
    """Import leads and score them; returns their newest snapshots."""
    table = simulated.write(site.files, 2 * count + 1000)
    tenant_id = simulated.tenant(site, simulated.fit(table))
    import_file(site, tenant_id, table.path, profile="canonical")
    with reading(tenant_id) as session:
        lead_ids = leads.ids(session, tenant_id, status="open")[:count]
    for start in range(0, len(lead_ids), BATCH):
        site.call(SCORE, queue="batch", tenant_id=tenant_id, lead_ids=lead_ids[start : start + BATCH])
    with reading(tenant_id) as session:
        rows = session.execute(
            select(Snapshot.lead_id, Snapshot.snapshot_id)
            .where(Snapshot.tenant_id == tenant_id, Snapshot.lead_id.in_(lead_ids))
            .order_by(Snapshot.as_of)
        )
        newest = {row.lead_id: row.snapshot_id for row in rows}
        return tenant_id, snapshots.get(session, tenant_id, snapshot_ids=list(newest.values()))


def _store(site: Site, tenant_id: str, taken: Sequence[SnapshotRecord], target: str) -> list[float]:
    """Store a signal of each snapshot and publish its message; returns how long each took to be learnt."""
    watch = Watch(tenant_id=tenant_id, target=target)
    watcher = threading.Thread(target=watch.run)
    watcher.start()
    draw, started, sent = Random(SEED), time.monotonic(), {}
    for index, snapshot in enumerate(taken, 1):
        time.sleep(max(0.0, started + index / RATE - time.monotonic()))
        before = time.monotonic()
        with transaction(tenant_id) as session:
            ((_, seq),) = signals.add(session, tenant_id, drafts=[_draft(snapshot, draw)], now=datetime.now(UTC))
        site.send(LEARN, kwargs={"tenant_id": tenant_id, "target": target}, queue="learning", ignore_result=True)
        sent[seq] = before
    watch.end(max(sent))
    watcher.join()
    return _times(watch, sent, WARM_UP * RATE)


def _told(count: int) -> int:
    """How many outcomes are told of and count."""
    return (count // RATE - WARM_UP) * RECORD_RATE


def _record(site: Site, tenant_id: str, taken: Sequence[SnapshotRecord]) -> list[float]:
    """Tell of an appointment with each lead, one message a lead; returns how long each took to be learnt."""
    watch = Watch(tenant_id=tenant_id, target="booking")
    watcher = threading.Thread(target=watch.run)
    watcher.start()
    started, sent = time.monotonic(), {}
    for index, snapshot in enumerate(taken, 1):
        time.sleep(max(0.0, started + index / RECORD_RATE - time.monotonic()))
        subject, at = {"lead_id": snapshot.lead_id}, datetime.now(UTC).isoformat()
        outcomes = [{"subject": subject, "type": "appointment_set", "at": at}]
        sent[snapshot.lead_id] = time.monotonic()
        site.send(RECORD, kwargs={"tenant_id": tenant_id, "outcomes": outcomes}, queue="ingest", ignore_result=True)
    watch.end(len(taken))
    watcher.join()
    with reading(EVERY_TENANT) as session:
        rows = session.execute(
            select(OnlineSignal.seq, OnlineSignal.lead_id).where(
                OnlineSignal.tenant_id == tenant_id, OnlineSignal.target == "booking"
            )
        )
        return _times(watch, {seq: sent[lead_id] for seq, lead_id in rows}, WARM_UP * RECORD_RATE)


def _times(watch: Watch, sent: Mapping[int, float], warm_up: int) -> list[float]:
    counted = sorted(sent)[warm_up:]
    return [learnt - sent[seq] for seq in counted if (learnt := watch.learnt(seq)) is not None]


def _draft(snapshot: SnapshotRecord, draw: Random) -> SignalDraft:
    return SignalDraft(
        target="reply",
        lead_id=snapshot.lead_id,
        snapshot_id=snapshot.snapshot_id,
        label=draw.random() < 0.3,
        origin="outcome",
        occurred_at=snapshot.as_of + timedelta(seconds=1),
        as_of=snapshot.as_of,
        served_probability=None,
        served_version=None,
    )


def _learning_alone(taken: Sequence[SnapshotRecord]) -> list[float]:
    """Learn some of the same signals in this process; returns the seconds of each."""
    model, draw, times = OnlineModel(seed=0), Random(SEED), []
    for snapshot in taken[:ALONE]:
        started = time.perf_counter()
        model.learn(snapshot.features, draw.random() < 0.3)
        times.append(time.perf_counter() - started)
    return times


def _commit_alone(tenant_id: str) -> list[float]:
    """Commit a row some times; returns the seconds of each."""
    times = []
    for index in range(ALONE):
        started = time.perf_counter()
        with transaction(tenant_id) as session:
            session.execute(text("INSERT INTO bench_rows (id, run, at) VALUES (:id, 'signal', '')"), {"id": str(index)})
        times.append(time.perf_counter() - started)
    return times


if __name__ == "__main__":
    harness.run("signal_latency", measure)
