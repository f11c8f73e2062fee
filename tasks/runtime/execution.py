"""Run the body of a task inside what its kind needs.

A query reads in one transaction. An effect and a step write in one transaction, which also holds their follow-ups,
events and audit rows (TaskContext.transaction); an effect keeps its result there too. A job opens transactions of its
own, under a lease where its contract names one.
"""

from __future__ import annotations

from contextlib import nullcontext

from db.errors import UnknownTenant
from db.repositories import tenants
from db.repositories.jobs import quarantine
from db.session import Session, reading
from domain.documents import JsonObject
from tasks.contracts.base.request import Request
from tasks.errors import InvalidPayload
from tasks.runtime import idempotency, lead_references, outbox
from tasks.runtime.celery_types import RunningTask
from tasks.runtime.context import TaskContext
from tasks.runtime.failures import unknown_tenants
from tasks.runtime.leases import leased


def run(task: RunningTask, request: Request, context: TaskContext) -> JsonObject:
    """Return the envelope of a checked request.

    Raises:
        InvalidPayload: its tenant does not exist yet, and the message waits for it.
        UnknownTenant: its tenant does not exist, and the message is not kept.

    """
    try:
        return _run(task, request, context)
    except UnknownTenant:
        if task.awaits_tenant and not request.dry_run and unknown_tenants.keep(task, request.tenant_id, context.now):
            raise InvalidPayload.at("unknown_tenant", "tenant_id", "no such tenant; kept until it is created") from None
        raise


def _run(task: RunningTask, request: Request, context: TaskContext) -> JsonObject:
    match task.kind:
        case "query":
            return _query(task, request, context)
        case "job":
            return _job(task, request, context)
        case _:
            return _write(task, request, context)


def _query(task: RunningTask, request: Request, context: TaskContext) -> JsonObject:
    with reading(request.tenant_id or quarantine.UNKNOWN_TENANT) as session:
        _set_tenant(session, request, context)
        request = lead_references.resolve(session, request, context)
        envelope = _answer(task, session, request, context)
    outbox.finish_alone(request.tenant_id, task.request)
    return envelope


def _write(task: RunningTask, request: Request, context: TaskContext) -> JsonObject:
    with context.transaction(request.tenant_id, dry_run=request.dry_run) as session:
        _set_tenant(session, request, context)
        resolved = lead_references.resolve(session, request, context)

        def body() -> JsonObject:
            return _answer(task, session, resolved, context)

        if task.kind == "effect":
            claim = context.claim(idempotency.key_of(resolved, context.task_id))
            envelope = idempotency.once(session, request.tenant_id, claim, body)
        else:
            envelope = body()
        outbox.finish(session, request.tenant_id, task.request)
    return envelope


def _job(task: RunningTask, request: Request, context: TaskContext) -> JsonObject:
    with reading(request.tenant_id or quarantine.UNKNOWN_TENANT) as session:
        _set_tenant(session, request, context)
    name = request.lease_name()
    lease = leased(request.tenant_id, f"{task.name}:{name}", context.task_id) if name else nullcontext()
    with lease as context.lease:
        envelope: JsonObject = task.body(request, context)
    outbox.finish_alone(request.tenant_id, task.request)
    return envelope


def _answer(task: RunningTask, session: Session, request: Request, context: TaskContext) -> JsonObject:
    """Return the envelope of what a body returns; it gives every lead by the caller's own id too."""
    result = task.body(session, request, context)
    return context.envelope(request, lead_references.identified(session, context, result))


def _set_tenant(session: Session, request: Request, context: TaskContext) -> None:
    """Look the tenant up; raises UnknownTenant when the contract needs one."""
    if request.needs_tenant():
        context.tenant = tenants.require(session, request.tenant_id)
    elif request.tenant_id:
        context.tenant = tenants.get(session, request.tenant_id)
