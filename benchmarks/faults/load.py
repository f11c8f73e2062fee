"""Work to strike: jobs sent straight to the broker, jobs written to the outbox, and what became of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import uuid4

from kombu.exceptions import OperationalError

from benchmarks.faults.site import Site
from benchmarks.faults.tally import Count, Tally
from db.errors import DatabaseError
from db.records import OutboxDraft
from db.repositories import audit
from db.repositories.jobs import outbox, quarantine
from db.session import EVERY_TENANT, reading, transaction

#: seconds that accepted jobs get to end after a fault
SETTLE = 75.0
#: looks at a broker that holds nothing until that is believed: what a worker is just taking is nowhere for a moment
EMPTY = 3
#: seconds between two batches of a stream of jobs
BEAT = 0.1

#: of what a job is sent with, what concerns its message
OPTIONS = ("time_limit", "soft_time_limit", "countdown", "expires")
#: errors that say nothing of the job: it could have been done later
GIVEN_UP = ("Unavailable", "DatabaseUnavailable", "OperationalError")
Json = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Load:
    """One round's jobs for one new tenant."""

    site: Site
    random: Random
    tenant: str = ""
    #: job -> task id, as the broker took them
    sent: dict[str, str] = field(default_factory=dict)
    #: job -> task id, as the database took them
    written: dict[str, str] = field(default_factory=dict)
    #: jobs that neither took
    refused: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)
    _stream: threading.Thread | None = None

    def __post_init__(self) -> None:
        self.tenant = self.tenant or self.site.tenant()

    def send(self, number: int, *, queue: str = "ingest", **more: Any) -> list[str]:
        """Send jobs straight to the broker; gives those it said yes to."""
        taken = []
        for _ in range(number):
            job = uuid4().hex
            if self.send_one(job, queue=queue, **more):
                taken.append(job)
        return taken

    def send_one(self, job: str, *, queue: str = "ingest", task: str = "faults.effect", **more: Any) -> bool:
        """Send one message of a job; whether the broker said yes."""
        options = {name: more.pop(name) for name in OPTIONS if name in more}
        kwargs = {"tenant_id": self.tenant, "job": job, "idempotency_key": job, **more}
        try:
            sent = self.site.client.send_task(task, kwargs=kwargs, queue=queue, retry=False, **options)
        except OperationalError:
            self.refused += 1
            return False
        self.sent.setdefault(job, sent.id)
        sent.backend = None
        return True

    def write(self, number: int, *, queue: str = "ingest", **more: Any) -> list[str]:
        """Write jobs to the outbox in one transaction; gives those that were committed."""
        jobs = [uuid4().hex for _ in range(number)]
        common = {"tenant_id": self.tenant, **more}
        drafts = [
            OutboxDraft(task="faults.effect", queue=queue, kwargs={**common, "job": job, "idempotency_key": job})
            for job in jobs
        ]
        try:
            with transaction(EVERY_TENANT) as session:
                rows = outbox.add(session, self.tenant, drafts=drafts, now=datetime.now(UTC))
        except DatabaseError:
            self.refused += number
            return []
        self.written |= {job: row.outbox_id for job, row in zip(jobs, rows, strict=True)}
        return jobs

    def begin(self, rate: int, *, send: bool = True, write: bool = True, acts: Sequence[str] = ("none",)) -> None:
        """Let jobs come until `end`, about `rate` a second, by each of the ways that are on."""
        each = max(1, round(rate * BEAT / (send + write)))

        def come() -> None:
            while not self._ended.wait(BEAT * (0.5 + self.random.random())):
                act = self.random.choice(acts)
                if write:
                    self.write(each, act=act)
                if send:
                    self.send(each, act=act)

        self._stream = threading.Thread(target=come, name="load", daemon=True)
        self._stream.start()

    def end(self) -> None:
        """No more jobs."""
        self._ended.set()
        if self._stream:
            self._stream.join()
        self._ended.clear()

    def settle(self, tally: Tally, seconds: float = SETTLE) -> None:
        """Wait until every job has ended, or nothing is left that could end it; count what became of them.

        When none has ended for long, the rest never will: of what the database took after at least `SETTLE` seconds, of
        what only the broker took after `seconds`.
        """
        began, left, empty = time.monotonic(), 0, 0
        while (open_jobs := self._open()) and (waited := time.monotonic() - began) < max(seconds, SETTLE):
            if len(open_jobs) != left:
                began, left = time.monotonic(), len(open_jobs)
            empty = 0 if self.site.waiting() else empty + 1
            written = any(job in self.written for job in open_jobs)
            if not written and (waited > seconds or empty > EMPTY):
                break
            time.sleep(0.3)
        time.sleep(0.3)
        self._count(tally)

    def _verify(self, tally: Tally) -> None:
        """See that the tenant's audit chain is whole."""
        with reading(EVERY_TENANT) as session:
            report = audit.verify(session, self.tenant)
        tally.broken_chains += not report.ok
        tally.notes["audit_rows"] = tally.notes.get("audit_rows", 0) + report.rows

    def effects(self) -> dict[str, int]:
        """How many effects each job had."""
        query = "SELECT job, count(*) FROM fault_effects WHERE tenant_id = :tenant GROUP BY job"
        return {str(row[0]): int(row[1]) for row in self.site.rows(query, tenant=self.tenant)}

    def held(self, reason: str | None = None) -> list[str]:
        """Task ids that are in quarantine, for one reason or any, in order."""
        with reading(EVERY_TENANT) as session:
            entries = quarantine.entries(session, self.tenant, limit=100_000)
            wanted = [entry.quarantine_id for entry in entries if reason in (None, entry.reason)]
            records = [quarantine.get(session, self.tenant, quarantine_id=held) for held in wanted]
        headers = [record.headers.get("headers", record.headers) for record in records if record]
        return sorted(str(header.get("id")) for header in headers)

    def failures(self, task_ids: Collection[str]) -> dict[str, str]:
        """The names of the errors that tasks ended with, by task id."""
        metas = {task_id: self.site.client.backend.get_task_meta(task_id) for task_id in task_ids}
        failed = {task_id: meta["result"] for task_id, meta in metas.items() if meta["status"] == "FAILURE"}
        return {task_id: type(error).__name__ for task_id, error in failed.items()}

    def _open(self) -> dict[str, str]:
        """Jobs without an effect and without a failure that a caller sees."""
        done = self.effects()
        left = {job: task_id for job, task_id in (self.sent | self.written).items() if job not in done}
        ended = set(self.failures(left.values())).union(self.held()) if left else set()
        return {job: task_id for job, task_id in left.items() if task_id not in ended}

    def _count(self, tally: Tally) -> None:
        effects, held = self.effects(), set(self.held())
        for count, jobs in ((tally.broker, self.sent), (tally.database, self.written)):
            count.add(self._counted(jobs, effects, held))
        self._verify(tally)
        known = set(self.sent) | set(self.written)
        unasked = sum(job not in known and not job.startswith("back-") for job in effects)
        tally.notes["refused"] = tally.notes.get("refused", 0) + self.refused
        if unasked:
            tally.notes["refused_but_done"] = tally.notes.get("refused_but_done", 0) + unasked

    def _counted(self, jobs: Mapping[str, str], effects: Mapping[str, int], held: Collection[str]) -> Count:
        rest = {task_id for job, task_id in jobs.items() if job not in effects}
        return counted(
            accepted=len(jobs),
            rest=rest,
            held=rest.intersection(held),
            failures=self.failures(rest.difference(held)),
            doubled=sum(effects[job] - 1 for job in jobs if job in effects),
        )


def counted(
    *, accepted: int, rest: Collection[str], held: Collection[str], failures: Mapping[str, str], doubled: int
) -> Count:
    """Count what became of accepted jobs, by the task ids of those without an effect.

    Nobody reads the answers here. A task that failed for what it was given has ended; one that gave up, since some part
    was away, is lost unless it is held.
    """
    failed = sum(error not in GIVEN_UP for error in failures.values())
    return Count(
        accepted=accepted,
        done=accepted - len(rest),
        failed=failed,
        quarantined=len(held),
        lost=len(rest) - len(held) - failed,
        duplicate_effects=doubled,
    )
