"""Protocols for the parts of Celery's and kombu's objects that our code in a worker's main process uses.

Celery ships no types and kombu annotates little, so mypy knows only these. A protocol names no more than what we touch.
What any producer may have written is an `object`, which has to be checked before it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from domain.documents import JsonMapping, JsonObject
from tasks.runtime import celery_types


class QoS(Protocol):
    """The prefetch of a channel: how many messages it may hold, and whether it may take one now."""

    #: a step of the worker puts a further question before it
    can_consume: Callable[[], bool]

    def pauses(self) -> bool:
        """Return whether taking messages is paused on purpose."""

    def park(self, delivery_tag: str) -> None:
        """Move a message to the list of those that wait for room in the quarantine."""


class Channel(celery_types.Channel, Protocol):
    """A channel of our transport (workers.worker.transport)."""

    #: called when an entry was put aside
    on_malformed: Callable[[], object] | None

    @property
    def qos(self) -> QoS:
        """Return its prefetch."""

    @property
    def active_queues(self) -> Collection[str]:
        """Return the queues that it consumes."""

    @property
    def _in_poll(self) -> object:
        """Return something true while a BRPOP waits for its answer."""


class Message(Protocol):
    """A message as kombu delivers it; apart from its tag and channel, whoever sent it may have written anything."""

    headers: object
    properties: object
    delivery_info: object
    content_type: object
    content_encoding: object
    #: without its transport's encoding
    body: str | bytes | memoryview | None
    channel: Channel
    delivery_tag: str
    acknowledged: bool

    @property
    def payload(self) -> object:
        """Return the decoded body; raise what its decoder raises."""

    def ack_log_error(self, logger: object, errors: tuple[type[Exception], ...]) -> object:
        """Acknowledge; log it where that fails with one of these errors."""

    def reject_log_error(self, logger: object, errors: tuple[type[Exception], ...], *, requeue: bool) -> object:
        """Reject; log it where that fails with one of these errors."""


class Connection(Protocol):
    """A connection to the broker."""

    @property
    def default_channel(self) -> Channel:
        """Return its channel; connect where it is not connected yet."""

    def release(self) -> object:
        """Close it."""


class Result(Protocol):
    """The result of a task that was sent, for whoever waits for it."""

    id: str
    backend: object

    def get(self, *, timeout: float, propagate: bool) -> JsonObject | BaseException:
        """Return the answer, or the task's error where it is not to be raised; raise TimeoutError when none came."""

    def forget(self) -> None:
        """Delete the stored answer."""


class Failure(Protocol):
    """The failure of a task in a child of the pool (billiard's ExceptionInfo)."""

    #: the exception, or billiard's wrapper of one that came with its traceback
    exception: object


class Task(Protocol):
    """A registered task, whoever declared it."""

    name: str
    soft_time_limit: float | None
    time_limit: float | None


class Request(Protocol):
    """A message that names a task, on its way through the worker to a child of the pool."""

    id: str
    #: the name of the task
    type: str
    task: Task
    message: Message
    request_dict: JsonMapping
    #: hard and soft, as the message gives them
    time_limits: tuple[object, object]
    content_type: str | None
    content_encoding: str | None
    #: encoded where there is a content type, else (args, kwargs, embedded)
    body: object

    def revoked(self) -> bool:
        """Return whether it was revoked or has expired; it is acknowledged then."""

    def reject(self, *, requeue: bool) -> None:
        """Give the message back, or drop it."""

    def on_accepted(self, pid: int, time_accepted: float) -> object:
        """Record that a child has begun."""

    def on_timeout(self, soft: bool, timeout: float) -> object:
        """Record that a time limit has passed."""

    def on_success(self, outcome: object) -> object:
        """End a task that returned."""

    def on_failure(self, exc_info: Failure) -> object:
        """End a task that raised, or whose child died."""


class TimerEntry(Protocol):
    """A call that a timer will make."""

    def cancel(self) -> object:
        """Take it back."""


class Timer(Protocol):
    """The timer of a worker's main process, which calls between two messages."""

    def call_after(self, secs: float, fun: Callable[[], object]) -> TimerEntry:
        """Call once, in `secs` seconds."""

    def call_repeatedly(self, secs: float, fun: Callable[[], object]) -> TimerEntry:
        """Call every `secs` seconds."""


class Queue(Protocol):
    """A queue that is consumed."""

    name: str


class TaskConsumer(Protocol):
    """The consumer of the task queues, on one connection."""

    channel: Channel
    queues: Iterable[Queue]


class Prefetch(Protocol):
    """The prefetch of a connection as Celery counts it."""

    def increment_eventually(self) -> object:
        """Allow one more message."""

    def decrement_eventually(self) -> object:
        """Allow one less."""


class Pool(Protocol):
    """The children of a worker."""

    num_processes: int

    def apply_async(self, target: Callable[..., object], **options: object) -> object:
        """Run a function in a child, with billiard's callbacks and time limits."""


class Blueprint(Protocol):
    """The steps of a consumer."""

    #: a number of celery.bootsteps, such as CLOSE
    state: int


class Consumer(Protocol):
    """The consumer of a worker (workers.worker.consumer)."""

    blueprint: Blueprint
    #: called with each request
    on_task_message: set[Callable[[Request], object]]
    pool: Pool
    qos: Prefetch
    timer: Timer
    task_consumer: TaskConsumer

    def on_task_request(self, request: object) -> object:
        """Hand a request to the pool when it is due and a child is free."""
