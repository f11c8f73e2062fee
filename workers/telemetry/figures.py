"""Figures that only the processes know, kept in the broker for the relay's metrics: tasks, durations, starts, workers.

A worker's main process counts the tasks that its children end, and adds the counts to the broker's every few seconds
in one round trip. What it counted since then is lost when it is killed; a broker that loses its data begins at zero,
as Prometheus expects of counters.
"""

from __future__ import annotations

import math
import threading
import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import redis
import structlog
from celery.exceptions import Ignore, Reject, Retry, WorkerLostError
from redis.backoff import NoBackoff
from redis.retry import Retry as Retries

from tasks.errors import InvalidPayload, Overloaded
from workers.base.internal_keys import PROCESSES_SEEN, PROCESSES_STARTED, TASKS_COUNTED

log = structlog.get_logger(__name__)

#: seconds between two reports of a process, and from the last one until it counts as gone
INTERVAL, GONE = 10.0, 60.0
#: seconds after which the name of a process that is gone is forgotten: each container has a name of its own
FORGOTTEN = 86_400.0
#: seconds that the broker gets for a report: a worker's main process does nothing else meanwhile
PATIENCE = 1.0
#: upper bounds of the durations that are told apart, in seconds; the last is a task's hard time limit
BOUNDS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, math.inf)
#: what parts a field of TASKS_COUNTED: no task's name has it
_BAR = "|"

#: a hash as the client returns it
Fields = Mapping[bytes | str, bytes | str]


@dataclass(frozen=True, slots=True)
class Durations:
    """How long the runs of one task took."""

    #: runs by the first of BOUNDS that is not below them
    counts: tuple[int, ...]
    #: seconds of all runs
    total: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the broker holds."""

    #: (task, result) -> messages
    tasks: Mapping[tuple[str, str], int]
    durations: Mapping[str, Durations]
    #: process -> starts, and seconds since it last reported
    starts: Mapping[str, int]
    seen: Mapping[str, float]


def result_of(error: object) -> str | None:
    """Return the result that a task's error counts as; None for a message that goes back or was dropped on purpose.

    `refused`: the message was wrong, or too much waits. `lost`: its process died; it runs again or is held.
    """
    match error:
        case Retry():
            return "retried"
        case Ignore() | Reject():
            return None
        case InvalidPayload() | Overloaded():
            return "refused"
        case WorkerLostError() | SystemExit() | KeyboardInterrupt():
            return "lost"
        case _:
            return "failed"


@dataclass(slots=True)
class TaskCounts:
    """The tasks that ended in this process since its last report. Thread-safe."""

    _counts: Counter[str] = field(default_factory=Counter)
    _seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def record(self, task: str, result: str, seconds: float | None = None) -> None:
        """Count a task that ended; `seconds` is how long it ran, None when nobody knows."""
        with self._lock:
            self._counts[f"{task}{_BAR}{result}"] += 1
            if seconds is not None:
                self._counts[f"{task}{_BAR}{bisect_left(BOUNDS, seconds)}"] += 1
                self._seconds[f"{task}{_BAR}sum"] += seconds

    def drain(self) -> tuple[Counter[str], Mapping[str, float]]:
        """Return counts and seconds by their field, and begin at zero."""
        with self._lock:
            taken = self._counts, self._seconds
            self._counts, self._seconds = Counter(), defaultdict(float)
        return taken

    def put_back(self, counts: Mapping[str, int], seconds: Mapping[str, float]) -> None:
        """Add what could not be reported: the next report has it."""
        with self._lock:
            self._counts.update(counts)
            for name, amount in seconds.items():
                self._seconds[name] += amount


#: the tasks that ended in this process
ended = TaskCounts()


class Reporter:
    """Reports one process to the broker: that it started, that it lives, and which tasks ended in it."""

    def __init__(self, url: str, name: str, counts: TaskCounts = ended) -> None:
        # no retries: the next report is soon
        self._client = redis.Redis.from_url(
            url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=Retries(NoBackoff(), 0)
        )
        self._name = name
        self._counts = counts
        self._started = False

    def report(self) -> None:
        """Add the counts to the broker's; a broker that does not take them gets them with the next report."""
        counts, seconds = self._counts.drain()
        try:
            self._write(counts, seconds)
        except (redis.RedisError, OSError) as error:
            self._counts.put_back(counts, seconds)
            log.warning("figures_not_reported", error=type(error).__name__)

    def close(self) -> None:
        """Report a last time and close the connection."""
        self.report()
        self._client.close()

    def _write(self, counts: Mapping[str, int], seconds: Mapping[str, float]) -> None:
        pipeline = self._client.pipeline(transaction=True)
        pipeline.hset(PROCESSES_SEEN, self._name, repr(time.time()))
        if self._started:
            # a broker that lost its data shows the process again
            pipeline.hsetnx(PROCESSES_STARTED, self._name, "1")
        else:
            self._forget_gone(pipeline)
            pipeline.hincrby(PROCESSES_STARTED, self._name)
        for name, count in counts.items():
            pipeline.hincrby(TASKS_COUNTED, name, count)
        for name, amount in seconds.items():
            pipeline.hincrbyfloat(TASKS_COUNTED, name, amount)
        pipeline.execute()
        self._started = True

    def _forget_gone(self, pipeline: redis.client.Pipeline) -> None:
        ages = _ages(self._client.hgetall(PROCESSES_SEEN))
        if gone := [name for name, age in ages.items() if age > FORGOTTEN]:
            pipeline.hdel(PROCESSES_SEEN, *gone)
            pipeline.hdel(PROCESSES_STARTED, *gone)


def read(client: redis.Redis) -> Figures:
    """Return what all processes have reported; fields that are not ours are left out."""
    pipeline = client.pipeline(transaction=False)
    for key in (TASKS_COUNTED, PROCESSES_STARTED, PROCESSES_SEEN):
        pipeline.hgetall(key)
    counted, started, seen = pipeline.execute()
    tasks: dict[tuple[str, str], int] = {}
    buckets: defaultdict[str, list[int]] = defaultdict(lambda: [0] * len(BOUNDS))
    totals: dict[str, float] = {}
    for name, value in _decoded(counted).items():
        task, _, kind = name.rpartition(_BAR)
        if kind == "sum":
            totals[task] = value
        elif kind.isdecimal():
            buckets[task][min(int(kind), len(BOUNDS) - 1)] += int(value)
        elif task:
            tasks[task, kind] = int(value)
    return Figures(
        tasks=tasks,
        durations={task: Durations(tuple(counts), totals.get(task, 0.0)) for task, counts in buckets.items()},
        starts={name: int(value) for name, value in _decoded(started).items()},
        seen=_ages(seen),
    )


def _ages(seen: Fields) -> dict[str, float]:
    now = time.time()
    return {name: max(0.0, now - at) for name, at in _decoded(seen).items()}


def _decoded(fields: Fields) -> dict[str, float]:
    """Return the fields that are numbers, by name: whoever may write to the broker may write anything there."""
    told = {}
    for name, value in fields.items():
        try:
            number = float(value)
        except ValueError:
            continue
        if math.isfinite(number):
            told[name.decode(errors="replace") if isinstance(name, bytes) else name] = number
    return told
