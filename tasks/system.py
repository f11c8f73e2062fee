"""`hearth.system.*`: whether the cluster is there, how far behind it is, and its own upkeep."""

from __future__ import annotations

from datetime import timedelta
from importlib.metadata import version

from celery import current_app

from db.repositories import audit
from db.repositories.jobs import awaited_tenants, delivery_attempts, outbox, quarantine, queue_probes, schedule_locks
from db.repositories.models import models
from db.repositories.predictions import snapshots
from db.repositories.privacy import offboarding
from db.session import EVERY_TENANT, Session, across_tenants, reading, transaction
from domain.documents import JsonObject
from ml.features import SCHEMA_VERSION
from tasks.contracts.base.request import CONTRACT
from tasks.contracts.base.wire import to_wire
from tasks.contracts.system import CanaryCall, Ping, Status, Upkeep
from tasks.runtime import schedule
from tasks.runtime.broker import queue_depth
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.files import workspace
from tasks.runtime.task import job, query
from tasks.services import cluster_view

#: how long bookkeeping of finished work is kept
KEPT = timedelta(days=7)
#: how long a message waits for a tenant that does not exist
AWAITED = timedelta(days=30)
#: how long a snapshot keeps the lead as it was read, for the later stages of its assessment; they read it again after
PROFILES_KEPT = timedelta(hours=1)


@query("hearth.system.ping", Ping, queue="inference", scope="read")
def ping(session: Session, request: Ping, context: TaskContext) -> TaskResult:
    """Versions, queues, the tenant's champions and the time."""
    versions = models.versions(session, request.tenant_id) if request.tenant_id else []
    return TaskResult(
        data={
            "versions": {"hearth": version("hearth"), "celery": version("celery"), "features": SCHEMA_VERSION},
            "contract": CONTRACT,
            "queues": _queues(),
            "models": {model.kind: model.version for model in versions if model.state == "champion"},
            "time": context.now,
            "echo": request.echo,
        }
    )


@query("hearth.system.status", Status, queue="inference")
def status(session: Session, request: Status, context: TaskContext) -> TaskResult:
    """Per queue: depth, age of the oldest message and estimated wait in seconds; and what waits for a person."""
    with current_app.connection_for_read() as connection:
        depths = queue_depth.depths(connection.default_channel.client, _queues())
    with across_tenants(session):
        return TaskResult(data=cluster_view.backlog(session, depths))


def _queues() -> list[str]:
    return sorted(queue.name for queue in current_app.conf.task_queues)


@job("hearth.system.canaries", Upkeep, queue="inference", internal=True)
def send_canaries(request: Upkeep, context: TaskContext) -> JsonObject:
    """Send one message through every queue whose only purpose is to measure how long it waits."""
    if not schedule.is_due("system.canaries", 15):
        return context.envelope(request, TaskResult(data={"sent": 0}))
    with transaction(EVERY_TENANT) as session:
        sent = queue_probes.send(session, queues=_queues())
    for canary in sent:
        arrive.apply_async(kwargs={"queue": canary.queue, "sent_at": to_wire(canary.sent_at)}, queue=canary.queue)
    return context.envelope(request, TaskResult(data={"sent": len(sent)}))


@job("hearth.system.canary", CanaryCall, queue="inference", internal=True, ignore_result=True)
def arrive(request: CanaryCall, context: TaskContext) -> JsonObject:
    """Record how long a message of this queue waited."""
    with transaction(EVERY_TENANT) as session:
        queue_probes.mark_arrived(session, queue=request.queue, sent_at=request.sent_at)
    return context.envelope(request, TaskResult(data={}))


@job("hearth.system.anchor", Upkeep, queue="batch", internal=True)
def anchor(request: Upkeep, context: TaskContext) -> JsonObject:
    """Write the head of every audit chain to a file outside the database, so that a cut-off chain is noticed."""
    if not schedule.is_due("system.anchor", 60):
        return context.envelope(request, TaskResult(data={"anchored": 0}))
    with reading(EVERY_TENANT) as session:
        heads = {tenant_id: audit.head(session, tenant_id) for tenant_id in audit.tenants(session)}
    for tenant_id, head in heads.items():
        workspace.note_anchor(tenant_id, head, context.now)
    return context.envelope(request, TaskResult(data={"anchored": len(heads)}))


@job("hearth.system.purge", Upkeep, queue="batch", internal=True)
def purge(request: Upkeep, context: TaskContext) -> JsonObject:
    """Remove bookkeeping that nobody asks for any more, and profiles whose assessment has long ended."""
    if not schedule.is_due("system.purge", 3600):
        return context.envelope(request, TaskResult(data={}))
    old = context.now - KEPT
    with transaction(EVERY_TENANT) as session:
        removed = {
            "outbox": outbox.purge(session, before=old),
            "slots": schedule_locks.purge(session, before=old),
            "attempts": delivery_attempts.purge(session, before=old),
            "quarantine": quarantine.purge(session, before=old),
            "awaited": awaited_tenants.purge(session, before=context.now - AWAITED, left=offboarding.left(session)),
            "profiles": snapshots.purge_profiles(session, before=context.now - PROFILES_KEPT),
        }
    return context.envelope(request, TaskResult(data=removed))
