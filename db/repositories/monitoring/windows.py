"""Windows of time in which models were checked, and the drift that was found, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from db.base import new_id, utc
from db.models import DriftFinding, MonitoringWindow
from db.records import FindingRecord, WindowRecord
from db.repositories.sql import insert_new_returning, upsert

_COLUMNS = tuple(getattr(MonitoringWindow, column.name) for column in fields(WindowRecord))
_FOUND = tuple(getattr(DriftFinding, column.name) for column in fields(FindingRecord))
_KEY = ("tenant_id", "kind", "day")


def save(session: Session, tenant_id: str, *, record: WindowRecord) -> None:
    """Store a check in the place of an earlier one of the same kind and day."""
    row = {**asdict(record), "body": dict(record.body), "tenant_id": tenant_id}
    row["day"] = utc(record.computed_at).date().isoformat()
    insert = upsert(session, MonitoringWindow).values(**row)
    replaced = {name: insert.excluded[name] for name in row if name not in _KEY}
    session.execute(insert.on_conflict_do_update(index_elements=_KEY, set_=replaced))


def history(
    session: Session, tenant_id: str, *, kind: str | None = None, since: datetime | None = None
) -> list[WindowRecord]:
    """Return the checks of a tenant's models, oldest first: one a kind and day."""
    query = select(*_COLUMNS).where(MonitoringWindow.tenant_id == tenant_id)
    if kind is not None:
        query = query.where(MonitoringWindow.kind == kind)
    if since is not None:
        query = query.where(MonitoringWindow.computed_at >= since)
    rows = session.execute(query.order_by(MonitoringWindow.computed_at, MonitoringWindow.kind))
    return [WindowRecord(**row) for row in rows.mappings()]


def add_findings(session: Session, tenant_id: str, *, records: Sequence[FindingRecord]) -> list[FindingRecord]:
    """Store findings; return those that no check told before."""
    rows = [{**asdict(record), "tenant_id": tenant_id, "finding_id": new_id()} for record in records]
    new = insert_new_returning(session, DriftFinding, rows, "finding_id")
    return [record for record, row in zip(records, rows, strict=True) if row["finding_id"] in new]


def findings(
    session: Session, tenant_id: str, *, kind: str | None = None, since: datetime | None = None
) -> list[FindingRecord]:
    """Return the drift that was found in a tenant's models, in the order in which it became sure."""
    query = select(*_FOUND).where(DriftFinding.tenant_id == tenant_id)
    if kind is not None:
        query = query.where(DriftFinding.kind == kind)
    if since is not None:
        query = query.where(DriftFinding.at >= since)
    rows = session.execute(query.order_by(DriftFinding.at, DriftFinding.finding_id))
    return [FindingRecord(**row) for row in rows.mappings()]


def purge(session: Session, tenant_id: str, *, before: datetime) -> None:
    """Delete checks and findings of earlier moments."""
    for table, column in ((MonitoringWindow, MonitoringWindow.computed_at), (DriftFinding, DriftFinding.at)):
        session.execute(delete(table).where(table.tenant_id == tenant_id, column < before))
