"""The one Task base: contract in, envelope out, first result kept, retries on declared errors, no values in errors.

A task is declared with one of four decorators, by what it does to the database:

- `query`   reads in one short transaction
- `effect`  writes in one transaction, which also keeps its result under the idempotency key: a duplicate gets it back
- `step`    an internal part of a job whose own rows tell duplicates: one transaction, nothing kept
- `job`     long work that opens its own transactions and ends with `Work.keep`
"""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, cast
from uuid import uuid4

import structlog
from celery import Task, shared_task
from celery.exceptions import Ignore, Reject, Retry, SoftTimeLimitExceeded
from kombu.exceptions import OperationalError as BrokerError

from db.errors import DatabaseUnavailable, KeyConflict, UnknownLead, UnknownTenant
from db.records import OutboxDraft, OutboxRecord, TenantRecord
from db.repositories import outbox, processed, tenants
from db.session import Session, reading, transaction
from tasks.contracts.base import CONTRACT, Request, parse
from tasks.contracts.wire import RESULT_LIMIT, canonical, digest, to_wire
from tasks.errors import InvalidPayload, TaskError, TimedOut, Unavailable, Unexpected

log = structlog.get_logger(__name__)

Json = dict[str, Any]
Kind = Literal["query", "effect", "step", "job"]
#: seconds before the first retry, and the most
BACKOFF, BACKOFF_LIMIT = 0.5, 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a task's body returns: the data, and the facts of the envelope that go with it."""

    data: Mapping[str, Any]
    status: Literal["ok", "insufficient_data", "no_model", "blocked", "partial"] = "ok"
    model: Mapping[str, Any] | None = None
    as_of: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Work:
    """What a body gets besides its request: who asks, when, and where to put warnings and follow-ups."""

    task: str
    task_id: str
    tenant: TenantRecord | None
    args_hash: str
    now: datetime
    warnings: list[Json] = field(default_factory=list)
    follow_ups: list[OutboxDraft] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def warn(self, code: str, path: str) -> None:
        """Tell the caller of something that was not refused."""
        self.warnings.append({"code": code, "path": path})

    def then(self, task: str, **kwargs: Any) -> None:
        """Write a follow-up task with the effect; it is published after the commit."""
        self.follow_ups.append(OutboxDraft(task=task, queue="", kwargs=to_wire(kwargs)))

    @property
    def tenant_id(self) -> str:
        """The tenant, known to exist."""
        assert self.tenant is not None
        return self.tenant.tenant_id

    def settings(self) -> Mapping[str, Any]:
        """The tenant's settings."""
        return self.tenant.settings if self.tenant else {}

    def keep(self, session: Session, request: Request, key: str, answer: Answer) -> Json:
        """Keep a job's answer in the caller's transaction; a duplicate's first answer comes back instead."""
        scope = {"task": self.task, "key": key}
        stored = processed.claim(
            session, request.tenant_id, **scope, args_hash=self.args_hash, task_id=self.task_id, now=self.now
        )
        if stored is not None:
            return _duplicate(stored.result)
        envelope = self.envelope(request, answer)
        processed.finish(session, request.tenant_id, **scope, result=envelope, now=self.now)
        return envelope

    def envelope(self, request: Request, answer: Answer) -> Json:
        """The answer as it goes over the wire, at most 64 KB of finite JSON."""
        envelope: Json = to_wire(
            {
                "contract": CONTRACT,
                "status": answer.status,
                "tenant_id": request.tenant_id,
                "task_id": self.task_id,
                "data": answer.data,
                "warnings": self.warnings[:100],
                "model": answer.model,
                "as_of": answer.as_of,
                "computed_at": self.now,
                "took_ms": round((time.monotonic() - self.started) * 1000),
            }
        )
        if len(canonical(envelope)) > RESULT_LIMIT:
            raise ValueError(f"the answer is over {RESULT_LIMIT} bytes; answer with counts and ids")
        return envelope


Body = Callable[..., Answer]


