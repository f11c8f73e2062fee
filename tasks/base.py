"""The one Task base: contract in, envelope out, first result kept, retries on declared errors, no values in errors.

A task is declared with one of four decorators, by what it does to the database:

- `query`   reads in one short transaction
- `effect`  writes in one transaction, which also keeps its result under the idempotency key: a duplicate gets it back
- `step`    an internal part of a job whose own rows tell duplicates: one transaction, nothing kept
- `job`     long work that opens its own transactions and ends with `Work.keep`
"""

from __future__ import annotations

import errno
import random
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

from db.errors import DatabaseUnavailable, FenceLost, KeyConflict, ReferenceGone, UnknownLead, UnknownTenant
from db.records import OutboxRecord
from db.repositories import outbox, processed, tenants
from db.session import Session, reading, transaction
from tasks import starts
from tasks.contracts.base import Request, parse
from tasks.contracts.wire import canonical
from tasks.errors import InvalidPayload, Poisonous, TaskError, TimedOut, Unavailable, Unexpected
from tasks.leasing import LeaseBusy, leased
from tasks.posting import quick_producer
from tasks.together import Answers, Bodies, Call, args_hash, key_of
from tasks.work import Answer, Json, Work, duplicate

__all__ = ["ATTEMPTS", "Answer", "HearthTask", "Json", "Work", "effect", "job", "query", "step"]

log = structlog.get_logger(__name__)

Kind = Literal["query", "effect", "step", "job"]
#: seconds before the first retry, and the most
BACKOFF, BACKOFF_LIMIT = 0.5, 60.0
#: seconds between looks at work that another worker does, and the most looks
WAIT, WAITS = 2.0, 600
#: starts of one chunk of an import that may end with the death of a worker
ATTEMPTS = 5
#: message header of what comes out of the outbox: the row's id
FROM_OUTBOX = "hearth_outbox"
#: message header that counts looks at work that another worker does
WAITED = "hearth_waited"

Body = Callable[..., Answer]


