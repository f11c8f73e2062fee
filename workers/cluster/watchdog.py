"""Watch for workers that live and consume nothing: a lost child of the pool, a main process that hangs.

Probes come into every queue every 15 seconds (see tasks.system), so messages always wait for a worker that has stopped.
A worker has stopped when, at every look for some minutes, messages wait while it runs nothing, starts nothing and does
not wait on purpose for the broker or the database. A busy worker reports that it is busy. While the broker does not
answer, no worker is judged.

Without the embedded cluster: `python -m workers.cluster.watchdog NAME@HOST…` exits with 1 when one of these workers
has stopped.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from celery import Celery
from kombu import pidbox
from kombu.exceptions import OperationalError
from pydantic import SecretStr
from redis.exceptions import RedisError

from domain.documents import JsonMapping
from tasks.runtime.broker.queue_depth import depths
from workers.app import app
from workers.base.settings import settings
from workers.telemetry import logs
from workers.worker.worker_status import COMMAND

log = structlog.get_logger(__name__)

#: seconds for all workers to answer
ANSWER = 1.0
#: what a broker that is away raises
_AWAY = (OperationalError, RedisError, OSError)

#: what a worker says of itself (workers.worker.worker_status)
WorkerAnswer = JsonMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """The interval between looks, and how long a worker may stand still, in seconds."""

    look: float = 15.0
    #: nothing running and nothing started, though something waits; above a worker's longest pause
    idle: float = 120.0
    #: no answer, though something waits; above a start on a slow machine and the longest work of a main process
    silent: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A worker that has stopped."""

    name: str
    #: its main process
    pid: int
    #: why it is thought so, and for how many seconds that has been so
    code: str
    seconds: float


@dataclass(slots=True)
class Observation:
    """The observations of one worker."""

    patience: Patience
    pid: int = 0
    queues: Sequence[str] = ()
    _last_state: tuple[object, ...] = ()
    _since: float = 0.0

    def record_answer(self, answer: WorkerAnswer | None) -> None:
        """Record its answer."""
        if answer is not None:
            self.pid, self.queues = answer["pid"], answer["queues"]

    def forget(self) -> None:
        """Count the time that it stands still anew."""
        self._last_state = ()

    def stopped(self, answer: WorkerAnswer | None, *, waits: bool, now: float) -> tuple[str, float] | None:
        """Return the code and the seconds once it has stood still too long; None before."""
        if not (self.pid and waits) or (answer is not None and (answer["active"] or answer["pauses"])):
            self.forget()
            return None
        state = (self.pid, None if answer is None else answer["started"])
        if state != self._last_state:
            self._last_state, self._since = state, now
        code, bound = ("silent", self.patience.silent) if answer is None else ("idle", self.patience.idle)
        lasted = now - self._since
        return (code, lasted) if lasted > bound else None


@dataclass(slots=True)
class Watch:
    """Watch workers by name; `look` returns those that have stopped."""

    url: SecretStr
    #: `name@host` of each
    workers: Collection[str]
    patience: Patience = field(default_factory=Patience)
    _observations: dict[str, Observation] = field(default_factory=dict)

    def look(self) -> list[Stopped]:
        """Ask all workers once. While the broker is away nothing is known, and the time counts anew afterwards."""
        try:
            answers, waiting = self._ask()
        except _AWAY:
            # a worker that hangs answers no more: its process id and queues are known from before only
            for observation in self._observations.values():
                observation.forget()
            return []
        return list(self._find_stopped(answers, waiting, time.monotonic()))

    def _ask(self) -> tuple[dict[str, WorkerAnswer], dict[str, int]]:
        names = list(self.workers)
        # connections of our own: those of the app are its user's, who may join it to another broker
        with app.connection_for_write(self.url.get_secret_value()) as connection:
            replies = _mailbox(app)(connection).call(names, COMMAND, timeout=ANSWER)
            answers = {name: status for reply in replies or () for name, status in reply.items() if "pid" in status}
            for name in names:
                self._observations.setdefault(name, Observation(self.patience)).record_answer(answers.get(name))
            queues = {queue for observation in self._observations.values() for queue in observation.queues}
            return answers, depths(connection.default_channel.client, queues)

    def _find_stopped(
        self, answers: Mapping[str, WorkerAnswer], waiting: Mapping[str, int], now: float
    ) -> Iterator[Stopped]:
        for name, observation in self._observations.items():
            waits = any(waiting.get(queue) for queue in observation.queues)
            verdict = observation.stopped(answers.get(name), waits=waits, now=now)
            if verdict is not None:
                observation.forget()
                yield Stopped(name=name, pid=observation.pid, code=verdict[0], seconds=verdict[1])


def _mailbox(celery: Celery) -> pidbox.Mailbox:
    """Return Celery's remote control without taking a pooled connection of the app."""
    conf = celery.conf
    return pidbox.Mailbox(
        conf.control_exchange,
        type="fanout",
        accept=conf.accept_content,
        serializer="json",
        reply_queue_ttl=conf.control_queue_ttl,
        reply_queue_expires=conf.control_queue_expires,
    )


class Watcher:
    """A thread that looks at intervals and reports each worker that has stopped."""

    def __init__(self, watch: Watch, on_stopped: Callable[[Stopped], object]) -> None:
        self._watch, self._on_stopped = watch, on_stopped
        self._ending = threading.Event()
        # a daemon: a question to a broker that has gone may take its time
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread."""
        self._ending.set()

    def _run(self) -> None:
        while not self._ending.wait(self._watch.patience.look):
            for stopped in self._watch.look():
                if not self._ending.is_set():
                    self._on_stopped(stopped)


def main(names: Sequence[str], patience: Patience | None = None) -> int:
    """Look until one of the named workers has stopped; return 1 then, 2 without a name."""
    if not names:
        log.error("no_worker_named")
        return 2
    watch = Watch(settings().broker(), names, patience or Patience())
    while not (stopped_workers := watch.look()):
        time.sleep(watch.patience.look)
    for worker in stopped_workers:
        log.error("worker_stopped", worker=worker.name, pid=worker.pid, code=worker.code, seconds=round(worker.seconds))
    return 1


if __name__ == "__main__":
    logs.configure(settings().log_level)
    sys.exit(main(sys.argv[1:]))
