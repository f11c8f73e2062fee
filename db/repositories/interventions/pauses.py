"""Pauses: types of intervention that are not planned until somebody lifts the pause."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db.base import new_id
from db.models import InterventionPause
from db.records import PauseRecord
from db.repositories.sql import insert_if_new, rowcount
from domain.documents import JsonMapping

_COLUMNS = tuple(getattr(InterventionPause, column.name) for column in fields(PauseRecord))
_ACTIVE = InterventionPause.lifted_at.is_(None)


def active(session: Session, tenant_id: str) -> dict[str, PauseRecord]:
    """Return the active pauses, by type; `*` is a pause of all types."""
    query = select(*_COLUMNS).where(InterventionPause.tenant_id == tenant_id, _ACTIVE)
    rows = session.execute(query.order_by(InterventionPause.intervention)).mappings()
    return {row["intervention"]: PauseRecord(**dict(row)) for row in rows}


def lifted(session: Session, tenant_id: str, *, since: datetime) -> dict[str, PauseRecord]:
    """Return the pauses that were lifted since a time, by type; of several the last one."""
    query = select(*_COLUMNS).where(InterventionPause.tenant_id == tenant_id, InterventionPause.lifted_at >= since)
    rows = session.execute(query.order_by(InterventionPause.lifted_at)).mappings()
    return {row["intervention"]: PauseRecord(**dict(row)) for row in rows}


def pause(
    session: Session, tenant_id: str, *, intervention: str, reason: str, evidence: JsonMapping, by: str, now: datetime
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
    return insert_if_new(session, InterventionPause, row)


def lift(session: Session, tenant_id: str, *, intervention: str, by: str, now: datetime) -> bool:
    """Lift the pause of a type; False where none is active."""
    active_pause = update(InterventionPause).where(
        InterventionPause.tenant_id == tenant_id, InterventionPause.intervention == intervention, _ACTIVE
    )
    lifted_pause = active_pause.values(lifted_at=now, lifted_by=by)
    return rowcount(session, lifted_pause.execution_options(synchronize_session=False)) > 0
