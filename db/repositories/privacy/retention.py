"""Delete rows whose retention has ended, a few thousand at a time; `db.privacy` sets the retention."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Table, delete, select, tuple_
from sqlalchemy.orm import Session

from db.base import Base
from db.models import AuditEntry, Backfill, ComparedRow, Lead, OutboundDelivery, OutboundEvent, RejectedEntry
from db.privacy import CATEGORIES, DAYS, STORES, Store, retention_days
from db.records import Removal
from db.repositories.sql import rowcount
from domain.documents import JsonMapping, JsonObject

#: rows in one statement, so that it blocks nobody for long
BATCH = 5_000
#: table -> the category whose rule ends its rows; a delivery goes with its event
_CATEGORY = {store.table: store.category for store in STORES} | {"outbound_deliveries": "told"}


def purge(session: Session, tenant_id: str, *, chosen: Mapping[str, int], now: datetime) -> dict[str, int]:
    """Delete rows that are older than their category's retention, at most `BATCH` of a table; return numbers by table.

    `chosen` are the tenant's own days by category; they count where they are fewer than ours. Call again while a
    number reaches `BATCH`.
    """
    limits: dict[str, int | None] = {category: retention_days(category, chosen) for category in CATEGORIES}
    deleted: dict[str, int] = {}
    for store in STORES:
        days = limits.get(store.category)
        if days is not None and store.age is not None:
            deleted[store.table] = _delete_old(session, tenant_id, store, now - timedelta(days=days))
    deleted["outbound_deliveries"] = _delete_orphaned_deliveries(session, tenant_id)
    import_days = limits["imports"]
    if import_days is not None:
        before = now - timedelta(days=import_days)
        for model in (RejectedEntry, ComparedRow):
            deleted[model.__tablename__] = _delete_of_old_imports(session, tenant_id, model, before)
    return {table: count for table, count in deleted.items() if count}


def rules(chosen: Mapping[str, int]) -> dict[str, JsonObject]:
    """Return the days that each category is kept now, and whose rule that is: ours or the tenant's."""
    return {
        category: {"days": days, "by": "tenant" if days != DAYS[category] else "default"}
        for category in CATEGORIES
        if (days := retention_days(category, chosen)) is not None
    }


def removals(session: Session, tenant_id: str, *, since: datetime | None = None) -> list[Removal]:
    """Return what the purge took of a tenant, oldest first, as its audit chain has it."""
    query = select(AuditEntry.sequence, AuditEntry.at, AuditEntry.kind, AuditEntry.body).where(
        AuditEntry.tenant_id == tenant_id, AuditEntry.kind.in_(("purge", "erasure"))
    )
    if since is not None:
        query = query.where(AuditEntry.at >= since)
    rows = session.execute(query.order_by(AuditEntry.sequence))
    return [removal for row in rows for removal in _removals(row.sequence, row.at, row.kind, json.loads(row.body))]


def _removals(sequence: int, at: datetime, kind: str, body: JsonMapping) -> Iterator[Removal]:
    """Yield what one row of the chain says; an erasure that a person asked for is no purge."""
    if kind == "erasure" and body.get("reason") != "retention":
        return
    rules_then: JsonMapping = body.get("days") or {}
    stores = {**(body.get("stores") or {}), **({"files": body["files"]} if body.get("files") else {})}
    for store, count in stores.items():
        category = "profile" if kind == "erasure" else _CATEGORY.get(store, "imports and exports")
        rule = rules_then.get(category) or {}
        yield Removal(
            at=at,
            store=store,
            rows=count,
            category=category,
            days=rule.get("days"),
            by=rule.get("by"),
            sequence=sequence,
        )


def inactive(session: Session, tenant_id: str, *, before: datetime, limit: int) -> list[str]:
    """Return leads that nothing new was stored of since a time, oldest first."""
    query = select(Lead.lead_id).where(Lead.tenant_id == tenant_id, Lead.changed_at < before)
    return list(session.scalars(query.order_by(Lead.changed_at, Lead.lead_id).limit(limit)))


def _delete_old(session: Session, tenant_id: str, store: Store, before: datetime) -> int:
    table = Base.metadata.tables[store.table]
    return _delete_some(session, table, table.c.tenant_id == tenant_id, table.c[str(store.age)] < before)


def _delete_of_old_imports(session: Session, tenant_id: str, model: type[Base], before: datetime) -> int:
    ended = select(Backfill.backfill_id).where(Backfill.tenant_id == tenant_id, Backfill.finished_at < before)
    table = Base.metadata.tables[model.__tablename__]
    return _delete_some(session, table, table.c.tenant_id == tenant_id, table.c.backfill_id.in_(ended))


def _delete_orphaned_deliveries(session: Session, tenant_id: str) -> int:
    """Delete deliveries whose event is deleted."""
    table = Base.metadata.tables[OutboundDelivery.__tablename__]
    existing = select(OutboundEvent.event_id).where(OutboundEvent.tenant_id == tenant_id)
    return _delete_some(session, table, table.c.tenant_id == tenant_id, table.c.event_id.not_in(existing))


def _delete_some(session: Session, table: Table, *where: ColumnElement[bool]) -> int:
    key = tuple_(*table.primary_key.columns)
    some = select(*table.primary_key.columns).where(*where).limit(BATCH)
    return rowcount(session, delete(table).where(key.in_(some)))
