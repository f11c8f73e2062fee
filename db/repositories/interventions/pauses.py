"""Types of intervention that are not planned until somebody lifts their pause."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db.base import new_id
from db.models import InterventionPause
from db.records import Json, PauseRecord
from db.repositories.sql.clauses import insert_first, rowcount

_COLUMNS = tuple(getattr(InterventionPause, column.name) for column in fields(PauseRecord))
_STANDING = InterventionPause.lifted_at.is_(None)


def active(session: Session, tenant_id: str) -> dict[str, PauseRecord]:
    """Give the pauses that stand, by type; `*` is a pause of all."""
    wanted = select(*_COLUMNS).where(InterventionPause.tenant_id == tenant_id, _STANDING)
    rows = session.execute(wanted.order_by(InterventionPause.intervention)).mappings()
    return {row["intervention"]: PauseRecord(**dict(row)) for row in rows}


def lifted(session: Session, tenant_id: str, *, since: datetime) -> dict[str, PauseRecord]:
    """Give the pause that was lifted last of each type of which one was lifted since a moment."""
    own = (InterventionPause.tenant_id == tenant_id, InterventionPause.lifted_at >= since)
    rows = session.execute(select(*_COLUMNS).where(*own).order_by(InterventionPause.lifted_at)).mappings()
    return {row["intervention"]: PauseRecord(**dict(row)) for row in rows}


def pause(
    session: Session, tenant_id: str, *, intervention: str, reason: str, evidence: Json, by: str, now: datetime
) -> bool:
    """Pause a type; False where it is paused already, and that pause stays as it is."""
    row = {
        "tenant_id": tenant_id,
        "pause_id": new_id(),
        "intervention": intervention,
        "reason": reason,
        "evidence": dict(evidence),
        "paused_by": by,
        "paused_at": now,
    }
    return insert_first(session, InterventionPause, row)


def lift(session: Session, tenant_id: str, *, intervention: str, by: str, now: datetime) -> bool:
    """End the pause of a type; False where none stands."""
    own = (InterventionPause.tenant_id == tenant_id, InterventionPause.intervention == intervention, _STANDING)
    ended = update(InterventionPause).where(*own).values(lifted_at=now, lifted_by=by)
    return rowcount(session, ended.execution_options(synchronize_session=False)) > 0
