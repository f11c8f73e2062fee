"""Remove what a database keeps of deleted rows: SQLite's log, PostgreSQL's dead rows; both outside any transaction."""

from __future__ import annotations

import time
from collections.abc import Iterable

from sqlalchemy import BigInteger, Engine, Text, cast, func, select
from sqlalchemy.orm import Session

#: PostgreSQL's number of the next transaction, and of the oldest one that writes now
_NEWEST = select(cast(cast(func.pg_snapshot_xmax(func.pg_current_snapshot()), Text), BigInteger))
_OLDEST = select(cast(cast(func.pg_snapshot_xmin(func.pg_current_snapshot()), Text), BigInteger))


def empty_log(session: Session) -> bool:
    """Write SQLite's log into the file and truncate it; False while a reader still needs it.

    In the file, deleted content is overwritten at once (secure_delete). On PostgreSQL do nothing: see `vacuum`.
    """
    if session.get_bind().dialect.name != "sqlite":
        return True
    [(busy, *_)] = _outside(session, ["PRAGMA busy_timeout=2000", "PRAGMA wal_checkpoint(TRUNCATE)"])
    return not busy


def wait_for_writers(session: Session, *, seconds: float) -> bool:
    """Wait until every transaction that writes now has ended, at most some seconds; return whether all have.

    Such a transaction read what was there before, and may store what follows from it. SQLite has one writer anyway.
    """
    if session.get_bind().dialect.name != "postgresql":
        return True
    until = time.monotonic() + seconds
    newest = session.scalar(_NEWEST) or 0
    while (oldest := session.scalar(_OLDEST) or 0) < newest and time.monotonic() < until:
        time.sleep(0.05)
    return oldest >= newest


def vacuum(session: Session, *, tables: Iterable[str]) -> None:
    """Make PostgreSQL remove the dead rows of tables now; others read and write meanwhile. On SQLite do nothing."""
    if session.get_bind().dialect.name == "postgresql":
        _outside(
            session,
            [
                "SET statement_timeout = 0",
                "SET lock_timeout = 0",
                *(f'VACUUM "{table}"' for table in tables),
                "RESET ALL",
            ],
        )


def _outside(session: Session, statements: Iterable[str]) -> list[tuple[int, ...]]:
    """Run statements on a separate connection outside any transaction; return the rows of the last that has any."""
    bind = session.get_bind()
    engine = bind if isinstance(bind, Engine) else bind.engine
    pooled = engine.raw_connection()
    try:
        connection = pooled.driver_connection
        assert connection is not None
        if engine.dialect.name == "postgresql":
            connection.autocommit = True
        rows: list[tuple[int, ...]] = []
        for statement in statements:
            cursor = connection.execute(statement)
            rows = cursor.fetchall() if cursor.description else rows
        return rows
    finally:
        # not to be used again: its settings differ from those of other connections
        pooled.invalidate()
