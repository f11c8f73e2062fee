"""Slots of schedules: two beats, a late one or a restarted one fire once a slot."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import delete
from sqlalchemy.orm import Session

from db import clock
from db.models import ScheduleSlot
from db.repositories.sql.clauses import insert_first, rowcount

#: the tenant of a schedule that is not a tenant's
EVERYBODY = "*"


def claim(session: Session, *, schedule: str, seconds: int, tenant_id: str = EVERYBODY) -> datetime | None:
    """Take the slot that the database's time falls into, `seconds` long; None when it was taken before.

    A slot taken in a transaction that is rolled back is free again. While another transaction takes it this waits.
    """
    now = clock.now(session)
    slot = datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, UTC)
    row = {"tenant_id": tenant_id, "schedule": schedule, "slot": slot, "claimed_at": now}
    return slot if insert_first(session, ScheduleSlot, row) else None


def purge(session: Session, *, before: datetime) -> int:
    """Forget slots taken before a moment; gives their number. Keep more than the longest schedule."""
    return rowcount(session, delete(ScheduleSlot).where(ScheduleSlot.claimed_at < before))
