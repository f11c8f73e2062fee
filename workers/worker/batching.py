"""Messages that wait for their tenant's turn go to a child together, where they share a commit.

Writers of one tenant wait for each other, and a commit costs more than what most messages ask. So while messages of a
tenant are being worked on, those that come wait here, in the worker's main process, and go to a child in one piece when
it is done: nobody waits for company, and the more there is to do the less each costs. Each message keeps its own
request: its answer, its error, its retries and its acknowledgement, after the commit. When a child dies over several,
they go back to their queue and come again one by one.

A task asks for it with `Strategy`, and does it with `HearthTask.many`.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any
from weakref import WeakSet

import structlog
from celery import current_app
from celery.app.trace import fast_trace_task
from celery.concurrency.prefork import TaskPool
from celery.exceptions import TaskRevokedError
from celery.worker import state
from celery.worker.strategy import default
from kombu import serialization

from tasks.runtime import delivery_attempts, retry_policy
from tasks.runtime.batching import Call
from tasks.runtime.task import FROM_OUTBOX
from workers.base import messages

log = structlog.get_logger(__name__)

# Kombu ships no types
_kombu: Any = serialization

#: messages, and bytes of their bodies, that go to a child in one piece
MOST, BYTES = 50, 1_000_000
#: messages that may wait beyond the worker's prefetch, so that those of other tasks are still fetched
ROOM = 50


#: gatherers of this connection, by task
_gatherers: dict[str, BatchingConsumer] = {}


def strategy(task: Any, app: Any, consumer: Any) -> Callable[..., Any]:
    """Celery's handler of one task's messages, with company; as ever where children are no processes."""
    handler: Callable[..., Any]
    if isinstance(consumer.pool, TaskPool):
        _gatherers[task.name] = BatchingConsumer(task, consumer)
        handler = default(task, app, _gatherers[task.name])
    else:
        handler = default(task, app, consumer)
    return handler


def is_batched(tenants: Collection[str]) -> bool:
    """Whether messages of these tenants, all of them, may go together with some that are being worked on."""
    return any(gatherer.gathers(tenants) for gatherer in _gatherers.values())


def is_over_prefetch(request: Any) -> bool:
    """Whether a request needs no child of its own: it waits to go together with others, or goes with one."""
    return any(request in gatherer.companions for gatherer in _gatherers.values())


class BatchingConsumer:
    """Stands for the consumer before one task: it takes requests and hands them on, of a tenant one batch at a time."""

    def __init__(self, task: Any, consumer: Any) -> None:
        self.task = task
        self._consumer = consumer
        self._waiting: defaultdict[str, deque[Any]] = defaultdict(deque)
        #: tenants of which a batch is being worked on, or waits for a child
        self._busy: set[str] = set()
        #: this connection's prefetch; a later one has its own
        self._qos: Any = None
        #: requests that came while their tenant's turn was on, taken beyond the prefetch
        self.companions: WeakSet[Any] = WeakSet()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)

    def on_task_request(self, request: Any) -> None:
        """Hand a request on, now or when its tenant's turn comes."""
        tenant_id = None if _goes_alone(request) else messages.tenant_of(request.message)
        if tenant_id is None:
            self._consumer.on_task_request(request)
            return
        self._waiting[tenant_id].append(request)
        if tenant_id in self._busy:
            self._lend(request)
        else:
            self._send(tenant_id)

    def gathers(self, tenants: Collection[str]) -> bool:
        """Whether each of these tenants has a batch, and there is room for company."""
        return bool(tenants) and len(self.companions) < ROOM and self._busy.issuperset(tenants)

    def take(self, tenant_id: str) -> list[Any]:
        """Give what waits now, oldest first, as much as goes in one piece; what was revoked or is gone is left out."""
        taken: list[Any] = []
        waiting, size = self._waiting[tenant_id], 0
        while waiting and len(taken) < MOST and size < BYTES:
            request = waiting.popleft()
            # after a lost connection the broker gives the message to somebody again
            if not getattr(request.message.channel, "closed", False) and not request.revoked():
                taken.append(request)
                size += len(messages.body_of(request.message))
            else:
                self.give_back([request])
        self.give_back(taken[:1])
        return taken

    def give_back(self, requests: Iterable[Any]) -> None:
        """Each of these takes a place of its own, or none any more."""
        for request in self.companions.intersection(requests):
            self.companions.discard(request)
            self._qos.decrement_eventually()

    def ended(self, tenant_id: str, requests: Iterable[Any]) -> None:
        """A batch is done; the next may go."""
        self.give_back(requests)
        self._busy.discard(tenant_id)
        if self._waiting[tenant_id]:
            self._send(tenant_id)
        else:
            del self._waiting[tenant_id]

    def _send(self, tenant_id: str) -> None:
        self._busy.add(tenant_id)
        self._consumer.on_task_request(Batch(self, tenant_id))

    def _lend(self, request: Any) -> None:
        if len(self.companions) < ROOM:
            self._qos = self._qos or self._consumer.qos
            self.companions.add(request)
            self._qos.increment_eventually()


