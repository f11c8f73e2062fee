"""Statements that several repositories run: inserts that may meet existing rows, row counts, batches of ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

from sqlalchemy import literal
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from db.base import Base

Item = TypeVar("Item")

#: ids in one IN list; both databases take more, planning gets slow
BATCH = 5_000


def in_batches(items: Sequence[Item], size: int = BATCH) -> Iterator[Sequence[Item]]:
    """Yield a sequence in batches of at most `size` items."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def insert_new(session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; rows with a key that is stored already stay as they are.

    On PostgreSQL it waits for a running transaction that inserts the same key.
    """
    if not rows:
        return
    session.execute(upsert(session, table).on_conflict_do_nothing(), list(rows))


def insert_if_new(session: Session, table: type[Base], row: Mapping[str, Any]) -> bool:
    """Insert one row unless its key is stored already; return whether it was new. It waits as `insert_new` does."""
    # RETURNING works on both databases; PostgreSQL's driver does not report the row count of such an insert.
    statement: Any = upsert(session, table).values(**row).on_conflict_do_nothing().returning(literal(1))
    return session.execute(statement).first() is not None


def rowcount(session: Session, statement: Any) -> int:
    """Run an INSERT, UPDATE or DELETE and return the number of rows it touched."""
    result: Any = session.execute(statement)
    return int(result.rowcount)


def upsert(session: Session, table: type[Base]) -> postgresql.Insert:
    """Return an INSERT to which ON CONFLICT may be added; both databases have the same syntax."""
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table)
    return cast("postgresql.Insert", sqlite.insert(table))
