"""Delete data whose retention period has ended, of every tenant, once a day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from db import privacy as registry
from db.records import AuditDraft, TenantRecord
from db.repositories import audit, tenants
from db.repositories.privacy import erasure, retention, storage
from db.session import EVERY_TENANT, reading, transaction
from domain.documents import JsonObject
from tasks.contracts.base.wire import to_wire
from tasks.contracts.system import Upkeep
from tasks.privacy.rights import subject_hashes
from tasks.runtime import schedule
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import job
from tasks.services.privacy import broker_data, workspace_files

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
        records = [tenants.require(session, tenant_id) for tenant_id in tenants.ids(session)]
        spools = erasure.spool_paths(session)
    removed = {tenant.tenant_id: _purge_tenant(tenant, context) for tenant in records}
    orphans = workspace_files.discard_orphans(spools, context.now - timedelta(days=2))
    _clean_storage()
    data = {
        "tenants": len(removed),
        "removed": sum(sum(counts.values()) for counts in removed.values()),
        "orphans": orphans,
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
        total = {name: total.get(name, 0) + removed.get(name, 0) for name in {*total, *removed}}
        if max(removed.values(), default=0) < retention.BATCH:
            break
    total["leads"] = _erase_inactive(tenant_id, registry.retention_days("profile", chosen), context)
    total["files"] = _discard_files(tenant_id, chosen, context)
    return total


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
            body = to_wire({"subject": hashes, "reason": "retention", "stores": erased.stores, "models": erased.models})
            audit.append(session, tenant_id, entries=[AuditDraft(kind="erasure", body=body)], now=context.now)
        count += len(lead_ids)
    return count


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
