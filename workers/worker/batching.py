"""Batching: messages of one task that wait for their tenant's turn go to a pool child together and share a commit.

Writers of one tenant wait for each other, and a commit costs more than what most messages do. So while messages of a
tenant run, those that arrive wait here, in the worker's main process, and go to a child in one batch when the first are
done. No message waits for others to arrive, and the more there is to do, the less each message costs. Each message
keeps its own request: its result, its error, its retries and its acknowledgement, which follows the commit. When a
child dies over a batch, its messages go back to their queue and come again one by one.

A task asks for this with `Strategy` in celeryconfig, and runs a batch with `HearthTask.many` (tasks.runtime.batching).
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from weakref import WeakSet

import structlog
from celery import Celery, current_app
from celery.app.trace import fast_trace_task
from celery.concurrency.prefork import TaskPool
from celery.exceptions import TaskRevokedError
from celery.worker import state
from celery.worker.strategy import default
from kombu import serialization

from domain.documents import JsonMapping
from tasks.runtime.batching import Call
from tasks.runtime.failures import delivery_attempts, retry_policy
from tasks.runtime.outbox import FROM_OUTBOX
from workers.base import messages
from workers.base.celery_types import Consumer, Failure, Pool, Prefetch, Request, Task

log = structlog.get_logger(__name__)

#: most messages of one batch, and bytes of their bodies
MOST, BYTES = 50, 1_000_000
#: most messages that may wait beyond the worker's prefetch, so that those of other tasks are still fetched
ROOM = 50

#: task, id, request, body, content type and encoding of a message, as Celery's trace of a task takes them
TraceArguments = tuple[str, str, JsonMapping, object, str | None, str | None]

#: the batching consumers of this connection, by task
_consumers: dict[str, BatchingConsumer] = {}


def strategy(task: Task, app: Celery, consumer: Consumer) -> Callable[..., object]:
    """Return Celery's handler of one task's messages, with batching where the pool's children are processes."""
    handler: Callable[..., object]
    if isinstance(consumer.pool, TaskPool):
        _consumers[task.name] = BatchingConsumer(task, consumer)
        handler = default(task, app, _consumers[task.name])
    else:
        handler = default(task, app, consumer)
    return handler


def is_batched(tenants: Collection[str]) -> bool:
    """Return whether messages of these tenants, all of them, may join the next batch of one that runs now."""
    return any(consumer.may_batch(tenants) for consumer in _consumers.values())


def is_over_prefetch(request: Request) -> bool:
    """Return whether a request was taken beyond the prefetch: it waits for a batch and needs no child of its own."""
    return any(request in consumer.borrowed for consumer in _consumers.values())


class BatchingConsumer:
    """Takes the requests of one task in the consumer's place, and hands them on: one batch of a tenant at a time."""

    def __init__(self, task: Task, consumer: Consumer) -> None:
        self.task = task
        self._consumer = consumer
        self._waiting: defaultdict[str, deque[Request]] = defaultdict(deque)
        #: tenants that have a batch running, or waiting for a child
        self._busy: set[str] = set()
        #: the prefetch of this connection; the next connection has its own
        self._qos: Prefetch | None = None
        #: requests that hold an extra prefetch credit, since they arrived while their tenant's batch was running
        self.borrowed: WeakSet[Request] = WeakSet()

    def __getattr__(self, name: str) -> object:
        return getattr(self._consumer, name)

    def on_task_request(self, request: Request) -> None:
        """Hand a request on: now, or when its tenant's batch has ended."""
        tenant_id = None if _runs_alone(request) else messages.tenant_of(request.message)
        if tenant_id is None:
            self._consumer.on_task_request(request)
            return
        self._waiting[tenant_id].append(request)
        if tenant_id in self._busy:
            self._borrow_credit(request)
        else:
            self._send(tenant_id)

    def may_batch(self, tenants: Collection[str]) -> bool:
        """Return whether each of these tenants has a batch, and there is room for more requests."""
        return bool(tenants) and len(self.borrowed) < ROOM and self._busy.issuperset(tenants)

    def take(self, tenant_id: str) -> list[Request]:
        """Return the next batch of a tenant, oldest first, without revoked requests and those of a lost connection."""
        batch: list[Request] = []
        waiting, size = self._waiting[tenant_id], 0
        while waiting and len(batch) < MOST and size < BYTES:
            request = waiting.popleft()
            # after a lost connection the broker delivers the message again
            if not getattr(request.message.channel, "closed", False) and not request.revoked():
                batch.append(request)
                size += len(messages.body_of(request.message))
            else:
                self.return_credit([request])
        self.return_credit(batch[:1])
        return batch

    def return_credit(self, requests: Iterable[Request]) -> None:
        """Release the extra prefetch credit borrowed for these requests."""
        for request in self.borrowed.intersection(requests):
            self.borrowed.discard(request)
            assert self._qos is not None  # since the first request that borrowed
            self._qos.decrement_eventually()

    def on_batch_ended(self, tenant_id: str, requests: Iterable[Request]) -> None:
        """Release a tenant's batch, and send the next one."""
        self.return_credit(requests)
        self._busy.discard(tenant_id)
        if self._waiting[tenant_id]:
            self._send(tenant_id)
        else:
            del self._waiting[tenant_id]

    def _send(self, tenant_id: str) -> None:
        self._busy.add(tenant_id)
        self._consumer.on_task_request(Batch(self, tenant_id))

    def _borrow_credit(self, request: Request) -> None:
        if len(self.borrowed) < ROOM:
            self._qos = self._qos or self._consumer.qos
            self.borrowed.add(request)
            self._qos.increment_eventually()


