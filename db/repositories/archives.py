"""Leads that their source has deleted: nobody is to call them, and their label stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db.models import Lead
from db.repositories.statements import in_batches

#: status of a lead that its source has deleted
ARCHIVED = "archived"
#: how a lead that comes back stands, by its label
_STATUS = {True: "won", False: "lost", None: "open"}


def archive(session: Session, tenant_id: str, *, lead_ids: Sequence[str]) -> set[str]:
    """Archive those of these leads that are not; gives their ids."""
    changed: set[str] = set()
    for batch in in_batches(lead_ids):
        changed |= _set_status(session, tenant_id, dict.fromkeys(batch, ARCHIVED))
    return changed


def restore(session: Session, tenant_id: str, *, lead_ids: Sequence[str]) -> set[str]:
    """Bring archived leads among these back, each as its label says; gives their ids."""
    back: set[str] = set()
    for batch in in_batches(lead_ids):
        own = (Lead.tenant_id == tenant_id, Lead.lead_id.in_(batch), Lead.status == ARCHIVED)
        rows = session.execute(select(Lead.lead_id, Lead.label).where(*own)).all()
        back |= _set_status(session, tenant_id, {lead_id: _STATUS[label] for lead_id, label in rows})
    return back


def _set_status(session: Session, tenant_id: str, statuses: Mapping[str, str]) -> set[str]:
    own = (Lead.tenant_id == tenant_id, Lead.lead_id.in_(list(statuses)))
    found = select(Lead.lead_id, Lead.fields, Lead.version, Lead.status).where(*own).order_by(Lead.lead_id)
    news: list[dict[str, Any]] = [
        {
            "tenant_id": tenant_id,
            "lead_id": lead_id,
            "status": statuses[lead_id],
            "fields": {**known, "opportunity_status": statuses[lead_id]},
            "version": version + 1,
        }
        for lead_id, known, version, status in session.execute(found.with_for_update()).all()
        if status != statuses[lead_id]
    ]
    if news:
        session.execute(update(Lead), news)
    return {row["lead_id"] for row in news}
