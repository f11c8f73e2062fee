"""Declare a task, and the door through which its messages come.

A task is declared with one of four decorators, by what it does to the database:

- `query`   reads in one short transaction
- `effect`  writes in one transaction, which also stores its result under the idempotency key: a duplicate gets it back
- `step`    an internal part of a job whose own rows tell duplicates: one transaction, no stored result
- `job`     long work that opens its own transactions and ends with `TaskContext.store_result`

A message on its way to the body and back:

1. `HearthTask.answer` is the door. A result that was committed with a batch is returned at once (`batching`).
2. `parse` makes the kwargs a request of the contract, or raises InvalidPayload (`tasks.contracts.base.request`).
3. `delivery_attempts.count` records the attempt of a message that comes again; after too many it is quarantined.
4. `execution.run` opens what the kind needs, a transaction or a lease, and looks the tenant up. An effect passes
   `idempotency.once`, which answers a duplicate.
5. The body returns a TaskResult; `TaskContext.envelope` makes JSON of it.
6. `TaskContext.transaction` writes follow-ups, events and audit rows with the effect (or rolls a dry run back); after
   the commit `outbox.publish` hands the follow-ups to the broker.
7. Around steps 2 to 6, `error_mapping.translated` makes each error a TaskError, or a retry (`retries`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Literal, TypedDict, Unpack
from uuid import uuid4

from celery import Task, shared_task
from celery.exceptions import Reject, Retry

from domain.access import AccessScope
from domain.documents import JsonObject
from tasks.contracts.base.request import Request, parse
from tasks.errors import InvalidPayload, TaskError, Unavailable
from tasks.runtime import batching, execution, idempotency, outbox, registry
from tasks.runtime.batching import Bodies, Call
from tasks.runtime.celery_types import OnFault
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.failures import delivery_attempts, retries, retry_policy
from tasks.runtime.failures.error_mapping import absorbed, translated
from tasks.runtime.registry import Declaration

Kind = Literal["query", "effect", "step", "job"]
#: its request is of the task's own contract
Body = Callable[..., TaskResult]
JobBody = Callable[..., JsonObject]


class Options(TypedDict, total=False):
    """The optional arguments of a task's declaration."""

    #: True for a task that only Hearth sends: its contract is not published
    internal: bool
    #: the scope of a gateway's key that may send the task; without it, the gateway does not take it
    scope: AccessScope
    on_fault: OnFault
    many: Bodies
    #: True where a message of a tenant that does not exist is held until it does, instead of only refused
    awaits_tenant: bool
    #: Celery's: True where nobody waits for an answer, and none is stored
    ignore_result: bool


class HearthTask(Task):
    """The base of every task: runs a body between a checked request and a finite envelope."""

    abstract = True
    typing = False
    #: Celery's retries count deaths of the process; transient errors have their own count (retries)
    max_retries = 5
    #: seconds before a message whose process died is tried again
    default_retry_delay: float = 1.0
    #: the queue of its messages, unless the sender names another; Celery takes it from tasks.runtime.routing
    default_queue: str
    contract: type[Request]
    body: Body
    kind: Kind
    #: tells the owner of a step that it failed, instead of raising
    on_fault: OnFault | None = None
    #: runs several messages of one tenant in one transaction; None: each message has its own
    many: Bodies | None = None
    #: see Options
    awaits_tenant: bool = False

    def prepare(self, calls: Sequence[Call]) -> None:
        """Run messages of one tenant in one transaction; each is then answered as if it had come alone."""
        if self.many is not None:
            batching.results.prepare(self._context(None, []), self.contract, self.many, calls)

    def answer(self, args: tuple[object, ...], kwargs: JsonObject) -> JsonObject:
        """Return the envelope of the message that Celery runs now.

        Raises:
            TaskError: what the caller gets instead.
            celery.exceptions.Retry, celery.exceptions.Reject: the message comes again.

        """
        committed = batching.results.take(self.request.id)
        if committed is not None:
            return committed
        if batching.results.found_no_database(self.request.id):
            raise retries.retry(self, retry_policy.DATABASE_AWAY)
        try:
            return self._run(args, kwargs)
        except Unavailable:
            raise
        except TaskError:
            # it failed for good, so the relay must not publish it again
            with translated(self):
                outbox.finish_alone(str(kwargs.get("tenant_id", "")), self.request)
            raise

    def _run(self, args: tuple[object, ...], kwargs: JsonObject) -> JsonObject:
        with translated(self):
            request, warnings = parse(self.contract, _single_mapping(args, kwargs))
            context = self._context(request, warnings)
        with translated(self, counted=False):
            counted = delivery_attempts.count(request, context, self.request, queue=self.default_queue)
        try:
            with translated(self):
                run = partial(execution.run, self, request, context)
                return absorbed(self, request, context, run) if self.on_fault else run()
        except (Retry, Reject, Unavailable):
            if counted:
                delivery_attempts.forget(request.tenant_id, task=self.name, task_id=context.task_id)
            raise

    def _context(self, request: Request | None, warnings: list[dict[str, str]]) -> TaskContext:
        return TaskContext(
            task=self.name,
            task_id=self.request.id or uuid4().hex,
            tenant=None,
            args_hash=idempotency.args_hash(request) if request else "",
            now=datetime.now(UTC),
            queue_of=self._queue_of,
            publish=partial(outbox.publish, self.app),
            warnings=list(warnings),
        )

    def _queue_of(self, task: str) -> str:
        return str(self.app.amqp.router.route({}, task)["queue"].name)


