"""Delete rows whose retention has ended, a few thousand at a time; `db.privacy` sets the retention."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Table, delete, select, tuple_
from sqlalchemy.orm import Session

from db.base import Base
from db.models import Backfill, ComparedRow, Lead, OutboundDelivery, OutboundEvent, RejectedEntry
from db.privacy import CATEGORIES, STORES, Store, retention_days
from db.repositories.sql import rowcount

#: rows in one statement, so that it blocks nobody for long
BATCH = 5_000


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
