"""Delete a whole tenant and prove it: messages, files, all rows with their data keys, the audit chain.

    begin            settings and leases go, in one commit: the tenant is unknown from now on, running jobs are fenced
    clear            waiting messages, results, files, then rows, in batches; a crash anywhere continues here
    state            all zero: the final statement goes into the installation's own chain, and into a file

A message that arrives later is refused as of an unknown tenant.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from db.errors import UnknownTenant
from db.records import AuditDraft, OffboardingRecord
from db.repositories import audit, tenants
from db.repositories.jobs import leases
from db.repositories.privacy import erasure, offboarding, storage
from db.repositories.privacy.offboarding import INSTALLATION
from db.session import EVERY_TENANT, Session, across_tenants, reading, transaction
from domain.documents import JsonObject
from tasks.contracts.base.wire import to_wire
from tasks.runtime.context import JobLease
from tasks.runtime.files import workspace
from tasks.runtime.leases import leased
from tasks.services.privacy import broker_data, workspace_files

#: seconds of one message's work; what is left goes on with the next one
BUDGET = 240.0
#: rounds through all tables, since a task that was running may have stored something meanwhile
ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Offboarding:
    """One run of a deletion, under its lease."""

    tenant_id: str
    record: OffboardingRecord
    lease: JobLease
    #: of the monotonic clock
    deadline: float

    def guard(self, session: Session) -> None:
        """Raise FenceLost where another run has taken over."""
        with across_tenants(session):
            leases.guard(session, INSTALLATION, name=self.lease.name, fence=self.lease.fence)


def preview(tenant_id: str) -> JsonObject:
    """Return what would be deleted, by store, without changing anything.

    Raises:
        UnknownTenant: there is none of this id.

    """
    with reading(tenant_id) as session:
        tenants.require(session, tenant_id)
        return _inventory(session, tenant_id)


def delete(tenant_id: str, *, actor: str, task_id: str, now: datetime) -> JsonObject:
    """Delete the tenant, or go on with a deletion; `state` is `deleting` until a further call has finished it.

    A tenant that is deleted already gets its statement again, and what was stored since is deleted.

    Raises:
        UnknownTenant: there is none of this id, and there never was.
        LeaseBusy: another worker does it now.

    """
    with leased(INSTALLATION, f"offboarding:{tenant_id}", task_id) as lease:
        record = _begun(tenant_id, actor, now)
        run = Offboarding(tenant_id=tenant_id, record=record, lease=lease, deadline=time.monotonic() + BUDGET)
        if record.state == "deleting":
            left = _clear(run) or _finish(run, now)
            if left:
                return {"offboarding_id": record.offboarding_id, "state": "deleting", "left": left}
        return _closed(tenant_id, now)


def _begun(tenant_id: str, actor: str, now: datetime) -> OffboardingRecord:
    """Return the deletion that is under way, else the finished one, else a new one."""
    with transaction(tenant_id) as session:
        record = offboarding.newest(session, tenant_id)
        exists = tenants.get(session, tenant_id) is not None
        if record is not None and not exists:
            again = record.state == "deleted" and any(offboarding.counts(session, tenant_id).values())
            if not again:
                return record
        elif not exists:
            raise UnknownTenant("unknown tenant; there is nothing to delete")
        before = _inventory(session, tenant_id)
        return offboarding.begin(session, tenant_id, actor=actor, before=to_wire(before), now=now)


def _inventory(session: Session, tenant_id: str) -> JsonObject:
    """Return what there is of a tenant, by store, and whether its audit chain is whole."""
    head, report = audit.head(session, tenant_id), audit.verify(session, tenant_id)
    imports = erasure.backfill_files(session, tenant_id)
    return {
        "rows": {table: count for table, count in offboarding.counts(session, tenant_id).items() if count},
        "files": workspace_files.discard_tenant(tenant_id, imports, dry_run=True),
        "messages": broker_data.withdraw_messages(tenant_id, dry_run=True),
        "results": broker_data.forget_tenant_results(tenant_id, dry_run=True),
        "chain": {"rows": head.sequence, "head": head.hash.hex(), "whole": report.ok},
    }


def _clear(run: Offboarding) -> int:
    """Remove everything but the record of the deletion; return how many rows are left when the time is spent."""
    tenant_id = run.tenant_id
    with reading(tenant_id) as session:
        imports = erasure.backfill_files(session, tenant_id)
    for _ in range(ROUNDS):
        broker_data.withdraw_messages(tenant_id)
        broker_data.forget_tenant_results(tenant_id)
        workspace_files.discard_tenant(tenant_id, imports, dry_run=False)
        _delete_rows(run)
        with reading(tenant_id) as session:
            left = sum(offboarding.counts(session, tenant_id).values())
        if not left or time.monotonic() > run.deadline:
            return left
    return left


def _delete_rows(run: Offboarding) -> None:
    for table in offboarding.tables():
        while time.monotonic() <= run.deadline:
            with transaction(run.tenant_id) as session:
                run.guard(session)
                deleted = offboarding.delete_some(session, run.tenant_id, table=table)
            if deleted < offboarding.BATCH:
                break


def _finish(run: Offboarding, now: datetime) -> int:
    """Count once more, and write the final statement into the installation's own chain, in one transaction.

    Return the number of rows that were stored meanwhile; then nothing is written.
    """
    tenant_id, record = run.tenant_id, run.record
    with transaction(EVERY_TENANT) as session:
        run.guard(session)
        left = sum(offboarding.counts(session, tenant_id).values())
        if left:
            return left
        body = {
            "tenant_id": tenant_id,
            "offboarding_id": record.offboarding_id,
            "actor": record.actor,
            "started_at": record.started_at,
            "before": record.before,
            "after": {
                "rows": left,
                "tables": len(offboarding.tables()),
                "files": sum(workspace_files.discard_tenant(tenant_id, [], dry_run=True).values()),
                "messages": broker_data.withdraw_messages(tenant_id, dry_run=True),
                "results": broker_data.forget_tenant_results(tenant_id, dry_run=True),
            },
            "data_keys_destroyed": record.before["rows"].get("leads", 0),
        }
        entry = AuditDraft(kind="offboarding", body=to_wire(body))
        head = audit.append(session, INSTALLATION, entries=[entry], now=now)
        statement = {"chain": INSTALLATION, "sequence": head.sequence, "digest": head.hash.hex()}
        offboarding.finish(session, tenant_id, offboarding_id=record.offboarding_id, statement=statement, now=now)
    return 0


def _closed(tenant_id: str, now: datetime) -> JsonObject:
    """Write the proof as a file and anchor its chain, remove the old chain's anchors, empty logs; return the proof."""
    with reading(EVERY_TENANT) as session:
        record = offboarding.newest(session, tenant_id)
        assert record is not None
        assert record.statement is not None
        statement = record.statement
        row = offboarding.chain_row(session, sequence=statement["sequence"])
        head = audit.head(session, INSTALLATION)
        recreated = tenants.get(session, tenant_id) is not None
        storage.empty_log(session)
        storage.vacuum(session, tables=offboarding.tables())
    workspace.note_anchor(INSTALLATION, head, now)
    if not recreated:
        workspace_files.discard_anchors(tenant_id)
    path = workspace_files.write_proof(tenant_id, record.offboarding_id, to_wire({**statement, "row": row}))
    return {
        "offboarding_id": record.offboarding_id,
        "state": record.state,
        "before": record.before,
        "left": 0,
        **statement,
        "file": str(path),
        "log": broker_data.rewrite_log(),
    }
