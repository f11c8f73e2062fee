"""The one Task base: contract in, envelope out, first result kept, retries on declared errors, no values in errors.

A task is declared with one of four decorators, by what it does to the database:

- `query`   reads in one short transaction
- `effect`  writes in one transaction, which also keeps its result under the idempotency key: a duplicate gets it back
- `step`    an internal part of a job whose own rows tell duplicates: one transaction, nothing kept
- `job`     long work that opens its own transactions and ends with `Work.keep`
"""

from __future__ import annotations

import errno
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any, Literal, cast
from uuid import uuid4

import structlog
from celery import Task, shared_task
from celery.exceptions import Ignore, Reject, Retry, SoftTimeLimitExceeded
from kombu.exceptions import OperationalError as BrokerError

from db.errors import (
    DatabaseBusy,
    DatabaseUnavailable,
    FenceLost,
    KeyConflict,
    ReferenceGone,
    SchemaOutdated,
    UnknownAssessment,
    UnknownBackfill,
    UnknownLead,
    UnknownTenant,
)
from db.records import OutboxRecord
from db.repositories import tenants
from db.repositories.jobs import idempotency_keys, outbox, quarantine
from db.session import Session, reading, transaction
from tasks.contracts.base.request import Request, parse
from tasks.contracts.base.wire import canonical
from tasks.errors import InvalidPayload, Poisonous, TaskError, TimedOut, Unavailable, Unexpected
from tasks.runtime import delivery_attempts, retry_policy
from tasks.runtime.batching import BatchResults, Bodies, Call, args_hash, key_of
from tasks.runtime.context import Json, TaskContext, TaskResult, as_duplicate
from tasks.runtime.leases import LeaseBusy, leased
from tasks.runtime.publisher import quick_producer
from tasks.runtime.retry_policy import RetryPolicy

__all__ = ["ATTEMPTS", "HearthTask", "Json", "TaskContext", "TaskResult", "effect", "job", "query", "step"]

log = structlog.get_logger(__name__)

Kind = Literal["query", "effect", "step", "job"]
#: seconds between looks at work that another worker does, and the most looks
WAIT, WAITS = 2.0, 600
#: starts of one chunk of an import that may end with the death of a worker
ATTEMPTS = 5
#: message header of what comes out of the outbox: the row's id
FROM_OUTBOX = "hearth_outbox"
#: message header that counts looks at work that another worker does
WAITED = "hearth_waited"

Body = Callable[..., TaskResult]


