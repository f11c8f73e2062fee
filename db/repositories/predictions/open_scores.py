"""The scores that salespeople see now: of open leads about which something may be computed."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Lead
from db.records import PredictionRecord
from db.repositories.leads.lead_status import IS_OPEN
from db.repositories.predictions import predictions


def newest(session: Session, tenant_id: str, *, kind: str, limit: int) -> list[PredictionRecord]:
    """Return the newest prediction of a kind of each of the newest open leads, at most `limit` leads; by lead id.

    Restricted leads and leads that object are left out, and those without a prediction.
    """
    may_be_scored = (Lead.restricted_at.is_(None), Lead.objected_at.is_(None))
    chosen = select(Lead.lead_id).where(Lead.tenant_id == tenant_id, IS_OPEN, *may_be_scored)
    lead_ids = session.scalars(chosen.order_by(Lead.lead_id.desc()).limit(limit)).all()
    return predictions.latest(session, tenant_id, kind=kind, lead_ids=lead_ids)
