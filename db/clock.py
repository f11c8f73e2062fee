"""The database's clock: leases, slots and due times go by it, since the clocks of workers differ."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session


def now(session: Session) -> datetime:
    """Give the database's time now; to the millisecond on SQLite.

    On PostgreSQL it goes on inside a transaction: the start of one that waited for a lock lies long back.
    """
    if session.get_bind().dialect.name == "postgresql":
        moment: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
        return moment.astimezone(UTC)
    text: str = session.execute(select(func.strftime("%Y-%m-%dT%H:%M:%f+00:00", "now"))).scalar_one()
    return datetime.fromisoformat(text)


def ahead(session: Session, seconds: float) -> datetime:
    """Give the database's time some seconds from now, or before now where they are negative."""
    return now(session) + timedelta(seconds=seconds)