class HearthTask(Task):
    """Runs a body between a checked request and a finite envelope."""

    abstract = True
    typing = False
    #: deaths of a process that Celery sends the message again after; trouble that passes has its own count
    max_retries = 5
    #: seconds before a message whose process died is tried again
    default_retry_delay: float = 1.0
    contract: type[Request]
    body: Body
    kind: Kind
    #: tells an internal step's owner that it failed, instead of raising
    on_fault: Callable[[Any, str], None] | None = None
    #: the bodies of several messages that wait, in one transaction; None: each message has its own
    many: Bodies | None = None
    #: answers of messages that were worked on together
    answers = BatchResults()

    def prepare(self, calls: Sequence[Call]) -> None:
        """Work on messages of one tenant together; each then answers as if it had come alone."""
        if self.many is not None:
            self.answers.prepare(self._work(None, []), self.contract, self.many, calls)

    def answer(self, args: tuple[Any, ...], kwargs: Json) -> Json:
        """The envelope of one message, or a TaskError."""
        known = self.answers.take(self.request.id)
        if known is not None:
            return known
        if self.answers.missed(self.request.id):
            raise self._again(retry_policy.DATABASE_AWAY)
        try:
            return self._answer(args, kwargs)
        except TaskError as error:
            if self._row is not None and not isinstance(error, Unavailable):
                with self._declared_errors():
                    self._end_row(str(kwargs.get("tenant_id", "")), self._row)
            raise

    def _answer(self, args: tuple[Any, ...], kwargs: Json) -> Json:
        with self._declared_errors():
            request, warnings = parse(self.contract, _single_mapping(args, kwargs))
            context = self._work(request, warnings)
        with self._declared_errors(counted=False):
            counted = self._count_start(request, context)
        try:
            with self._declared_errors():
                return self._absorbing(request, context) if self.on_fault else self._perform(request, context)
        except (Retry, Reject, Unavailable):
            if counted:
                delivery_attempts.forget(request.tenant_id, task=self.name, task_id=context.task_id)
            raise

    def _work(self, request: Request | None, warnings: list[dict[str, str]]) -> TaskContext:
        return TaskContext(
            task=self.name,
            task_id=self.request.id or uuid4().hex,
            tenant=None,
            args_hash=args_hash(request) if request else "",
            now=datetime.now(UTC),
            queue_of=self._queue_of,
            publish=self._publish,
            warnings=list(warnings),
        )

    def _queue_of(self, task: str) -> str:
        return str(self.app.amqp.router.route({}, task)["queue"].name)

    def _count_start(self, request: Request, context: TaskContext) -> bool:
        """Whether this start was counted, since a process may have died over this message; one too many is refused."""
        more = delivery_attempts.to_count(self.request)
        if not more:
            return False
        own = {"task": self.name, "task_id": context.task_id}
        count = delivery_attempts.begin(request.tenant_id, **own, more=more)
        if count > delivery_attempts.STARTS:
            body = canonical(request.model_dump(mode="json", exclude_unset=True))
            before = min(count - more, delivery_attempts.STARTS)
            delivery_attempts.quarantine_message(
                request.tenant_id, **own, queue=self._queue_of(self.name), body=body, starts=before, now=context.now
            )
            raise Poisonous(f"{self.name} took its worker down {before} times; see `hearth quarantine list`")
        return True

    def _perform(self, request: Request, context: TaskContext) -> Json:
        if self.kind == "query":
            return self._ask(request, context)
        return self._run_job(request, context) if self.kind == "job" else self._write(request, context)

    def _ask(self, request: Request, context: TaskContext) -> Json:
        with reading(request.tenant_id or quarantine.NOBODY) as session:
            self._enter(session, request, context)
            envelope = context.envelope(request, self.body(session, request, context))
        if self._row is not None:
            self._end_row(request.tenant_id, self._row)
        return envelope

    def _run_job(self, request: Request, context: TaskContext) -> Json:
        with reading(request.tenant_id or quarantine.NOBODY) as session:
            self._enter(session, request, context)
        name = request.lease_name()
        holding = leased(request.tenant_id, f"{self.name}:{name}", context.task_id) if name else nullcontext()
        with holding as context.lease:
            envelope = cast("Json", self.body(request, context))
        if self._row is not None:
            self._end_row(request.tenant_id, self._row)
        return envelope

    def _end_row(self, tenant_id: str, row: str) -> None:
        """What has ended for good, well or badly, is not published again."""
        with transaction(tenant_id) as session:
            outbox.finish(session, tenant_id, outbox_id=row, now=datetime.now(UTC))

    def _write(self, request: Request, context: TaskContext) -> Json:
        with context.transaction(request.tenant_id, dry_run=request.dry_run) as session:
            self._enter(session, request, context)
            run = self._once if self.kind == "effect" else self._body
            envelope = run(session, request, context)
            if self._row is not None:
                outbox.finish(session, request.tenant_id, outbox_id=self._row, now=context.now)
        return envelope

    @property
    def _row(self) -> str | None:
        """The outbox row this message came from, where its end is noted with its effect."""
        row = self.request.get(FROM_OUTBOX)
        return row if isinstance(row, str) else None

    def _once(self, session: Session, request: Request, context: TaskContext) -> Json:
        scope = {"task": self.name, "key": key_of(request, context.task_id)}
        stored = idempotency_keys.claim(
            session, request.tenant_id, **scope, args_hash=context.args_hash, task_id=context.task_id, now=context.now
        )
        if stored is not None:
            return as_duplicate(stored.result)
        envelope = self._body(session, request, context)
        idempotency_keys.finish(session, request.tenant_id, **scope, result=envelope, now=context.now)
        return envelope

    def _body(self, session: Session, request: Request, context: TaskContext) -> Json:
        return context.envelope(request, self.body(session, request, context))

    def _enter(self, session: Session, request: Request, context: TaskContext) -> None:
        if request.needs_tenant():
            context.tenant = tenants.require(session, request.tenant_id)
        elif request.tenant_id:
            context.tenant = tenants.get(session, request.tenant_id)

    def _absorbing(self, request: Request, context: TaskContext) -> Json:
        try:
            with self._declared_errors(held=False):
                return self._perform(request, context)
        except TaskError as error:
            assert self.on_fault is not None
            with self._declared_errors():
                self.on_fault(request, type(error).__name__)
            return context.envelope(request, TaskResult(data={"failed": type(error).__name__}, status="partial"))

    @contextmanager
    def _declared_errors(self, *, counted: bool = True, held: bool = True) -> Iterator[None]:
        """Let errors pass as what a task answers, or as a later try.

        `counted`: this start is in its count, if it belongs there; `held`: trouble for too long is held in quarantine.
        """
        try:
            yield
        except (TaskError, Retry, Ignore, Reject):
            raise
        except UnknownTenant:
            raise InvalidPayload.at("unknown_tenant", "tenant_id", "no such tenant; create it first") from None
        except UnknownLead as error:
            places = [{"loc": f"lead_ids.{at}", "msg": "no such lead of this tenant"} for at in error.positions[:50]]
            raise InvalidPayload("unknown_lead", places) from None
        except UnknownAssessment:
            message = "no assessment of this tenant has this id"
            raise InvalidPayload.at("unknown_value", "assessment_id", message) from None
        except UnknownBackfill:
            message = "no import of this tenant has this id, or no chunk of it this number"
            raise InvalidPayload.at("unknown_value", "backfill_id", message) from None
        except KeyConflict:
            message = "this key was used with other arguments; use a new key"
            raise InvalidPayload.at("conflict", "idempotency_key", message) from None
        except (LeaseBusy, FenceLost):
            raise self._wait(held=held) from None
        except SoftTimeLimitExceeded:
            raise TimedOut(f"{self.name} ran into its time limit; send less at once") from None
        except Exception as error:  # noqa: BLE001  # the edge of the process: say where, never what
            policy = _policy_for(error)
            raise (self._again(policy, counted=counted, held=held) if policy else self._unexpected(error)) from None

    def _unexpected(self, error: Exception) -> Exception:
        log.error("unexpected_error", error=type(error).__name__, frames=_frames(error))
        return Unexpected(f"{type(error).__name__} in {self.name}; the log has the place by task id")

    def _again(self, policy: RetryPolicy, *, counted: bool = True, held: bool = True) -> Exception:
        """Return a retry while the policy allows it, then Unavailable; a query gives up after a few tries."""
        now = datetime.now(UTC)
        state = retry_policy.next_state(self.request.get(retry_policy.RETRY_HEADER), policy, now)
        seconds, told = state.delay(), Unavailable(policy.message)
        if self._is_here() or retry_policy.expires_within(self.request.expires, seconds, now):
            return told
        if self.kind == "query" and state.tries > retry_policy.QUESTION_TRIES:
            return told
        if state.is_exhausted(policy, now) and (not held or self._hold(state.tries, now)):
            return told
        ended = {} if counted else delivery_attempts.uncounted(self.request)
        return self._later(told, seconds, {retry_policy.RETRY_HEADER: state.header(), **ended}, policy.retry)

    def _wait(self, *, held: bool) -> Exception:
        """A later look at what another worker does, then Unavailable."""
        told = Unavailable("another worker does this now; its result will be the answer")
        waited = self.request.get(WAITED)
        waits = waited + 1 if isinstance(waited, int) else 1
        if self._is_here() or (waits > WAITS and (not held or self._hold(waits, datetime.now(UTC)))):
            return told
        seconds = WAIT if waits <= WAITS else retry_policy.BACKOFF_LIMIT
        return self._later(told, seconds, {WAITED: waits})

    def _is_here(self) -> bool:
        """Whether the task runs in its caller's own process: the caller decides what is next."""
        return bool(self.request.called_directly or self.request.is_eager)

    def _hold(self, tries: int, now: datetime) -> bool:
        """Whether this message could be held in quarantine. A question is not: it is told, and nothing is lost."""
        if self.kind == "query":
            return True
        draft = retry_policy.message_of(self.request, task=self.name, queue=self._queue_of(self.name), tries=tries)
        asked = (self.request.args or [{}])[0] if self.request.args else self.request.kwargs or {}
        return retry_policy.quarantine_message(str(asked.get("tenant_id", "")), draft, row=self._row, now=now)

    def _later(self, told: Unavailable, seconds: float, marks: Json, kind: type[Retry] = Retry) -> Exception:
        """The same message again after some seconds; back to its queue when the broker does not take it.

        It counts as no retry, since poison is told by those.
        """
        retries = self.request.retries or 0
        headers = {**(self.request.headers or {}), delivery_attempts.ENDED: retries, **marks}
        later = self.signature_from_request(countdown=seconds, retries=retries, headers=headers)
        try:
            later.apply_async()
        except BrokerError:
            # Celery's own retry would drop the message here
            return cast("Exception", Reject("the broker takes no messages now", requeue=True))
        return cast("Exception", kind(exc=told, when=seconds, sig=later))

    def _publish(self, tenant_id: str, rows: Sequence[OutboxRecord]) -> None:
        """Publish follow-ups that are committed, under their own ids; what the broker does not take the relay will."""
        if not rows:
            return
        try:
            with quick_producer(self.app) as producer:
                for row in rows:
                    self._send(row, producer)
        except BrokerError:
            log.warning("follow_ups_unpublished", rows=len(rows))
            return
        try:
            with transaction(tenant_id) as session:
                outbox.confirm(session, tenant_id, outbox_ids=[row.outbox_id for row in rows])
        except DatabaseUnavailable:
            # the effect is there; the relay publishes them again, which changes nothing
            log.warning("follow_ups_unconfirmed", rows=len(rows))

    def _send(self, row: OutboxRecord, producer: Any) -> None:
        facts = {"queue": row.queue, "task_id": row.outbox_id, "headers": {FROM_OUTBOX: row.outbox_id}}
        options = {"producer": producer, "retry": False, "ignore_result": True}
        self.app.send_task(row.task, kwargs=dict(row.kwargs), **facts, **options)


