"""SQL that several repositories share: many rows in one statement, inserts that may meet existing rows, conditions.

PostgreSQL gets many rows as one JSON document, which halves the cost of a batch: row by row, driver and server exchange
one message per row, which costs far more than the rows themselves. A list of values is one parameter, since there each
parameter costs time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar, cast

from sqlalchemy import (
    CTE,
    JSON,
    Boolean,
    ColumnElement,
    CursorResult,
    Dialect,
    Executable,
    String,
    Table,
    TableValuedAlias,
    Update,
    UpdateBase,
    any_,
    bindparam,
    column,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator, TypeEngine

from db.base import Base, to_json, utc

Item = TypeVar("Item")
Value = TypeVar("Value")
Rows = Sequence[Mapping[str, object]]

#: ids in one IN list; both databases take more, planning gets slow
BATCH = 5_000


def in_batches(items: Sequence[Item], size: int = BATCH) -> Iterator[Sequence[Item]]:
    """Yield a sequence in batches of at most `size` items."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def insert_new(session: Session, table: type[Base], rows: Rows) -> None:
    """Insert rows; rows with a key that is stored already stay as they are.

    On PostgreSQL it waits for a running transaction that inserts the same key.
    """
    if not rows:
        return
    session.execute(upsert(session, table).on_conflict_do_nothing(), list(rows))


def insert_if_new(session: Session, table: type[Base], row: Mapping[str, object]) -> bool:
    """Insert one row unless its key is stored already; return whether it was new. It waits as `insert_new` does."""
    # RETURNING works on both databases; PostgreSQL's driver does not report the row count of such an insert.
    statement = upsert(session, table).values(**row).on_conflict_do_nothing().returning(literal(1))
    return session.execute(statement).first() is not None


def rowcount(session: Session, statement: UpdateBase) -> int:
    """Run an INSERT, UPDATE or DELETE and return the number of rows it touched."""
    return cast("CursorResult[*tuple[object, ...]]", session.execute(statement)).rowcount


def upsert(session: Session, table: type[Base]) -> postgresql.Insert:
    """Return an INSERT to which ON CONFLICT may be added; both databases have the same syntax."""
    if on_postgresql(session):
        return postgresql.insert(table)
    return cast("postgresql.Insert", sqlite.insert(table))


def insert_many(session: Session, table: type[Base], rows: Rows) -> None:
    """Insert rows that all name the same columns."""
    for batch in in_batches(rows):
        if on_postgresql(session):
            session.connection().execute(insert_from_json(table, list(batch[0])), json_rows(batch))
        else:
            session.connection().execute(insert(table_of(table)), [dict(row) for row in batch])


def insert_new_returning(session: Session, table: type[Base], rows: Rows, key: str) -> set[str]:
    """Insert the rows that violate no unique index, in the order given; return their values of the column `key`."""
    if not rows:
        return set()
    if on_postgresql(session):
        return set(session.connection().scalars(_fresh(table, tuple(rows[0]), key), json_rows(rows)))
    return set(session.connection().scalars(_fresh(table, None, key), [dict(row) for row in rows]))


@lru_cache
def _fresh(table: type[Base], names: tuple[str, ...] | None, key: str) -> Executable:
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
def _updated(table: type[Base], names: tuple[str, ...]) -> Update:
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


def json_rows(rows: Rows) -> dict[str, str]:
    """Return rows as the parameters of a statement over `json_recordset`.

    Raises:
        NaiveTime: a time without zone.

    """
    return {"rows": to_json(list(map(_json_row, rows)), _json_value, times=True)}


def _json_row(row: Mapping[str, object]) -> dict[str, object]:
    # An omitted name is NULL, and the document gets shorter.
    return {
        name: utc(value) if isinstance(value, datetime) else value for name, value in row.items() if value is not None
    }


def _json_value(value: object) -> str:
    if isinstance(value, datetime):  # where `to_json` has to write slowly
        return value.isoformat()
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    raise TypeError


class _Texts(TypeDecorator[Sequence[str]]):
    """Texts as one parameter: an array on PostgreSQL, JSON on SQLite."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the column type of the dialect."""
        return dialect.type_descriptor(postgresql.ARRAY(String()) if dialect.name == "postgresql" else JSON())


class _Among(FunctionElement[bool]):
    inherit_cache = True
    type = Boolean()

    def self_group(self, against: OperatorType | None = None) -> _Among:  # noqa: ARG002  # as SQLAlchemy calls it
        """Return itself: SQLite, which has no booleans, would compare it with 1 and then use no index."""
        return self


@compiles(_Among, "postgresql")
def _in_array(element: _Among, compiler: SQLCompiler, **options: object) -> str:
    column, given = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} = ANY ({given})"


@compiles(_Among, "sqlite")
def _in_json(element: _Among, compiler: SQLCompiler, **options: object) -> str:
    column, given = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({given}))"  # noqa: S608  # the compiler wrote both parts


def among(column: ColumnElement[str] | InstrumentedAttribute[str], name: str) -> ColumnElement[bool]:
    """Return whether a column is in a list that is one parameter: the statement stays the same for lists of any length.

    `name` is the parameter's name.
    """
    return _Among(column, bindparam(name, type_=_Texts()))


def column_in(session: Session, wanted: InstrumentedAttribute[Value], values: Collection[Value]) -> ColumnElement[bool]:
    """Return whether a column is one of many values: one parameter on PostgreSQL, where each parameter costs time."""
    if on_postgresql(session):
        return wanted == any_(literal(list(values), postgresql.ARRAY(wanted.type)))
    return wanted.in_(values)


def tenants_where(session: Session, column: InstrumentedAttribute[str], *conditions: ColumnElement[bool]) -> list[str]:
    """Return the tenants that have rows with these conditions, in order; it jumps from tenant to tenant in an index."""
    walk = tenants_walk(column, *conditions)
    return list(session.scalars(select(walk.c.tenant_id).where(walk.c.tenant_id.is_not(None))))


def tenants_walk(column: InstrumentedAttribute[str], *conditions: ColumnElement[bool]) -> CTE:
    """Return the tenants of `tenants_where` as a relation of one column, `tenant_id`, with a last row that is NULL."""
    walk = select(func.min(column).label("tenant_id")).where(*conditions).cte("walk", recursive=True)
    following = select(func.min(column)).where(column > walk.c.tenant_id, *conditions).scalar_subquery()
    return walk.union_all(select(following).select_from(walk).where(walk.c.tenant_id.is_not(None)))


def distribute(tenants: Sequence[str], limit: int, find: Callable[[str, int], list[Item]]) -> list[Item]:
    """Find up to `limit` items, an equal share per tenant; a share that a tenant does not use goes to later tenants."""
    items: list[Item] = []
    for position, tenant_id in enumerate(tenants):
        left = limit - len(items)
        share = min(max(1, left // (len(tenants) - position)), left)
        if share > 0:
            items += find(tenant_id, share)
    return items