class Batch:
    """Requests of one tenant that one child runs together; the pool sees one job."""

    def __init__(self, consumer: BatchingConsumer, tenant_id: str) -> None:
        self._consumer = consumer
        self._tenant_id = tenant_id
        #: what a child runs, once one is free
        self.requests: list[Request] = []

    def execute_using_pool(self, pool: Pool, **_: object) -> object:
        """Take the requests that wait by now, since a child is free; raises TaskRevokedError when there is none."""
        self.requests = self._consumer.take(self._tenant_id)
        if not self.requests:
            self._end()
            raise TaskRevokedError(self._tenant_id)
        try:
            return self._apply(pool)
        except Exception:
            # no callback will say that it has ended, and the tenant's next batch would wait for ever
            self._end()
            raise

    def _apply(self, pool: Pool) -> object:
        task = self._consumer.task
        return pool.apply_async(
            run,
            args=([_trace_arguments(request) for request in self.requests],),
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
        # a batch that is out of time fails as a whole next, and its messages go back one by one
        for request in self.requests if soft or len(self.requests) == 1 else ():
            request.on_timeout(soft, timeout)

    def _on_success(self, outcomes: Sequence[object], **_: object) -> None:
        try:
            for request, outcome in zip(self.requests, outcomes, strict=True):
                request.on_success(outcome)
        finally:
            self._end()

    def _on_failure(self, exc_info: Failure, **_: object) -> None:
        """Fail, or give the messages back when the child died: run alone, each shows whether it was the cause."""
        try:
            if len(self.requests) == 1:
                self.requests[0].on_failure(exc_info)
                return
            log.warning("gathered_messages_go_back", task=self._consumer.task.name, messages=len(self.requests))
            for request in self.requests:
                state.task_ready(request)
                request.reject(requeue=True)
        finally:
            self._end()

    def _end(self) -> None:
        self._consumer.on_batch_ended(self._tenant_id, self.requests)


def run(calls: Sequence[TraceArguments]) -> list[object]:
    """Run a batch, in a child: one commit for all if that is possible, then each message as Celery runs any task."""
    if len(calls) > 1:
        _prepare(calls)
    return [fast_trace_task(*call) for call in calls]


def _prepare(calls: Sequence[TraceArguments]) -> None:
    batch = []
    for _, task_id, _, body, content_type, content_encoding in calls:
        args, kwargs = _arguments(body, content_type, content_encoding)
        if not args or (len(args) == 1 and isinstance(args[0], dict) and not kwargs):
            batch.append(Call(task_id=task_id, kwargs=args[0] if args else kwargs))
    current_app.tasks[calls[0][0]].prepare(batch)


def _arguments(
    body: object, content_type: str | None, content_encoding: str | None
) -> tuple[Sequence[JsonMapping], JsonMapping]:
    if content_type:
        accepted = serialization.prepare_accept_content(["json"])
        body = serialization.loads(body, content_type, content_encoding, accept=accepted)
    assert isinstance(body, list | tuple)  # a request whose body is anything else was refused
    return body[0], body[1]


def _trace_arguments(request: Request) -> TraceArguments:
    """Return what Celery's trace of a task takes."""
    encoding = (request.content_type, request.content_encoding)
    return (request.type, request.id, request.request_dict, request.body, *encoding)


def _runs_alone(request: Request) -> bool:
    """Return whether a request must not be batched: it failed before, has time limits, or ends an outbox row."""
    headers = request.request_dict
    again = (
        headers.get("retries")
        or delivery_attempts.unrecorded_attempts(headers)
        or headers.get(retry_policy.RETRY_HEADER)
    )
    # a sender that knows the task writes the task's own limits into its messages
    limits = request.task.time_limit, request.task.soft_time_limit
    limited = any(given not in {None, usual} for given, usual in zip(request.time_limits, limits, strict=True))
    return bool(again or headers.get(FROM_OUTBOX) or limited)
