"""The context that a task's body gets beside its request (TaskContext), and its return value (TaskResult)."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from db.records import AuditDraft, OutboundDraft, OutboxDraft, OutboxRecord, TenantRecord
from db.repositories import audit
from db.repositories.jobs import leases, outbox
from db.repositories.outbound import outbound
from db.session import Session, transaction
from domain.documents import JsonMapping, JsonObject
from tasks.contracts.base.request import CONTRACT, Request
from tasks.contracts.base.wire import RESULT_LIMIT, canonical, to_wire
from tasks.runtime import idempotency
from tasks.runtime.idempotency import Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """The return value of a task's body: the data, and the fields of the envelope that go with it."""

    data: JsonMapping
    status: Literal["ok", "insufficient_data", "no_model", "blocked", "partial"] = "ok"
    model: JsonMapping | None = None
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLease:
    """The lease under which a job runs."""

    name: str
    fence: int


@dataclass(slots=True, kw_only=True)
class TaskContext:
    """The caller and time of a task, and the side effects that it collects: warnings, follow-ups, CRM events, audit."""

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
    #: the system whose ids the request names leads by; None where it uses ours, or named none
    source_system: str | None = None
    #: the field by which the request names many leads, where that is not `lead_ids`
    leads_field: str = "lead_ids"
    warnings: list[JsonObject] = field(default_factory=list)
    follow_ups: list[OutboxDraft] = field(default_factory=list)
    events: list[OutboundDraft] = field(default_factory=list)
    audit_rows: list[AuditDraft] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    @property
    def tenant_id(self) -> str:
        """Return the id of the tenant, which must be known by now."""
        assert self.tenant is not None
        return self.tenant.tenant_id

    def settings(self) -> JsonMapping:
        """Return the tenant's settings; empty without a tenant."""
        return self.tenant.settings if self.tenant else {}

    def fork(self) -> TaskContext:
        """Return a context for one of several effects, with nothing collected yet: any of them may fail alone."""
        return replace(self, warnings=[], follow_ups=[], events=[], audit_rows=[])

    def warn(self, code: str, path: str) -> None:
        """Warn the caller of a part of the message that was ignored instead of refused."""
        if path.startswith("lead_ids."):
            path = self.leads_field + path.removeprefix("lead_ids")
        self.warnings.append({"code": code, "path": path})

    def enqueue(self, task: str, **kwargs: object) -> None:
        """Write a follow-up task with the effect; it is published after the commit, and again until it has ended."""
        self.follow_ups.append(OutboxDraft(task=task, queue=self.queue_of(task), kwargs=to_wire(kwargs)))

    def emit_event(self, kind: str, lead_id: str | None = None, /, **body: object) -> None:
        """Write an event of the outbound stream with the effect; it must hold no personal data.

        A body that does not fit its model (tasks.contracts.event_types) is told all the same, with a warning: tests
        fail on it, a worker does not.
        """
        # what only reads tells nobody
        from tasks.contracts import event_types

        draft = OutboundDraft(type=kind, lead_id=lead_id, body=to_wire(body))
        if faults := event_types.faults(kind, draft.body):
            warnings.warn(f"{kind}: {'; '.join(faults)}", event_types.EventOffContract, stacklevel=2)
        self.events.append(draft)

    def audit(self, kind: str, /, **body: object) -> None:
        """Write a row of the tenant's audit chain with the effect; it must hold no personal data."""
        self.audit_rows.append(AuditDraft(kind=kind, body=to_wire(body)))

    @contextmanager
    def transaction(self, tenant_id: str, *, dry_run: bool = False) -> Iterator[Session]:
        """Open the transaction of an effect, write what goes with it, and publish the follow-ups after the commit.

        A dry run does all of its work, then its transaction is rolled back and nothing is published.
        """
        rows: list[OutboxRecord] = []
        with transaction(tenant_id) as session:
            yield session
            if dry_run:
                session.rollback()
            else:
                rows = self.flush(session, tenant_id)
        self.publish(tenant_id, rows)

    def flush(self, session: Session, tenant_id: str) -> list[OutboxRecord]:
        """Write what goes with the effect in its transaction; return the follow-ups to publish after the commit.

        Raises:
            FenceLost: another worker has taken the lease over, so this effect must not be committed.

        """
        if self.lease is not None:
            leases.guard(session, tenant_id, name=self.lease.name, fence=self.lease.fence)
        if self.audit_rows:
            audit.append(session, tenant_id, entries=self.audit_rows, now=self.now)
        if self.events:
            pushed = (self.settings().get("callback") or {}).get("kind", "pull") != "pull"
            outbound.emit(session, tenant_id, events=self.events, now=self.now, deliver=pushed)
        return outbox.add(session, tenant_id, drafts=self.follow_ups, now=self.now) if self.follow_ups else []

    def claim(self, key: str) -> Claim:
        """Return this task's claim to an idempotency key."""
        return Claim(task=self.task, key=key, args_hash=self.args_hash, task_id=self.task_id, now=self.now)

    def store_result(self, session: Session, request: Request, key: str, result: TaskResult) -> JsonObject:
        """Store a job's result in the caller's transaction; return its envelope, or the first one for a duplicate."""
        return idempotency.once(session, request.tenant_id, self.claim(key), lambda: self.envelope(request, result))

    def envelope(self, request: Request, result: TaskResult) -> JsonObject:
        """Return the result as it goes over the wire: finite JSON of at most 64 KB.

        Raises:
            ValueError: it is longer, or holds what JSON does not know.

        """
        envelope: JsonObject = to_wire(
            {
                "contract": CONTRACT,
                "status": result.status,
                "tenant_id": request.tenant_id,
                "task_id": self.task_id,
                "data": result.data,
                "warnings": self.warnings[:100],
                "model": result.model,
                "as_of": result.as_of,
                "computed_at": self.now,
                "took_ms": round((time.monotonic() - self.started) * 1000),
            }
        )
        if len(canonical(envelope)) > RESULT_LIMIT:
            raise ValueError(f"the answer is over {RESULT_LIMIT} bytes; answer with counts and ids")
        return envelope
