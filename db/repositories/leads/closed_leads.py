"""Closed leads as the rule of training reads them: their times and labels, without opening anything that is sealed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import RowMapping, func, select

from db.models import Lead, Snapshot
from db.repositories.sql import table_of
from db.session import Session
from domain.closed_leads import ClosedLead

_LEAD, _SNAPSHOT = table_of(Lead).c, table_of(Snapshot).c
_NAMES = ("lead_id", "observed_at", "created_at", "lead_type", "restricted_at", "objected_at", "label", "label_at")
_COLUMNS = tuple(_LEAD[name] for name in _NAMES)


def of_tenant(
    session: Session, tenant_id: str, *, feature_schema: str, as_of: datetime | None = None
) -> list[ClosedLead]:
    """Return all leads whose outcome is known, by id; with the newest snapshot's outcome where live scoring saw one.

    Snapshots of another feature schema do not count, and with `as_of` none whose lead was labelled later.
    """
    labelled = select(*_COLUMNS).where(_LEAD.tenant_id == tenant_id, _LEAD.label.is_not(None))
    closed = {row["lead_id"]: _closed_lead(row) for row in session.execute(labelled).mappings()}
    # all snapshots from before an end have its outcome: one row a lead but for those that were opened again
    ends = (
        select(_SNAPSHOT.lead_id, _SNAPSHOT.label, _SNAPSHOT.label_at, func.max(_SNAPSHOT.as_of).label("as_of"))
        .where(_SNAPSHOT.tenant_id == tenant_id, _SNAPSHOT.label.is_not(None))
        .where(_SNAPSHOT.feature_schema == feature_schema)
        .group_by(_SNAPSHOT.lead_id, _SNAPSHOT.label, _SNAPSHOT.label_at)
        .subquery()
    )
    seen = (
        select(*_COLUMNS[:-2], ends.c.label, ends.c.label_at)
        .join(ends, ends.c.lead_id == _LEAD.lead_id)
        .where(_LEAD.tenant_id == tenant_id)
        .order_by(ends.c.as_of)
    )
    for row in session.execute(seen).mappings():
        if as_of is None or row["label_at"] is None or row["label_at"] <= as_of:
            closed[row["lead_id"]] = _closed_lead(row, scored_before=True)
    return [closed[lead_id] for lead_id in sorted(closed)]


def _closed_lead(row: RowMapping, *, scored_before: bool = False) -> ClosedLead:
    return ClosedLead(
        lead_id=row["lead_id"],
        label=row["label"],
        label_at=row["label_at"],
        observed_at=row["observed_at"],
        created_at=row["created_at"],
        lead_type=row["lead_type"],
        blocked=row["restricted_at"] is not None or row["objected_at"] is not None,
        scored_before=scored_before,
    )
