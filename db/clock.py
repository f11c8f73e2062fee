"""The database's clock: leases, slots and due times go by it, since the clocks of workers differ."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session


def now(session: Session) -> datetime:
    """Return the database's current time; to the millisecond on SQLite.

    On PostgreSQL it is not the time at which the transaction began: one that waited for a lock began long ago.
    """
    if session.get_bind().dialect.name == "postgresql":
        moment: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
        return moment.astimezone(UTC)
    text: str = session.execute(select(func.strftime("%Y-%m-%dT%H:%M:%f+00:00", "now"))).scalar_one()
    return datetime.fromisoformat(text)


def ahead(session: Session, seconds: float) -> datetime:
    """Return the database's time some seconds from now; before now where they are negative."""
    return now(session) + timedelta(seconds=seconds)
