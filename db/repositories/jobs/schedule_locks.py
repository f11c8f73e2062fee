"""Slots of schedules: a schedule fires once per slot, even with two beats, or one that is late or restarted."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import delete
from sqlalchemy.orm import Session

from db.models import ScheduleSlot
from db.repositories.sql import insert_if_new, rowcount
from db.session import database_time

#: the tenant of a schedule that belongs to no tenant
EVERYBODY = "*"


def claim(session: Session, *, schedule: str, seconds: int, tenant_id: str = EVERYBODY) -> datetime | None:
    """Claim the slot, `seconds` long, that contains the database's time; None when it was claimed before.

    A rollback frees the slot again. While another transaction claims it, wait for its end.
    """
    now = database_time(session)
    slot = datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, UTC)
    row = {"tenant_id": tenant_id, "schedule": schedule, "slot": slot, "claimed_at": now}
    return slot if insert_if_new(session, ScheduleSlot, row) else None


def purge(session: Session, *, before: datetime) -> int:
    """Delete slots claimed before a time; return their number. Keep more than the longest schedule."""
    return rowcount(session, delete(ScheduleSlot).where(ScheduleSlot.claimed_at < before))
