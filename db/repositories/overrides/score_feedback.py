"""What people say of single scores: wrong, or right after all."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.base import new_id
from db.models import ScoreMark
from db.records import MarkDraft, MarkRecord, MarkTally
from db.repositories.sql.clauses import upsert

_COLUMNS = tuple(getattr(ScoreMark, column.name) for column in fields(MarkRecord))
_KEY = ("tenant_id", "prediction_id", "actor")


def save(session: Session, tenant_id: str, *, draft: MarkDraft, now: datetime) -> None:
    """Keep what somebody says of a score; it takes the place of what the same person said of it before.

    Raises:
        ReferenceGone: the score or its lead is not there for this tenant.

    """
    row = {**asdict(draft), "tenant_id": tenant_id, "mark_id": new_id(), "marked_at": now}
    said = {name: row[name] for name in ("verdict", "reason", "marked_at")}
    session.execute(upsert(session, ScoreMark).values(row).on_conflict_do_update(index_elements=_KEY, set_=said))


def for_lead(session: Session, tenant_id: str, *, lead_id: str) -> list[MarkRecord]:
    """Give what was said of a lead's scores, newest first."""
    wanted = select(*_COLUMNS).where(ScoreMark.tenant_id == tenant_id, ScoreMark.lead_id == lead_id)
    rows = session.execute(wanted.order_by(ScoreMark.marked_at.desc(), ScoreMark.mark_id.desc())).mappings()
    return [MarkRecord(**dict(row)) for row in rows]


def tallies(session: Session, tenant_id: str) -> dict[str, MarkTally]:
    """Count what was said, by version of the model; versions that nobody marked are left out."""
    columns = (ScoreMark.model_version, ScoreMark.verdict, ScoreMark.reason)
    counted = select(*columns, func.count()).where(ScoreMark.tenant_id == tenant_id).group_by(*columns)
    found: dict[str, MarkTally] = {}
    for version, verdict, reason, number in session.execute(counted.order_by(*columns)):
        known = found.get(version, MarkTally(model_version=version, wrong=0, right=0, reasons={}))
        found[version] = _counted(known, verdict, reason, number)
    return found


def _counted(known: MarkTally, verdict: str, reason: str, number: int) -> MarkTally:
    if verdict == "right":
        return replace(known, right=known.right + number)
    return replace(known, wrong=known.wrong + number, reasons={**known.reasons, reason: number})
