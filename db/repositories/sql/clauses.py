"""Small pieces of SQL that several repositories need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

from sqlalchemy import CTE, JSON, Boolean, ColumnElement, Dialect, String, bindparam, func, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from db.base import Base
from db.encryption import KeyRing

Item = TypeVar("Item")

#: ids in one IN list; both databases take more, planning gets slow
BATCH = 5_000


class _Texts(TypeDecorator[Sequence[str]]):
    """Texts as one parameter: an array on PostgreSQL, JSON on SQLite."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Give the type that the database knows."""
        return dialect.type_descriptor(postgresql.ARRAY(String()) if dialect.name == "postgresql" else JSON())


class _Among(FunctionElement[bool]):
    inherit_cache = True
    type = Boolean()

    def self_group(self, against: Any = None) -> _Among:  # noqa: ARG002  # as SQLAlchemy calls it
        """Stay as it is: SQLite, which knows no booleans, would compare it with 1 and then use no index for it."""
        return self


@compiles(_Among, "postgresql")
def _in_array(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, given = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} = ANY ({given})"


@compiles(_Among, "sqlite")
def _in_json(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, given = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({given}))"  # noqa: S608  # the compiler wrote both parts


def among(column: ColumnElement[str] | InstrumentedAttribute[str], name: str) -> ColumnElement[bool]:
    """Compare a column with a list that is one parameter: the statement stays the same however long the list is."""
    return _Among(column, bindparam(name, type_=_Texts()))


def ring_of(session: Session) -> KeyRing:
    """Give the key ring that the session carries."""
    return cast("KeyRing", session.info["keyring"])


def in_batches(items: Sequence[Item], size: int = BATCH) -> Iterator[Sequence[Item]]:
    """Cut a sequence into runs of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def lock_tenant(session: Session, tenant_id: str) -> None:
    """Let one writer of this tenant's leads and registries go on until its transaction ends, as `lock` does."""
    lock(session, f"tenant:{tenant_id}")


def lock(session: Session, name: str) -> None:
    """Let one of those that ask for the same name go on until its transaction ends.

    SQLite has one writer anyway. Waits as long as the lock timeout, then the database is unavailable.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"hearth.{name}", 0))))


def insert_new(session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; those that a unique index knows already stay as they are.

    On PostgreSQL it waits for a running transaction that holds the same key.
    """
    if not rows:
        return
    session.execute(upsert(session, table).on_conflict_do_nothing(), list(rows))


def insert_first(session: Session, table: type[Base], row: Mapping[str, Any]) -> bool:
    """Insert one row and tell whether it was new; waits as `insert_new` does."""
    # RETURNING tells it on both databases; the row count of an insert is not known on PostgreSQL.
    statement: Any = upsert(session, table).values(**row).on_conflict_do_nothing().returning(literal(1))
    return session.execute(statement).first() is not None


def rowcount(session: Session, statement: Any) -> int:
    """Run an INSERT, UPDATE or DELETE and give the number of rows it touched."""
    result: Any = session.execute(statement)
    return int(result.rowcount)


def upsert(session: Session, table: type[Base]) -> postgresql.Insert:
    """Begin an INSERT that may say ON CONFLICT; both databases write it alike."""
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table)
    return cast("postgresql.Insert", sqlite.insert(table))


def tenants_where(session: Session, column: InstrumentedAttribute[str], *conditions: ColumnElement[bool]) -> list[str]:
    """Give the tenants that have such rows, in order; it leaps from one to the next along an index."""
    walk = tenants_walk(column, *conditions)
    return list(session.scalars(select(walk.c.tenant_id).where(walk.c.tenant_id.is_not(None))))


def tenants_walk(column: InstrumentedAttribute[str], *conditions: ColumnElement[bool]) -> CTE:
    """Give the tenants of `tenants_where` as a relation of one column, `tenant_id`, with a last row that is NULL."""
    walk = select(func.min(column).label("tenant_id")).where(*conditions).cte("walk", recursive=True)
    following = select(func.min(column)).where(column > walk.c.tenant_id, *conditions).scalar_subquery()
    return walk.union_all(select(following).select_from(walk).where(walk.c.tenant_id.is_not(None)))
