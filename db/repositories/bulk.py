"""Many rows in one statement: PostgreSQL gets them as one JSON document, which halves the cost of a batch.

Row by row a batch costs the driver and the server a message each, far more than the rows themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Table, TableValuedAlias, bindparam, column, func, insert, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from db.base import Base, utc
from db.repositories.statements import in_batches

Rows = Sequence[Mapping[str, Any]]


def insert_many(session: Session, table: type[Base], rows: Rows) -> None:
    """Insert rows that all name the same columns."""
    for batch in in_batches(rows):
        if on_postgresql(session):
            session.connection().execute(unfolded(table, list(batch[0])), folded(batch))
        else:
            session.connection().execute(insert(core(table)), [dict(row) for row in batch])


def on_postgresql(session: Session) -> bool:
    """Whether rows may be folded."""
    return session.get_bind().dialect.name == "postgresql"


def core(table: type[Base]) -> Table:
    """Give the table itself: statements over it skip the mapper, which has nothing to do here."""
    assert isinstance(table.__table__, Table)
    return table.__table__


def unfolded(table: type[Base], names: Sequence[str]) -> postgresql.Insert:
    """Begin an INSERT of the rows that `folded` gives as its parameters; it may go on with ON CONFLICT."""
    rows = recordset(table, names)
    return postgresql.insert(core(table)).from_select(list(names), select(*(rows.c[name] for name in names)))


def recordset(table: type[Base], names: Iterable[str]) -> TableValuedAlias:
    """Give folded rows as a relation whose columns have the types of the table's."""
    columns = [column(name, core(table).c[name].type) for name in names]
    document = bindparam("rows", type_=postgresql.JSONB())
    return func.jsonb_to_recordset(document).table_valued(*columns).render_derived(name="given", with_types=True)


def folded(rows: Rows) -> dict[str, Any]:
    """Give the parameters for a statement over `recordset`."""
    return {"rows": [{name: _plain(value) for name, value in row.items()} for row in rows]}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return utc(value).isoformat()
    return f"\\x{value.hex()}" if isinstance(value, bytes) else value
