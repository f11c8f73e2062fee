"""Leads that their source has deleted: nobody is to call them, and their label stays."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db import clock
from db.models import Lead
from db.records import EventDraft
from db.repositories.events import events
from db.repositories.sql.clauses import in_batches, lock_tenant

#: status of a lead that its source has deleted
ARCHIVED = "archived"
#: how a lead that comes back stands, by its label
_STATUS = {True: "won", False: "lost", None: "open"}


def archive(session: Session, tenant_id: str, *, lead_ids: Sequence[str], at: datetime | None = None) -> set[str]:
    """Archive those of these leads that are not, deleted at a moment, else now; gives their ids."""
    lock_tenant(session, tenant_id)
    changed: set[str] = set()
    for batch in in_batches(lead_ids):
        changed |= _set_status(session, tenant_id, dict.fromkeys(batch, ARCHIVED))
    _note(session, tenant_id, changed, "lead_deleted", at)
    return changed


def restore(session: Session, tenant_id: str, *, lead_ids: Sequence[str], at: datetime | None = None) -> set[str]:
    """Bring archived leads among these back, each as its label says; gives their ids."""
    lock_tenant(session, tenant_id)
    back: set[str] = set()
    for batch in in_batches(lead_ids):
        own = (Lead.tenant_id == tenant_id, Lead.lead_id.in_(batch), Lead.status == ARCHIVED)
        rows = session.execute(select(Lead.lead_id, Lead.label).where(*own)).all()
        back |= _set_status(session, tenant_id, {lead_id: _STATUS[label] for lead_id, label in rows})
    _note(session, tenant_id, back, "lead_restored", at)
    return back


def _note(session: Session, tenant_id: str, lead_ids: Collection[str], kind: str, at: datetime | None) -> None:
    """Keep it among what happened to leads, which raises their versions."""
    if not lead_ids:
        return
    now = clock.now(session)
    at = min(at or now, now)
    told = EventDraft(
        kind=kind, occurred_at=at, recorded_at=now, source="archive", source_id=f"{kind}:{at.isoformat()}"
    )
    events.add_many(session, tenant_id, drafts={lead_id: [told] for lead_id in sorted(lead_ids)})


def _set_status(session: Session, tenant_id: str, statuses: Mapping[str, str]) -> set[str]:
    own = (Lead.tenant_id == tenant_id, Lead.lead_id.in_(list(statuses)))
    found = select(Lead.lead_id, Lead.fields, Lead.status).where(*own).order_by(Lead.lead_id)
    news: list[dict[str, Any]] = [
        {
            "tenant_id": tenant_id,
            "lead_id": lead_id,
            "status": statuses[lead_id],
            "fields": {**known, "opportunity_status": statuses[lead_id]},
        }
        for lead_id, known, status in session.execute(found.with_for_update()).all()
        if status != statuses[lead_id]
    ]
    if news:
        session.execute(update(Lead), news)
    return {row["lead_id"] for row in news}
