"""Call tasks as a client: send a task by name, wait for it, explain a failure.

What only reads needs no cluster: `reader` answers in this process where none runs. So what speaks to a broker is
imported by whoever does: it takes half a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from db.errors import UnknownTenant
from domain.documents import JsonMapping, JsonObject
from workers.base.database import database_exists
from workers.base.settings import read_cluster, settings
from workers.cli.base.command import CommandFailed, refuses_writes
from workers.cli.base.database import database
from workers.cli.base.lazy import no_collection
from workers.cli.base.output import notice
from workers.telemetry import logs

if TYPE_CHECKING:
    from celery import Celery

    from workers.base.celery_types import Result

#: seconds a command waits for one task's answer
PATIENCE = 120.0
#: seconds without an answer until the broker is asked whether it takes any, and its key for that
BROKER_INTERVAL = 5.0
PROBE = "celery-hearth-probe"
#: seconds between two looks at a job
LOOK_INTERVAL = 0.25
ENDED = frozenset({"finished", "failed", "cancelled", "ok", "partial"})
#: the tasks that only read, and so may run in the process of a command -> the module that declares each
QUERIES: Mapping[str, str] = {
    "hearth.drift.report": "tasks.drift",
    "hearth.interventions.report": "tasks.interventions.report",
    "hearth.interventions.waiting": "tasks.interventions.approvals",
    "hearth.jobs.status": "tasks.jobs",
    "hearth.leads.card": "tasks.leads.card",
    "hearth.leads.history": "tasks.leads.history",
    "hearth.leads.worklist": "tasks.leads.worklist",
    "hearth.models.history": "tasks.models.answering",
    "hearth.models.tuning": "tasks.models.tuning",
    "hearth.outbound.pull": "tasks.outbound",
    "hearth.privacy.consent": "tasks.privacy.consent",
    "hearth.privacy.doubts": "tasks.privacy.consent",
    "hearth.reports.value": "tasks.reports",
    "hearth.tenants.readiness": "tasks.tenants",
}


@dataclass(frozen=True, slots=True)
class Client:
    """One tenant's view of a running cluster."""

    app: Celery
    tenant_id: str
    #: True when the cluster lives only as long as the command
    private: bool = False
    #: of its cluster, where files are handed over; None: that of the settings
    home: Path | None = None

    def envelope(
        self, task: str, *, queue: str | None = None, patience: float = PATIENCE, **kwargs: object
    ) -> JsonObject:
        """Return a task's envelope; raise CommandFailed with its error, or when no answer comes.

        Raises:
            OperationalError: the broker is away or refuses writes, now or while the answer is waited for.

        """
        from workers.cluster.result_cleanup import drop

        sent: Result = self.app.send_task(task, kwargs={"tenant_id": self.tenant_id, **kwargs}, queue=queue)
        try:
            answer = self._answer(sent, task, patience)
            sent.forget()
        finally:
            # a result that outlives a stopped broker would look for it from its destructor
            drop(self.app, sent)
        if isinstance(answer, BaseException):
            raise CommandFailed(f"{task}: {explain(answer, kwargs)}") from None
        return answer

    def _answer(self, sent: Result, task: str, patience: float) -> JsonObject | BaseException:
        """Return the answer; check at intervals that the broker could still store one."""
        from celery.exceptions import TimeoutError as NoAnswer
        from kombu.exceptions import OperationalError
        from redis.exceptions import ResponseError

        deadline = time.monotonic() + patience
        while (left := deadline - time.monotonic()) > 0:
            try:
                return sent.get(timeout=min(left, BROKER_INTERVAL), propagate=False)
            except NoAnswer:
                self._ask_broker()
            except ResponseError as error:
                # even a connection's question whether the broker is well is refused then
                if refuses_writes(error):
                    raise OperationalError(str(error)) from error
                raise
        raise CommandFailed(f"{task}: no worker answered within {patience:.0f} s; is one running?")

    def _ask_broker(self) -> None:
        from kombu.exceptions import OperationalError
        from redis.exceptions import ResponseError

        from tasks.runtime.broker.publisher import quick_producer

        with quick_producer(self.app) as producer:
            try:
                # a producer's user of the broker may do this, and not SET, and redis-py deprecates setex
                producer.channel.client.execute_command("SETEX", PROBE, 1, 1)  # type: ignore[no-untyped-call]
            except ResponseError as error:
                # a user of the broker who may not write this is no trouble
                if refuses_writes(error):
                    raise OperationalError(str(error)) from error

    def call(self, task: str, *, queue: str | None = None, patience: float = PATIENCE, **kwargs: object) -> JsonObject:
        """Return the data of a task's answer."""
        data: JsonObject = self.envelope(task, queue=queue, patience=patience, **kwargs)["data"]
        return data

    def follow(self, job_id: str, show: Callable[[int, int], None]) -> JsonObject:
        """Wait for a job, showing (done, total); return its last state as `hearth.jobs.status` gives it."""
        while True:
            job = self.call("hearth.jobs.status", job_id=job_id)
            show(job["progress"]["done"], job["progress"]["total"])
            if job["state"] in ENDED:
                return job
            time.sleep(LOOK_INTERVAL)