class HearthTask(Task):
    """Runs a body between a checked request and a finite envelope."""

    abstract = True
    typing = False
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
    answers = Answers()

    def prepare(self, calls: Sequence[Call]) -> None:
        """Work on messages of one tenant together; each then answers as if it had come alone."""
        if self.many is not None:
            self.answers.prepare(self._work(None, []), self.contract, self.many, calls)

    def answer(self, args: tuple[Any, ...], kwargs: Json) -> Json:
        """The envelope of one message, or a TaskError."""
        known = self.answers.take(self.request.id)
        if known is not None:
            return known
        try:
            return self._answer(args, kwargs)
        except TaskError as error:
            if self._row is not None and not isinstance(error, Unavailable):
                self._end_row(str(kwargs.get("tenant_id", "")), self._row)
            raise

    def _answer(self, args: tuple[Any, ...], kwargs: Json) -> Json:
        with self._declared_errors():
            request, warnings = parse(self.contract, _single_mapping(args, kwargs))
            work = self._work(request, warnings)
            counted = self._count_start(request, work)
        try:
            with self._declared_errors():
                return self._absorbing(request, work) if self.on_fault else self._perform(request, work)
        except (Retry, Reject, Unavailable):
            if counted:
                starts.take_back(request.tenant_id, task=self.name, task_id=work.task_id)
            raise

    def _work(self, request: Request | None, warnings: list[dict[str, str]]) -> Work:
        return Work(
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

    def _count_start(self, request: Request, work: Work) -> bool:
        """Whether this start was counted, since a process may have died over this message; one too many is refused."""
        more = starts.to_count(self.request)
        if not more:
            return False
        own = {"task": self.name, "task_id": work.task_id}
        count = starts.begin(request.tenant_id, **own, more=more)
        if count > starts.STARTS:
            body = canonical(request.model_dump(mode="json", exclude_unset=True))
            before = min(count - more, starts.STARTS)
            starts.hold(
                request.tenant_id, **own, queue=self._queue_of(self.name), body=body, starts=before, now=work.now
            )
            raise Poisonous(f"{self.name} took its worker down {before} times; see `hearth quarantine list`")
        return True

    def _perform(self, request: Request, work: Work) -> Json:
        if self.kind == "query":
            return self._ask(request, work)
        return self._run_job(request, work) if self.kind == "job" else self._write(request, work)

    def _ask(self, request: Request, work: Work) -> Json:
        with reading() as session:
            self._enter(session, request, work)
            envelope = work.envelope(request, self.body(session, request, work))
        if self._row is not None:
            self._end_row(request.tenant_id, self._row)
        return envelope

    def _run_job(self, request: Request, work: Work) -> Json:
        with reading() as session:
            self._enter(session, request, work)
        name = request.lease_name()
        holding = leased(request.tenant_id, f"{self.name}:{name}", work.task_id) if name else nullcontext()
        with holding as work.held:
            envelope = cast("Json", self.body(request, work))
        if self._row is not None:
            self._end_row(request.tenant_id, self._row)
        return envelope

    def _end_row(self, tenant_id: str, row: str) -> None:
        """What has ended for good, well or badly, is not published again."""
        with transaction() as session:
            outbox.finish(session, tenant_id, outbox_id=row, now=datetime.now(UTC))

    def _write(self, request: Request, work: Work) -> Json:
        with work.effect(request.tenant_id, dry_run=request.dry_run) as session:
            self._enter(session, request, work)
            run = self._once if self.kind == "effect" else self._body
            envelope = run(session, request, work)
            if self._row is not None:
                outbox.finish(session, request.tenant_id, outbox_id=self._row, now=work.now)
        return envelope

    @property
    def _row(self) -> str | None:
        """The outbox row this message came from, where its end is noted with its effect."""
        row = self.request.get(FROM_OUTBOX)
        return row if isinstance(row, str) else None

    def _once(self, session: Session, request: Request, work: Work) -> Json:
        scope = {"task": self.name, "key": key_of(request, work.task_id)}
        stored = processed.claim(
            session, request.tenant_id, **scope, args_hash=work.args_hash, task_id=work.task_id, now=work.now
        )
        if stored is not None:
            return duplicate(stored.result)
        envelope = self._body(session, request, work)
        processed.finish(session, request.tenant_id, **scope, result=envelope, now=work.now)
        return envelope

    def _body(self, session: Session, request: Request, work: Work) -> Json:
        return work.envelope(request, self.body(session, request, work))

    def _enter(self, session: Session, request: Request, work: Work) -> None:
        if request.needs_tenant():
            work.tenant = tenants.require(session, request.tenant_id)
        elif request.tenant_id:
            work.tenant = tenants.get(session, request.tenant_id)

    def _absorbing(self, request: Request, work: Work) -> Json:
        try:
            with self._declared_errors():
                return self._perform(request, work)
        except TaskError as error:
            assert self.on_fault is not None
            self.on_fault(request, type(error).__name__)
            return work.envelope(request, Answer(data={"failed": type(error).__name__}, status="partial"))

    @contextmanager
    def _declared_errors(self) -> Iterator[None]:
        try:
            yield
        except (TaskError, Retry, Ignore, Reject):
            raise
        except UnknownTenant:
            raise InvalidPayload.at("unknown_tenant", "tenant_id", "no such tenant; create it first") from None
        except UnknownLead as error:
            places = [{"loc": f"lead_ids.{at}", "msg": "no such lead of this tenant"} for at in error.positions[:50]]
            raise InvalidPayload("unknown_lead", places) from None
        except KeyConflict:
            message = "this key was used with other arguments; use a new key"
            raise InvalidPayload.at("conflict", "idempotency_key", message) from None
        except (LeaseBusy, FenceLost):
            message = "another worker does this now; its result will be the answer"
            raise self._wait(message) from None
        except DatabaseUnavailable:
            raise self._again("the database did not answer; send the task again later") from None
        except ReferenceGone:
            raise self._again("what this was about was deleted meanwhile; ask again what is there") from None
        except SoftTimeLimitExceeded:
            raise TimedOut(f"{self.name} ran into its time limit; send less at once") from None
        except Exception as error:  # noqa: BLE001  # the edge of the process: say where, never what
            raise self._undeclared(error) from None

    def _undeclared(self, error: Exception) -> Exception:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return self._again("no room on the disk of Hearth's home; make some and send the task again")
        log.error("unexpected_error", error=type(error).__name__, frames=_frames(error))
        return Unexpected(f"{type(error).__name__} in {self.name}; the log has the place by task id")

    def _again(self, message: str) -> Exception:
        """A retry with backoff and jitter while there are any left, then Unavailable."""
        retries = self.request.retries or 0
        if self.request.called_directly or retries >= self.max_retries:
            return Unavailable(message)
        backoff = min(BACKOFF * 2 ** min(retries, 10), BACKOFF_LIMIT) * (0.5 + random.random() / 2)
        return self._later(message, backoff, retries=retries + 1)

    def _wait(self, message: str) -> Exception:
        """A later look at what another worker does. It counts as no retry, since poison is told by those."""
        waited = self.request.get(WAITED)
        waits = waited + 1 if isinstance(waited, int) else 1
        if self.request.called_directly or waits > WAITS:
            return Unavailable(message)
        return self._later(message, WAIT, retries=self.request.retries or 0, more={WAITED: waits})

    def _later(self, message: str, seconds: float, *, retries: int, more: Json | None = None) -> Exception:
        """The same message again after some seconds; back to its queue when the broker does not take it."""
        headers = {**(self.request.headers or {}), **(more or {}), starts.ENDED: retries}
        later = self.signature_from_request(countdown=seconds, retries=retries, headers=headers)
        eager = bool(self.request.is_eager)
        try:
            if not eager:
                later.apply_async()
        except BrokerError:
            # Celery's own retry would drop the message here
            return cast("Exception", Reject("the broker takes no messages now", requeue=True))
        return cast("Exception", Retry(exc=Unavailable(message), when=seconds, is_eager=eager, sig=later))

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
        with transaction() as session:
            outbox.confirm(session, tenant_id, outbox_ids=[row.outbox_id for row in rows])

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
        def run(self: HearthTask, *args: Any, **kwargs: Any) -> Json:
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


def _frames(error: BaseException) -> list[str]:
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)[-8:]]
