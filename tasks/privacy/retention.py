"""Delete data whose retention period has ended, of every tenant, once a day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from db import privacy as registry
from db.records import AuditDraft, TenantRecord
from db.repositories import audit, tenants
from db.repositories.privacy import erasure, offboarding, retention, storage
from db.session import EVERY_TENANT, Session, reading, transaction
from domain.documents import JsonMapping, JsonObject
from tasks.contracts.base.wire import to_wire
from tasks.contracts.system import Upkeep
from tasks.privacy.rights import subject_hashes
from tasks.runtime import schedule
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import job
from tasks.services.privacy import broker_data, workspace_files
from tasks.services.privacy import offboarding as deletion

DAY = 86_400
#: most rounds of deleting for one tenant in one run; the rest is deleted the next day
ROUNDS = 200
#: inactive leads that are erased in one transaction
INACTIVE = 100


@job("hearth.privacy.purge", Upkeep, queue="ingest", internal=True)
def purge(request: Upkeep, context: TaskContext) -> JsonObject:
    """Delete what was kept longer than its retention period, of every tenant, once a day."""
    if not schedule.is_due("privacy.purge", DAY):
        return context.envelope(request, TaskResult(data={}))
    with reading(EVERY_TENANT) as session:
        # one whose deletion began in between is not there any more
        records = [record for tenant_id in tenants.ids(session) if (record := tenants.get(session, tenant_id))]
        spools = erasure.spool_paths(session)
    removed = {tenant.tenant_id: _purge_tenant(tenant, context) for tenant in records}
    late = _delete_late_rows(context)
    orphans = workspace_files.discard_orphans(spools, context.now - timedelta(days=2))
    _clean_storage()
    data = {
        "tenants": len(removed),
        "removed": sum(sum(counts.values()) for counts in removed.values()),
        "orphans": orphans,
        "late": late,
        "log": broker_data.rewrite_log(),
    }
    return context.envelope(request, TaskResult(data=data))


def _purge_tenant(tenant: TenantRecord, context: TaskContext) -> dict[str, int]:
    """Return what was removed of one tenant: rows by table, and files."""
    tenant_id, chosen = tenant.tenant_id, tenant.settings.get("retention_days") or {}
    total: dict[str, int] = {}
    for _ in range(ROUNDS):
        with transaction(tenant_id) as session:
            removed = retention.purge(session, tenant_id, chosen=chosen, now=context.now)
            _record(session, tenant_id, {"stores": removed}, chosen, context.now)
        total = {name: total.get(name, 0) + removed.get(name, 0) for name in {*total, *removed}}
        if max(removed.values(), default=0) < retention.BATCH:
            break
    total["leads"] = _erase_inactive(tenant_id, registry.retention_days("profile", chosen), context)
    total["files"] = _discard_files(tenant_id, chosen, context)
    if total["files"]:
        with transaction(tenant_id) as session:
            _record(session, tenant_id, {"files": total["files"]}, chosen, context.now)
    return total


def _record(session: Session, tenant_id: str, removed: JsonMapping, chosen: Mapping[str, int], now: datetime) -> None:
    """Write what was removed, and the days that each category is kept, to the audit chain; nothing when it is nothing.

    `hearth privacy purged` reads these rows.
    """
    if any(removed.values()):
        body = to_wire({**removed, "days": retention.rules(chosen)})
        audit.append(session, tenant_id, entries=[AuditDraft(kind="purge", body=body)], now=now)


def _erase_inactive(tenant_id: str, days: int | None, context: TaskContext) -> int:
    """Erase leads that were inactive for too long, without a tombstone, since they may come again."""
    if days is None:
        return 0
    before, count = context.now - timedelta(days=days), 0
    for _ in range(ROUNDS):
        with transaction(tenant_id) as session:
            lead_ids = retention.inactive(session, tenant_id, before=before, limit=INACTIVE)
            if not lead_ids:
                break
            subject = erasure.for_leads(session, tenant_id, lead_ids=lead_ids)
            hashes = subject_hashes(session, tenant_id, lead_ids)
            erased = erasure.erase(session, tenant_id, subject=subject, now=context.now)
            rule = {"profile": {"days": days, "by": "tenant"}}
            result = {"stores": erased.stores, "models": erased.models, "days": rule}
            body = to_wire({"subject": hashes, "reason": "retention", **result})
            audit.append(session, tenant_id, entries=[AuditDraft(kind="erasure", body=body)], now=context.now)
        count += len(lead_ids)
    return count


def _delete_late_rows(context: TaskContext) -> int:
    """Delete what tasks that were running stored of tenants after their deletion; return how many tenants had any."""
    with reading(EVERY_TENANT) as session:
        late = [
            tenant_id for tenant_id in offboarding.left(session) if any(offboarding.counts(session, tenant_id).values())
        ]
    for tenant_id in late:
        deletion.delete(tenant_id, actor="hearth.privacy.purge", task_id=context.task_id, now=context.now)
    return len(late)


def _discard_files(tenant_id: str, chosen: Mapping[str, int], context: TaskContext) -> int:
    days = {name: registry.retention_days(name, chosen) or registry.DAYS[name] or 0 for name in ("imports", "exports")}
    with reading(tenant_id) as session:
        ended = erasure.backfill_files(session, tenant_id, ended_before=context.now - timedelta(days=days["imports"]))
    removed = workspace_files.discard_imports(ended)
    return removed + workspace_files.discard_exports(tenant_id, context.now - timedelta(days=days["exports"]))


def _clean_storage() -> None:
    with reading(EVERY_TENANT) as session:
        storage.empty_log(session)
        storage.vacuum(session, tables=sorted(store.table for store in registry.STORES if store.action != "keep"))