@dataclass(frozen=True, slots=True)
class Reader:
    """One tenant's view of the database, without a cluster: runs a task that only reads in this process.

    Checks, envelopes and errors are those of a worker, since it is the same task.
    """

    tenant_id: str

    def envelope(self, task: str, /, **kwargs: object) -> JsonObject:
        """Return a task's envelope; raise CommandFailed with its error, KeyError for a task that may write."""
        from tasks.errors import TaskError
        from tasks.runtime.failures.retry_policy import SCHEMA_OUTDATED
        from workers.app import app

        import_module(QUERIES[task])
        try:
            answer: JsonObject = app.tasks[task](tenant_id=self.tenant_id, **kwargs)
        except TaskError as error:
            if error.args == (SCHEMA_OUTDATED.message,):
                raise CommandFailed("the database is of an earlier version; run `hearth migrate`") from None
            raise CommandFailed(f"{task}: {explain(error, kwargs)}") from None
        return answer

    def call(self, task: str, /, **kwargs: object) -> JsonObject:
        """Return the data of a task's answer."""
        data: JsonObject = self.envelope(task, **kwargs)["data"]
        return data


def explain(error: BaseException, sent: JsonMapping) -> str:
    """Return a task's error in one line: its places when it names them, with the keys of what was sent; no values."""
    from tasks.contracts.base.locations import with_key_names

    details = error.args[1] if len(error.args) > 1 else None
    if isinstance(details, list):
        issues = [
            f"{with_key_names(place.get('loc') or '', sent) or 'the message'}: {place.get('msg')}" for place in details
        ]
        return f"{error.args[0]}: {'; '.join(issues)}"
    text = " ".join(str(part) for part in error.args)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@contextmanager
def client(tenant_id: str) -> Iterator[Client]:
    """Yield a client of the running cluster, else of a private one that lives as long as the block."""
    from workers.app import app
    from workers.cluster.embedded import connected

    with connected(settings(), notice) as connection:
        yield Client(app, tenant_id, connection.private)


@contextmanager
def reader(tenant_id: str) -> Iterator[Client | Reader]:
    """Yield a caller of tasks that only read (`QUERIES`): the cluster of REDIS_URL or of the home, else this process.

    Nothing is started, and no database is made.

    Raises:
        UnknownTenant: there is no database yet.

    """
    chosen = settings()
    if chosen.redis_url or read_cluster(chosen):
        with client(tenant_id) as caller:
            yield caller
        return
    if not database_exists(chosen):
        raise UnknownTenant
    if not structlog.is_configured():
        # as a worker's, to stderr: stdout is for the answer
        logs.configure("WARNING")
    with no_collection(), database(chosen):
        yield Reader(tenant_id)
