"""What the workers of the fault suite load: Hearth, jobs that leave a trace, and hands that kill at chosen moments.

Times that a fault would have to wait for are shorter here than in production, by environment variables, so that a
round takes seconds: a message of a dead worker comes back after `FAULTS_VISIBILITY` seconds instead of 900.
"""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from celery.signals import task_postrun, task_prerun
from sqlalchemy import text

from db import stalled_connection
from db.session import EVERY_TENANT, Session, transaction
from domain.documents import JsonObject
from tasks.contracts.base.request import Request, ShortText
from tasks.contracts.system import Upkeep
from tasks.runtime import schedule
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.failures import retry_policy
from tasks.runtime.task import HearthTask, effect, job
from workers.app import app
from workers.worker import hooks

__all__ = ["app", "hooks"]

HOME = Path(os.environ["HEARTH_HOME"])
MARKS = HOME / "marks"
VISIBILITY = int(os.environ.get("FAULTS_VISIBILITY", "10"))
SOCKET = int(os.environ.get("FAULTS_SOCKET", "10"))
RESTORE = int(os.environ.get("FAULTS_RESTORE", "2"))
LEASE = os.environ.get("FAULTS_LEASE")
INSERT = text("INSERT INTO fault_effects (tenant_id, job) VALUES (:tenant_id, :job)")

app.conf.visibility_timeout = VISIBILITY
app.conf.broker_transport_options = {
    **app.conf.broker_transport_options,
    "visibility_timeout": VISIBILITY,
    "unacked_restore_interval": RESTORE,
    # a worker that is killed while it brings messages back keeps the others from it as long
    "unacked_mutex_expire": VISIBILITY,
    "socket_timeout": SOCKET,
    "health_check_interval": SOCKET,
}
# an answer that nobody takes keeps a child as long
app.conf.redis_socket_timeout = app.conf.redis_backend_health_check_interval = SOCKET
HearthTask.default_retry_delay = float(os.environ.get("FAULTS_RETRY", "1"))
retry_policy.BACKOFF = float(os.environ.get("FAULTS_BACKOFF", retry_policy.BACKOFF))


# the quick form starts workers again and again, and most of a start is models that no fault asks for
for _name in os.environ.get("FAULTS_TASKS", "workers.bootstrap").split(","):
    import_module(_name)

# how long a silent database is believed, as a silent broker is
stalled_connection.ASK = float(SOCKET)


def _mine_of(mine: Callable[[str, int], bool], name: str, seconds: int) -> bool:
    """Slots of one second, so that a sweep need not be waited for."""
    return mine(name, min(seconds, 1))


if LEASE:
    for _module in ("tasks.runtime.leases", "tasks.backfill.chunks"):
        import_module(_module).LEASE = float(LEASE)  # type: ignore[attr-defined]
    import_module("tasks.backfill.sweep").STILL = float(LEASE)  # type: ignore[attr-defined]
    schedule.is_due = partial(_mine_of, schedule.is_due)
_chunks: Any = import_module("tasks.backfill.chunks")
_import: Callable[..., str] = _chunks._import  # noqa: SLF001  # the one place between a chunk's lease and its commit


class Probe(Request):
    """A job that leaves one row, and does something bad on its way."""

    job: ShortText
    act: Literal["none", "before", "after", "raise", "kill", "eat", "hang"] = "none"
    seconds: float = 0.0


class Long(Request):
    """A job that no two workers may do at once."""

    job: ShortText
    seconds: float

    def lease_name(self) -> str | None:
        """One worker at a time."""
        return self.job


@effect("faults.effect", Probe, queue="celery")
def probe(session: Session, request: Probe, context: TaskContext) -> TaskResult:
    """One row and one link of the audit chain, whatever else happens."""
    note("starts", request.job)
    session.execute(INSERT, {"tenant_id": request.tenant_id, "job": request.job})
    context.audit("faults.effect", job=request.job)
    ACTS[request.act](request)
    return TaskResult(data={"job": request.job})


