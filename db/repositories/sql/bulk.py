"""Write many rows in one statement: PostgreSQL gets them as one JSON document, which halves the cost of a batch.

Row by row, driver and server exchange one message per row, which costs far more than the rows themselves.
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
    """Insert the rows that violate no unique index, in the order given; return their values of the column `key`."""
    if not rows:
        return set()
    if on_postgresql(session):
        return set(session.connection().scalars(_fresh(table, tuple(rows[0]), key), json_rows(rows)))
    return set(session.connection().scalars(_fresh(table, None, key), [dict(row) for row in rows]))


@lru_cache
def _fresh(table: type[Base], names: tuple[str, ...] | None, key: str) -> Any:
    statement = sqlite.insert(table_of(table)) if names is None else insert_from_json(table, names)
    return statement.on_conflict_do_nothing().returning(table_of(table).c[key])


def update_many(session: Session, table: type[Base], rows: Rows) -> None:
    """Update rows by their primary key; all name the same columns."""
    for batch in in_batches(rows):
        if on_postgresql(session):
            session.connection().execute(_updated(table, tuple(batch[0])), json_rows(batch))
        else:
            session.execute(update(table), [dict(row) for row in batch])


@lru_cache
def _updated(table: type[Base], names: tuple[str, ...]) -> Any:
    target, given = table_of(table), json_recordset(table, names)
    keys = {key.name for key in target.primary_key}
    same = (target.c[name] == given.c[name] for name in keys)
    return update(target).where(*same).values({name: given.c[name] for name in names if name not in keys})


def on_postgresql(session: Session) -> bool:
    """Return whether the session's database is PostgreSQL, which takes rows as JSON."""
    return session.get_bind().dialect.name == "postgresql"


def table_of(table: type[Base]) -> Table:
    """Return the table of a mapped class: statements over it skip the mapper's overhead."""
    assert isinstance(table.__table__, Table)
    return table.__table__


def insert_from_json(table: type[Base], names: Sequence[str]) -> postgresql.Insert:
    """Return an INSERT of the rows that `json_rows` makes its parameters; ON CONFLICT may be added to it."""
    return _unfolded(table, tuple(names))


# Made once: building a statement costs more than running it on a few rows.
@lru_cache
def _unfolded(table: type[Base], names: tuple[str, ...]) -> postgresql.Insert:
    rows = json_recordset(table, names)
    return postgresql.insert(table_of(table)).from_select(list(names), select(*(rows.c[name] for name in names)))


def json_recordset(table: type[Base], names: Iterable[str]) -> TableValuedAlias:
    """Return the rows of `json_rows` as a relation whose columns have the types of the table's columns."""
    columns = [column(name, table_of(table).c[name].type) for name in names]
    document = bindparam("rows", type_=String()).cast(JSON())
    return func.json_to_recordset(document).table_valued(*columns).render_derived(name="given", with_types=True)


def json_rows(rows: Rows) -> dict[str, Any]:
    """Return rows as the parameters of a statement over `json_recordset`.

    Raises:
        NaiveTime: a time without zone.

    """
    return {"rows": to_json(list(map(_json_row, rows)), _json_value, times=True)}


def _json_row(row: Mapping[str, Any]) -> dict[str, Any]:
    # An omitted name is NULL, and the document gets shorter.
    return {
        name: utc(value) if isinstance(value, datetime) else value for name, value in row.items() if value is not None
    }


def _json_value(value: Any) -> str:
    if isinstance(value, datetime):  # where `to_json` has to write slowly
        return value.isoformat()
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    raise TypeError