class Batch:
    """Requests of one tenant that a child works on in one piece; to the pool they are one job."""

    def __init__(self, gatherer: BatchingConsumer, tenant_id: str) -> None:
        self._gatherer = gatherer
        self._tenant_id = tenant_id
        #: what a child works on, once it is known
        self.requests: list[Any] = []

    def execute_using_pool(self, pool: Any, **_: Any) -> Any:
        """Take what waits by now, since a child is free; raises TaskRevokedError when that is nothing."""
        self.requests = self._gatherer.take(self._tenant_id)
        if not self.requests:
            self._end()
            raise TaskRevokedError(self._tenant_id)
        try:
            return self._apply(pool)
        except Exception:
            # nobody will say that it has ended, and the tenant's others would wait for ever
            self._end()
            raise

    def _apply(self, pool: Any) -> Any:
        task = self._gatherer.task
        return pool.apply_async(
            run,
            args=([_traced(request) for request in self.requests],),
            accept_callback=self._on_accepted,
            timeout_callback=self._on_timeout,
            callback=self._on_success,
            error_callback=self._on_failure,
            soft_timeout=task.soft_time_limit,
            timeout=task.time_limit,
            correlation_id=self.requests[0].id,
        )

    def _on_accepted(self, pid: int, time_accepted: float) -> None:
        for request in self.requests:
            request.on_accepted(pid, time_accepted)

    def _on_timeout(self, soft: bool, timeout: float) -> None:
        # Several that are out of time go back one by one; that follows as a failure.
        for request in self.requests if soft or len(self.requests) == 1 else ():
            request.on_timeout(soft, timeout)

    def _on_success(self, outcomes: Sequence[Any], **_: Any) -> None:
        try:
            for request, outcome in zip(self.requests, outcomes, strict=True):
                request.on_success(outcome)
        finally:
            self._end()

    def _on_failure(self, exc_info: Any, **_: Any) -> None:
        """The child died, or was killed: one message is to blame, and alone each shows whether it is the one."""
        try:
            if len(self.requests) == 1:
                self.requests[0].on_failure(exc_info)
                return
            log.warning("gathered_messages_go_back", task=self._gatherer.task.name, messages=len(self.requests))
            for request in self.requests:
                state.task_ready(request)
                request.reject(requeue=True)
        finally:
            self._end()

    def _end(self) -> None:
        self._gatherer.ended(self._tenant_id, self.requests)


def run(calls: Sequence[tuple[Any, ...]]) -> list[Any]:
    """In a child: do what the messages ask in one commit if that can be, then end each as Celery ends any task."""
    if len(calls) > 1:
        _prepare(calls)
    return [fast_trace_task(*call) for call in calls]


def _prepare(calls: Sequence[tuple[Any, ...]]) -> None:
    asked = []
    for _, task_id, _, *body in calls:
        args, kwargs = _arguments(*body)
        if not args or (len(args) == 1 and isinstance(args[0], dict) and not kwargs):
            asked.append(Call(task_id=task_id, kwargs=args[0] if args else kwargs))
    current_app.tasks[calls[0][0]].prepare(asked)


def _arguments(body: Any, content_type: str | None, content_encoding: str | None) -> tuple[Any, Any]:
    if content_type:
        body = _kombu.loads(body, content_type, content_encoding, accept=_kombu.prepare_accept_content(["json"]))
    return body[0], body[1]


def _traced(request: Any) -> tuple[Any, ...]:
    """What a child needs of a request."""
    envelope = (request.content_type, request.content_encoding)
    return (request.type, request.id, request.request_dict, request.body, *envelope)


def _goes_alone(request: Any) -> bool:
    """What came before and failed, has limits of its own, or a row whose end is noted with its effect."""
    told = request.request_dict
    again = told.get("retries") or delivery_attempts.to_count(told) or told.get(retry_policy.RETRY_HEADER)
    # a sender that knows the task writes the usual limits into its messages
    usual = request.task.time_limit, request.task.soft_time_limit
    limited = any(limit not in {None, own} for limit, own in zip(request.time_limits, usual, strict=True))
    return bool(again or told.get(FROM_OUTBOX) or limited)
