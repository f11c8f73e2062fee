"""Conditions that several repositories use: one of many values as a single parameter, and tenants with given rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import CTE, JSON, Boolean, ColumnElement, Dialect, String, any_, bindparam, func, literal, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from db.repositories.sql.bulk import on_postgresql


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

    def self_group(self, against: Any = None) -> _Among:  # noqa: ARG002  # as SQLAlchemy calls it
        """Return itself: SQLite, which has no booleans, would compare it with 1 and then use no index."""
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
    """Return whether a column is in a list that is one parameter: the statement stays the same for lists of any length.

    `name` is the parameter's name.
    """
    return _Among(column, bindparam(name, type_=_Texts()))


def column_in(session: Session, wanted: InstrumentedAttribute[Any], values: Collection[Any]) -> ColumnElement[bool]:
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