@job("faults.long", Long, queue="celery")
def long(request: Long, context: TaskContext) -> JsonObject:
    """Long work under a lease; the first to start sleeps, so that it can be stopped meanwhile."""
    note("starts", request.job)
    if first(request.job, "long", str(os.getpid())):
        time.sleep(request.seconds)
    with context.transaction(request.tenant_id) as session:
        envelope = context.store_result(session, request, request.job, TaskResult(data={"job": request.job}))
        if not envelope.get("duplicate"):
            session.execute(INSERT, {"tenant_id": request.tenant_id, "job": request.job})
    return envelope


@job("faults.tick", Upkeep, queue="celery")
def tick(request: Upkeep, context: TaskContext) -> JsonObject:
    """One row a slot, a second long."""
    if schedule.is_due("faults.tick", 1):
        with transaction(EVERY_TENANT) as session:
            session.execute(INSERT, {"tenant_id": "*", "job": "tick"})
    return context.envelope(request, TaskResult(data={}))


if "FAULTS_LATER" in os.environ:

    @effect("faults.later", Probe, queue="celery")
    def later(session: Session, request: Probe, _: TaskContext) -> TaskResult:
        """A task that only the newer worker knows."""
        session.execute(INSERT, {"tenant_id": request.tenant_id, "job": request.job})
        return TaskResult(data={"job": request.job})


def struck(session: Session, request: Any, context: TaskContext) -> str:
    """A chunk, begun and in its transaction: killed where `home/kill` has its number, slow where `home/slow` has."""
    if told("kill") == str(request.number):
        os.kill(os.getpid(), signal.SIGKILL)
    if told("slow") == str(request.number) and first(request.backfill_id, "slow"):
        time.sleep(float(told("slow_seconds")))
    return _import(session, request, context)


_chunks._import = struck  # noqa: SLF001


@task_prerun.connect  # type: ignore[untyped-decorator]
def note_what_was_given_back(
    task: Any = None, task_id: str = "", kwargs: JsonObject | None = None, **_: object
) -> None:
    """The broker gave this message to somebody before."""
    if (task.request.delivery_info or {}).get("redelivered"):
        note("given_back", f"{(kwargs or {}).get('tenant_id')} {task_id}")


@task_postrun.connect  # type: ignore[untyped-decorator]
def die_before_the_acknowledgement(kwargs: JsonObject | None = None, **_: object) -> None:
    """The effect is committed, the broker does not know yet."""
    given = kwargs or {}
    if given.get("act") == "after" and first(str(given.get("job")), "after"):
        os.kill(os.getpid(), signal.SIGKILL)


def first(job: str, act: str, content: str = "") -> bool:
    """Whether nobody did this before; survives the process."""
    MARKS.mkdir(exist_ok=True)
    try:
        with (MARKS / f"{job}-{act}").open("x") as mark:
            mark.write(content)
    except FileExistsError:
        return False
    return True


def note(name: str, line: str) -> None:
    """Add a line to a file of the home."""
    with (HOME / name).open("a") as file:
        file.write(f"{line}\n")


def told(name: str) -> str:
    """What the suite wrote for us."""
    path = HOME / name
    return path.read_text() if path.exists() else ""


def _die_once(request: Probe) -> None:
    if first(request.job, "before"):
        os.kill(os.getpid(), signal.SIGKILL)


def _fail(request: Probe) -> None:
    raise ArithmeticError(request.job)


def _die(_: Probe) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _eat(_: Probe) -> None:
    """All the memory that the process may have: 64 MB more than it uses."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 64_000_000, limits[1]))
    try:
        bytearray(500_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def _hang(request: Probe) -> None:
    """Deaf to the soft limit's signal."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    time.sleep(request.seconds)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])


ACTS: dict[str, Callable[[Probe], None]] = {
    "none": lambda _: None,
    "after": lambda _: None,
    "before": _die_once,
    "raise": _fail,
    "kill": _die,
    "eat": _eat,
    "hang": _hang,
}
