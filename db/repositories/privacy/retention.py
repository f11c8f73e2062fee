"""What has been kept long enough goes, a few thousand rows at a time; how long is told by `db.privacy`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, select, tuple_
from sqlalchemy.orm import Session

from db.base import Base
from db.models import Backfill, ComparedRow, Lead, OutboundDelivery, OutboundEvent, RejectedEntry
from db.privacy import CATEGORIES, STORES, Store, retention_days
from db.repositories.sql.statements import rowcount

#: rows in one statement, so that nobody waits long behind it
BATCH = 5_000


def purge(session: Session, tenant_id: str, *, chosen: Mapping[str, int], now: datetime) -> dict[str, int]:
    """Delete what is older than its category stays, at most `BATCH` rows of a table; return their number by table.

    `chosen` are the tenant's own days by category; more days than ours are not granted. Call again while a number
    reaches `BATCH`.
    """
    limits: dict[str, int | None] = {category: retention_days(category, chosen) for category in CATEGORIES}
    gone: dict[str, int] = {}
    for store in STORES:
        kept = limits.get(store.category)
        if kept is not None and store.age is not None:
            gone[store.table] = _old(session, tenant_id, store, now - timedelta(days=kept))
    gone["outbound_deliveries"] = _untold(session, tenant_id)
    imports = limits["imports"]
    if imports is not None:
        for model in (RejectedEntry, ComparedRow):
            gone[model.__tablename__] = _of_old_imports(session, tenant_id, model, now - timedelta(days=imports))
    return {table: count for table, count in gone.items() if count}


def inactive(session: Session, tenant_id: str, *, before: datetime, limit: int) -> list[str]:
    """Return leads of whom nothing new was learnt since a moment, oldest first."""
    wanted = select(Lead.lead_id).where(Lead.tenant_id == tenant_id, Lead.changed_at < before)
    return list(session.scalars(wanted.order_by(Lead.changed_at, Lead.lead_id).limit(limit)))


def _old(session: Session, tenant_id: str, store: Store, before: datetime) -> int:
    table = Base.metadata.tables[store.table]
    return _few(session, table, table.c.tenant_id == tenant_id, table.c[str(store.age)] < before)


def _of_old_imports(session: Session, tenant_id: str, model: type[Base], before: datetime) -> int:
    ended = select(Backfill.backfill_id).where(Backfill.tenant_id == tenant_id, Backfill.finished_at < before)
    table = Base.metadata.tables[model.__tablename__]
    return _few(session, table, table.c.tenant_id == tenant_id, table.c.backfill_id.in_(ended))


def _untold(session: Session, tenant_id: str) -> int:
    """Deliveries whose event is gone."""
    table = Base.metadata.tables[OutboundDelivery.__tablename__]
    there = select(OutboundEvent.event_id).where(OutboundEvent.tenant_id == tenant_id)
    return _few(session, table, table.c.tenant_id == tenant_id, table.c.event_id.not_in(there))


def _few(session: Session, table: Table, *where: ColumnElement[bool]) -> int:
    key: Any = tuple_(*table.primary_key.columns)
    some = select(*table.primary_key.columns).where(*where).limit(BATCH)
    return rowcount(session, delete(table).where(key.in_(some)))
