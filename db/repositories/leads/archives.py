"""Archived leads: their source has deleted them. Nobody is to call them, and their label stays."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db.base import NewRow
from db.models import Lead
from db.records import EventDraft
from db.repositories.events import events
from db.repositories.sql import in_batches
from db.session import database_time, lock_tenant

#: status of a lead that its source has deleted
ARCHIVED = "archived"
#: the status of a restored lead, by its label
_STATUS = {True: "won", False: "lost", None: "open"}


def archive(session: Session, tenant_id: str, *, lead_ids: Sequence[str], at: datetime | None = None) -> set[str]:
    """Archive leads that were deleted at a time, else now; return the ids of those that were not archived before."""
    lock_tenant(session, tenant_id)
    archived: set[str] = set()
    for batch in in_batches(lead_ids):
        archived |= _set_status(session, tenant_id, dict.fromkeys(batch, ARCHIVED))
    _add_event(session, tenant_id, archived, "lead_deleted", at)
    return archived


def restore(session: Session, tenant_id: str, *, lead_ids: Sequence[str], at: datetime | None = None) -> set[str]:
    """Restore the archived leads among these, with the status of their label; return their ids."""
    lock_tenant(session, tenant_id)
    restored: set[str] = set()
    for batch in in_batches(lead_ids):
        archived = (Lead.tenant_id == tenant_id, Lead.lead_id.in_(batch), Lead.status == ARCHIVED)
        rows = session.execute(select(Lead.lead_id, Lead.label).where(*archived)).all()
        restored |= _set_status(session, tenant_id, {lead_id: _STATUS[label] for lead_id, label in rows})
    _add_event(session, tenant_id, restored, "lead_restored", at)
    return restored


def _add_event(session: Session, tenant_id: str, lead_ids: Collection[str], kind: str, at: datetime | None) -> None:
    """Add an event to the leads, which raises their versions."""
    if not lead_ids:
        return
    now = database_time(session)
    at = min(at or now, now)
    event = EventDraft(
        kind=kind, occurred_at=at, recorded_at=now, source="archive", source_id=f"{kind}:{at.isoformat()}"
    )
    events.add_many(session, tenant_id, drafts={lead_id: [event] for lead_id in sorted(lead_ids)})


def _set_status(session: Session, tenant_id: str, statuses: Mapping[str, str]) -> set[str]:
    conditions = (Lead.tenant_id == tenant_id, Lead.lead_id.in_(list(statuses)))
    stored = select(Lead.lead_id, Lead.fields, Lead.status).where(*conditions).order_by(Lead.lead_id)
    changes: list[NewRow] = [
        {
            "tenant_id": tenant_id,
            "lead_id": lead_id,
            "status": statuses[lead_id],
            "fields": {**fields, "opportunity_status": statuses[lead_id]},
        }
        for lead_id, fields, status in session.execute(stored.with_for_update()).all()
        if status != statuses[lead_id]
    ]
    if changes:
        session.execute(update(Lead), changes)
    return {row["lead_id"] for row in changes}