class HearthTask(Task):
    """Runs a body between a checked request and a finite envelope."""

    abstract = True
    typing = False
    max_retries = 5
    #: seconds before a message whose process died is tried again
    default_retry_delay = 1
    contract: type[Request]
    body: Body
    kind: Kind
    #: tells an internal step's owner that it failed, instead of raising
    on_fault: Callable[[Any, str], None] | None = None

    def answer(self, args: tuple[Any, ...], kwargs: Json) -> Json:
        """The envelope of one message, or a TaskError."""
        with self._declared_errors():
            request, warnings = parse(self.contract, _single_mapping(args, kwargs))
            work = self._work(request, warnings)
            return self._absorbing(request, work) if self.on_fault else self._perform(request, work)

    def _work(self, request: Request, warnings: list[dict[str, str]]) -> Work:
        return Work(
            task=self.name,
            task_id=self.request.id or uuid4().hex,
            tenant=None,
            args_hash=_args_hash(request),
            now=datetime.now(UTC),
            warnings=list(warnings),
        )

    def _perform(self, request: Request, work: Work) -> Json:
        if self.kind == "query":
            with reading() as session:
                self._enter(session, request, work)
                return work.envelope(request, self.body(session, request, work))
        if self.kind == "job":
            with reading() as session:
                self._enter(session, request, work)
            return self.body(request, work)  # type: ignore[return-value]
        return self._write(request, work)

    def _write(self, request: Request, work: Work) -> Json:
        with transaction() as session:
            self._enter(session, request, work)
            envelope = (
                self._once(session, request, work) if self.kind == "effect" else self._body(session, request, work)
            )
            rows = outbox.add(session, request.tenant_id, drafts=self._routed(work), now=work.now)
            if request.dry_run:
                session.rollback()
                return envelope
        self.publish(request.tenant_id, rows)
        return envelope

    def _once(self, session: Session, request: Request, work: Work) -> Json:
        key = request.idempotency_key or request.default_key() or f"task:{work.task_id}"
        scope = {"task": self.name, "key": key}
        stored = processed.claim(
            session, request.tenant_id, **scope, args_hash=work.args_hash, task_id=work.task_id, now=work.now
        )
        if stored is not None:
            return _duplicate(stored.result)
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

    def _routed(self, work: Work) -> list[OutboxDraft]:
        return [
            OutboxDraft(task=draft.task, queue=self._queue_of(draft.task), kwargs=draft.kwargs)
            for draft in work.follow_ups
        ]

    def _queue_of(self, task: str) -> str:
        return str(self.app.amqp.router.route({}, task)["queue"].name)

    def publish(self, tenant_id: str, rows: list[OutboxRecord]) -> None:
        """Publish follow-ups that are committed, under their own ids, and mark them published."""
        if not rows:
            return
        try:
            for row in rows:
                self.app.send_task(row.task, kwargs=dict(row.kwargs), queue=row.queue, task_id=row.outbox_id)
        except BrokerError:
            log.warning("follow_ups_unpublished", rows=len(rows))
            return
        with transaction() as session:
            outbox.confirm(session, tenant_id, outbox_ids=[row.outbox_id for row in rows], now=datetime.now(UTC))

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
        except DatabaseUnavailable:
            raise self._again("the database did not answer; send the task again later") from None
        except SoftTimeLimitExceeded:
            raise TimedOut(f"{self.name} ran into its time limit; send less at once") from None
        except Exception as error:  # noqa: BLE001  # the edge of the process: say where, never what
            log.error("unexpected_error", error=type(error).__name__, frames=_frames(error))
            raise Unexpected(f"{type(error).__name__} in {self.name}; the log has the place by task id") from None

    def _again(self, message: str) -> Exception:
        """A retry with backoff and jitter while there are any left, then Unavailable."""
        retries = self.request.retries or 0
        if self.request.called_directly or retries >= self.max_retries:
            return Unavailable(message)
        wait = min(BACKOFF * 2**retries, BACKOFF_LIMIT) * (0.5 + random.random() / 2)
        return cast("Exception", self.retry(exc=Unavailable(message), countdown=wait, throw=False))


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
        if "on_fault" in facts:
            facts["on_fault"] = staticmethod(facts["on_fault"])
        return shared_task(run, name=name, base=HearthTask, bind=True, **facts)

    return declare


def _single_mapping(args: tuple[Any, ...], kwargs: Json) -> Json:
    """Keyword arguments, or exactly one positional object that means the same."""
    if not args:
        return kwargs
    if len(args) == 1 and isinstance(args[0], dict) and not kwargs:
        return args[0]
    raise InvalidPayload.at("type", "", "send keyword arguments, or exactly one object as the only positional one")


def _args_hash(request: Request) -> str:
    return digest(request.model_dump(mode="python", exclude_unset=True, exclude={"idempotency_key", "request_id"}))


def _duplicate(result: Mapping[str, Any] | None) -> Json:
    return {**(result or {}), "duplicate": True}


def _frames(error: BaseException) -> list[str]:
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)[-8:]]
