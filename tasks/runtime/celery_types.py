"""Protocols for the parts of Celery's objects that our code around a task uses: Celery ships no types of its own.

A protocol names no more than what we touch. What any producer may have written is an `object`, which has to be checked
before it is used. The protocols of a worker's main process are in workers.base.celery_types.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from domain.documents import JsonMapping

if TYPE_CHECKING:
    # it takes a quarter of a second to import, and a command that only reads asks no broker
    from redis import Redis


class Channel(Protocol):
    """A channel of kombu's Redis transport."""

    @property
    def client(self) -> Redis:
        """Return a client of its own connection."""

    def conn_or_acquire(self) -> AbstractContextManager[Redis]:
        """Return a connection for one block: the channel's own, else one of its pool."""


class Producer(Protocol):
    """A producer of kombu's, on one channel."""

    channel: Channel


class Delivery(Protocol):
    """The headers of the message that is run, by name: a dict in the main process, Celery's request in a child."""

    def get(self, name: str, /) -> object:
        """Return a header, or None where there is none."""


class TaskRequest(Delivery, Protocol):
    """The message that a task runs, as Celery describes it to the task."""

    id: str | None
    #: none, or one object that stands for the keyword arguments
    args: Sequence[JsonMapping] | None
    kwargs: JsonMapping | None
    headers: JsonMapping | None
    delivery_info: JsonMapping | None
    correlation_id: str | None
    reply_to: str | None
    retries: int | None
    expires: object
    called_directly: bool
    is_eager: bool


class Signature(Protocol):
    """A message that can be sent."""

    def apply_async(self) -> object:
        """Send it."""


#: tells the owner of a step that it failed: (request of the task's own contract, name of the error)
OnFault = Callable[[Any, str], None]


class RunningTask(Protocol):
    """A task of ours (tasks.runtime.task.HearthTask), for the modules that its base class is made of."""

    name: str
    kind: str
    default_queue: str
    request: TaskRequest
    #: the declared function; its request is of the task's own contract
    body: Callable[..., Any]
    on_fault: OnFault | None
    #: True where a message of a tenant that does not exist is held until it does
    awaits_tenant: bool

    def signature_from_request(self, *, countdown: float, retries: int, headers: JsonMapping) -> Signature:
        """Return a copy of the message that is run, to be sent after `countdown` seconds."""
