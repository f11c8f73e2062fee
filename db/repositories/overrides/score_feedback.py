"""People's feedback on single scores: wrong, or right after all."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.base import new_id
from db.models import ScoreFeedback
from db.records import FeedbackDraft, FeedbackRecord, FeedbackTally
from db.repositories.sql import upsert

_COLUMNS = tuple(getattr(ScoreFeedback, column.name) for column in fields(FeedbackRecord))
_KEY = ("tenant_id", "prediction_id", "actor")


def save(session: Session, tenant_id: str, *, draft: FeedbackDraft, now: datetime) -> None:
    """Store feedback on a score; it replaces the same person's earlier feedback on it.

    Raises:
        ReferenceGone: the score or its lead is not there for this tenant.

    """
    row = {**asdict(draft), "tenant_id": tenant_id, "mark_id": new_id(), "marked_at": now}
    changed = {name: row[name] for name in ("verdict", "reason", "marked_at")}
    session.execute(upsert(session, ScoreFeedback).values(row).on_conflict_do_update(index_elements=_KEY, set_=changed))


def for_lead(session: Session, tenant_id: str, *, lead_id: str) -> list[FeedbackRecord]:
    """Return the feedback on a lead's scores, newest first."""
    query = select(*_COLUMNS).where(ScoreFeedback.tenant_id == tenant_id, ScoreFeedback.lead_id == lead_id)
    rows = session.execute(query.order_by(ScoreFeedback.marked_at.desc(), ScoreFeedback.mark_id.desc())).mappings()
    return [FeedbackRecord(**dict(row)) for row in rows]


def tallies(session: Session, tenant_id: str) -> dict[str, FeedbackTally]:
    """Count the feedback by model version; versions without any are left out."""
    columns = (ScoreFeedback.model_version, ScoreFeedback.verdict, ScoreFeedback.reason)
    counted = select(*columns, func.count()).where(ScoreFeedback.tenant_id == tenant_id).group_by(*columns)
    tallies_by_version: dict[str, FeedbackTally] = {}
    for version, verdict, reason, number in session.execute(counted.order_by(*columns)):
        tally = tallies_by_version.get(version, FeedbackTally(model_version=version, wrong=0, right=0, reasons={}))
        tallies_by_version[version] = _counted(tally, verdict, reason, number)
    return tallies_by_version


def _counted(tally: FeedbackTally, verdict: str, reason: str, number: int) -> FeedbackTally:
    if verdict == "right":
        return replace(tally, right=tally.right + number)
    return replace(tally, wrong=tally.wrong + number, reasons={**tally.reasons, reason: number})