def query(
    name: str, contract: type[Request], *, queue: str, **options: Unpack[Options]
) -> Callable[[Body], HearthTask]:
    """Declare a task that only reads: `body(session, request, context) -> TaskResult`."""
    return _declare("query", name, contract, queue, options)


def effect(
    name: str, contract: type[Request], *, queue: str, **options: Unpack[Options]
) -> Callable[[Body], HearthTask]:
    """Declare a task whose effect and result are one transaction: `body(session, request, context) -> TaskResult`."""
    return _declare("effect", name, contract, queue, options)


def step(name: str, contract: type[Request], *, queue: str, **options: Unpack[Options]) -> Callable[[Body], HearthTask]:
    """Declare an internal task whose own rows tell duplicates: `body(session, request, context) -> TaskResult`."""
    return _declare("step", name, contract, queue, {"internal": True, **options})


def job(
    name: str, contract: type[Request], *, queue: str, **options: Unpack[Options]
) -> Callable[[JobBody], HearthTask]:
    """Declare long work that opens its own transactions: `body(request, context) -> envelope`."""
    return _declare("job", name, contract, queue, options)


def _declare(
    kind: Kind, name: str, contract: type[Request], queue: str, options: Options
) -> Callable[[Body | JobBody], HearthTask]:
    """Register a task; what its options say beyond the declaration is set on the task."""
    declaration = Declaration(
        name=name,
        contract=contract,
        queue=queue,
        internal=options.get("internal", False),
        scope=options.get("scope"),
        reads=kind == "query",
    )

    def declare(body: Body | JobBody) -> HearthTask:
        # positional only: a caller may name a key `self`
        def run(self: HearthTask, /, *args: object, **kwargs: object) -> JsonObject:
            return self.answer(args, kwargs)

        run.__doc__, run.__module__ = body.__doc__, body.__module__
        # a function would become a method
        attributes = {
            each: staticmethod(value) if callable(value) else value
            for each, value in options.items()
            if each not in ("internal", "scope")
        }
        registry.add(declaration)
        task: HearthTask = shared_task(
            run,
            name=name,
            base=HearthTask,
            bind=True,
            kind=kind,
            contract=contract,
            default_queue=queue,
            body=staticmethod(body),
            **attributes,
        )
        return task

    return declare


def _single_mapping(args: tuple[object, ...], kwargs: JsonObject) -> JsonObject:
    """Return the keyword arguments, or the only positional one, which is an object that means the same."""
    if not args:
        return kwargs
    if len(args) == 1 and isinstance(args[0], dict) and not kwargs:
        return args[0]
    raise InvalidPayload.at("type", "", "send keyword arguments, or exactly one object as the only positional one")