def query(name: str, contract: type[Request], **options: Any) -> Callable[[Body], Any]:
    """Declare a task that only reads: `body(session, request, work) -> Answer`."""
    return _declare("query", name, contract, options)


def effect(name: str, contract: type[Request], **options: Any) -> Callable[[Body], Any]:
    """Declare a task whose effect and first result are kept in one transaction: `body(session, request, work)`."""
    return _declare("effect", name, contract, options)


def step(name: str, contract: type[Request], **options: Any) -> Callable[[Body], Any]:
    """Declare an internal task whose own rows tell duplicates: `body(session, request, work)`."""
    return _declare("step", name, contract, options)


def job(name: str, contract: type[Request], **options: Any) -> Callable[[Callable[..., Json]], Any]:
    """Declare long work that opens its own transactions: `body(request, work) -> envelope`."""
    return _declare("job", name, contract, options)


def _declare(kind: Kind, name: str, contract: type[Request], options: Json) -> Callable[[Callable[..., Any]], Any]:
    def declare(body: Callable[..., Any]) -> Any:
        # positional only: a caller may name a key `self`
        def run(self: HearthTask, /, *args: Any, **kwargs: Any) -> Json:
            return self.answer(args, kwargs)

        run.__doc__, run.__module__ = body.__doc__, body.__module__
        facts = {"kind": kind, "contract": contract, "body": staticmethod(body), **options}
        for name_of_function in ("on_fault", "many"):
            if name_of_function in facts:
                facts[name_of_function] = staticmethod(facts[name_of_function])
        return shared_task(run, name=name, base=HearthTask, bind=True, **facts)

    return declare


def _single_mapping(args: tuple[Any, ...], kwargs: Json) -> Json:
    """Keyword arguments, or exactly one positional object that means the same."""
    if not args:
        return kwargs
    if len(args) == 1 and isinstance(args[0], dict) and not kwargs:
        return args[0]
    raise InvalidPayload.at("type", "", "send keyword arguments, or exactly one object as the only positional one")


def _policy_for(error: Exception) -> RetryPolicy | None:
    """Return the retry policy of a transient error; None for any other."""
    match error:
        case DatabaseBusy():
            return retry_policy.ROWS_BUSY
        case DatabaseUnavailable():
            return retry_policy.DATABASE_AWAY
        case SchemaOutdated():
            return retry_policy.SCHEMA_OUTDATED
        case ReferenceGone():
            return retry_policy.REFERENCE_GONE
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return retry_policy.DISK_FULL
        case _:
            return None


def _frames(error: BaseException) -> list[str]:
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)[-8:]]
