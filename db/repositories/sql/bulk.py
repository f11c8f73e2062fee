"""Many rows in one statement: PostgreSQL gets them as one JSON document, which halves the cost of a batch.

Row by row a batch costs the driver and the server a message each, far more than the rows themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    JSON,
    String,
    Table,
    TableValuedAlias,
    bindparam,
    column,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from db.base import Base, to_json, utc
from db.repositories.sql.statements import in_batches

Rows = Sequence[Mapping[str, Any]]


def insert_many(session: Session, table: type[Base], rows: Rows) -> None:
    """Insert rows that all name the same columns."""
    for batch in in_batches(rows):
        if on_postgresql(session):
            session.connection().execute(insert_from_json(table, list(batch[0])), json_rows(batch))
        else:
            session.connection().execute(insert(table_of(table)), [dict(row) for row in batch])


def insert_new_returning(session: Session, table: type[Base], rows: Rows, key: str) -> set[Any]:
    """Insert those rows that no unique index knows, in the order given; return what they have in column `key`."""
    if not rows:
        return set()
    if on_postgresql(session):
        return set(session.connection().scalars(_fresh(table, tuple(rows[0]), key), json_rows(rows)))
    return set(session.connection().scalars(_fresh(table, None, key), [dict(row) for row in rows]))


@lru_cache
def _fresh(table: type[Base], names: tuple[str, ...] | None, key: str) -> Any:
    begun = sqlite.insert(table_of(table)) if names is None else insert_from_json(table, names)
    return begun.on_conflict_do_nothing().returning(table_of(table).c[key])


def update_many(session: Session, table: type[Base], rows: Rows) -> None:
    """Update rows by their primary key; all name the same columns."""
    for batch in in_batches(rows):
        if on_postgresql(session):
            session.connection().execute(_updated(table, tuple(batch[0])), json_rows(batch))
        else:
            session.execute(update(table), [dict(row) for row in batch])


@lru_cache
def _updated(table: type[Base], names: tuple[str, ...]) -> Any:
    own, given = table_of(table), json_recordset(table, names)
    keys = {key.name for key in own.primary_key}
    same = (own.c[name] == given.c[name] for name in keys)
    return update(own).where(*same).values({name: given.c[name] for name in names if name not in keys})


def on_postgresql(session: Session) -> bool:
    """Whether rows may be folded."""
    return session.get_bind().dialect.name == "postgresql"


def table_of(table: type[Base]) -> Table:
    """Return the table itself: statements over it skip the mapper, which has nothing to do here."""
    assert isinstance(table.__table__, Table)
    return table.__table__


def insert_from_json(table: type[Base], names: Sequence[str]) -> postgresql.Insert:
    """Begin an INSERT of the rows that `json_rows` gives as its parameters; it may go on with ON CONFLICT."""
    return _unfolded(table, tuple(names))


# Made once: to put a statement together costs more than to run it on a few rows.
@lru_cache
def _unfolded(table: type[Base], names: tuple[str, ...]) -> postgresql.Insert:
    rows = json_recordset(table, names)
    return postgresql.insert(table_of(table)).from_select(list(names), select(*(rows.c[name] for name in names)))


def json_recordset(table: type[Base], names: Iterable[str]) -> TableValuedAlias:
    """Return folded rows as a relation whose columns have the types of the table's."""
    columns = [column(name, table_of(table).c[name].type) for name in names]
    document = bindparam("rows", type_=String()).cast(JSON())
    return func.json_to_recordset(document).table_valued(*columns).render_derived(name="given", with_types=True)


def json_rows(rows: Rows) -> dict[str, Any]:
    """Return the parameters for a statement over `json_recordset`.

    Raises:
        NaiveTime: a time without zone.

    """
    return {"rows": to_json(list(map(_told, rows)), _plain, times=True)}


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    # A name that is left out is NULL, and shorter.
    return {
        name: utc(value) if isinstance(value, datetime) else value for name, value in row.items() if value is not None
    }


def _plain(value: Any) -> str:
    if isinstance(value, datetime):  # where JSON is written slowly
        return value.isoformat()
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    raise TypeError
