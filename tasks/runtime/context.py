"""What a task's body gets besides its request, and what it gives back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from db.records import AuditDraft, OutboundDraft, OutboxDraft, OutboxRecord, TenantRecord
from db.repositories import audit
from db.repositories.jobs import idempotency_keys, leases, outbox
from db.repositories.outbound import outbound
from db.session import Session, transaction
from tasks.contracts.base.request import CONTRACT, Request
from tasks.contracts.base.wire import RESULT_LIMIT, canonical, to_wire

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """What a task's body returns: the data, and the facts of the envelope that go with it."""

    data: Mapping[str, Any]
    status: Literal["ok", "insufficient_data", "no_model", "blocked", "partial"] = "ok"
    model: Mapping[str, Any] | None = None
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLease:
    """The lease under which a job runs."""

    name: str
    fence: int


@dataclass(slots=True, kw_only=True)
class TaskContext:
    """Who asks and when; where a body puts warnings, follow-ups, what the CRM is told and what is to be proved."""

    task: str
    task_id: str
    tenant: TenantRecord | None
    args_hash: str
    now: datetime
    #: task name -> the queue it waits in
    queue_of: Callable[[str], str]
    #: hands committed follow-ups to the broker
    publish: Callable[[str, Sequence[OutboxRecord]], None]
    lease: JobLease | None = None
    warnings: list[Json] = field(default_factory=list)
    follow_ups: list[OutboxDraft] = field(default_factory=list)
    events: list[OutboundDraft] = field(default_factory=list)
    audit_rows: list[AuditDraft] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    @property
    def tenant_id(self) -> str:
        """The tenant, known to exist."""
        assert self.tenant is not None
        return self.tenant.tenant_id

    def settings(self) -> Mapping[str, Any]:
        """The tenant's settings."""
        return self.tenant.settings if self.tenant else {}

    def fork(self) -> TaskContext:
        """The same work with nothing written down yet: for one of several effects, any of which may fail."""
        return replace(self, warnings=[], follow_ups=[], events=[], audit_rows=[])

    def warn(self, code: str, path: str) -> None:
        """Tell the caller of something that was not refused."""
        self.warnings.append({"code": code, "path": path})

    def enqueue(self, task: str, **kwargs: Any) -> None:
        """Write a follow-up task with the effect; it is published after the commit, again until it is done."""
        self.follow_ups.append(OutboxDraft(task=task, queue=self.queue_of(task), kwargs=to_wire(kwargs)))

    def emit_event(self, kind: str, lead_id: str | None = None, /, **body: Any) -> None:
        """Write an event of the outbound stream with the effect; no personal data."""
        self.events.append(OutboundDraft(type=kind, lead_id=lead_id, body=to_wire(body)))

    def audit(self, kind: str, /, **body: Any) -> None:
        """Write a row of the tenant's audit chain with the effect; no personal data."""
        self.audit_rows.append(AuditDraft(kind=kind, body=to_wire(body)))

    @contextmanager
    def transaction(self, tenant_id: str, *, dry_run: bool = False) -> Iterator[Session]:
        """The transaction of an effect, with all that goes with it; follow-ups are published after the commit."""
        rows: list[OutboxRecord] = []
        with transaction(tenant_id) as session:
            yield session
            if dry_run:
                session.rollback()
            else:
                rows = self.flush(session, tenant_id)
        self.publish(tenant_id, rows)

    def flush(self, session: Session, tenant_id: str) -> list[OutboxRecord]:
        """Write what goes with the effect in its transaction; gives the follow-ups to publish after the commit."""
        if self.lease is not None:
            leases.guard(session, tenant_id, name=self.lease.name, fence=self.lease.fence)
        if self.audit_rows:
            audit.append(session, tenant_id, entries=self.audit_rows, now=self.now)
        if self.events:
            pushed = (self.settings().get("callback") or {}).get("kind", "pull") != "pull"
            outbound.emit(session, tenant_id, events=self.events, now=self.now, deliver=pushed)
        return outbox.add(session, tenant_id, drafts=self.follow_ups, now=self.now) if self.follow_ups else []

    def store_result(self, session: Session, request: Request, key: str, answer: TaskResult) -> Json:
        """Keep a job's answer in the caller's transaction; a duplicate's first answer comes back instead."""
        scope = {"task": self.task, "key": key}
        stored = idempotency_keys.claim(
            session, request.tenant_id, **scope, args_hash=self.args_hash, task_id=self.task_id, now=self.now
        )
        if stored is not None:
            return as_duplicate(stored.result)
        envelope = self.envelope(request, answer)
        idempotency_keys.finish(session, request.tenant_id, **scope, result=envelope, now=self.now)
        return envelope

    def envelope(self, request: Request, answer: TaskResult) -> Json:
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


def as_duplicate(result: Mapping[str, Any] | None) -> Json:
    """The first result, marked as one that was given before."""
    return {**(result or {}), "duplicate": True}
