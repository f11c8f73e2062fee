"""Translate driver errors to the errors of `db.errors`: names and codes only, since drivers quote values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from db.errors import DatabaseBusy, DatabaseError, DatabaseUnavailable, ReferenceGone, SchemaOutdated, StatementRefused

_MISSING = frozenset({"42P01", "42703", "3F000"})
_DANGLING = frozenset({"23503", "SQLITE_CONSTRAINT_FOREIGNKEY"})
#: serialization, deadlock, lock timeout, statement timeout: these rows are busy, not the database
_BUSY = frozenset({"40001", "40P01", "55P03", "57014"})
_PASSING = (exc.OperationalError, exc.InterfaceError, exc.InternalError)


@contextmanager
def translate_errors() -> Iterator[None]:
    """Raise errors of `db.errors` in place of the driver's."""
    try:
        yield
    except exc.TimeoutError:
        raise DatabaseUnavailable("no database connection became free in time; try again later") from None
    except exc.DBAPIError as error:
        raise translate(error) from None


def translate(error: exc.DBAPIError) -> DatabaseError:
    """Return the error that stands for a driver's: transient, missing schema, or refused statement."""
    code = _code(error)
    if code in _MISSING or (code == "SQLITE_ERROR" and "no such " in str(error.orig)):
        return SchemaOutdated("the database lacks a table or column of this version; run `hearth migrate`")
    if code in _BUSY:
        return DatabaseBusy(f"the database was too busy with these rows ({code}); try again later")
    if isinstance(error, _PASSING) and code != "SQLITE_ERROR":
        return DatabaseUnavailable(f"the database does not answer or takes no writes now ({code}); try again later")
    if code in _DANGLING:
        return ReferenceGone(f"a row that is referred to is not there ({code}{_constraint(error)}); try again")
    return StatementRefused(f"the database refused a statement ({code}{_constraint(error)}); report this as a bug")


def _code(error: exc.DBAPIError) -> str:
    origin = error.orig
    code = getattr(origin, "sqlstate", None) or getattr(origin, "sqlite_errorname", None)
    return str(code or type(origin).__name__)


def _constraint(error: exc.DBAPIError) -> str:
    name = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    return f", {name}" if name else ""
