"""Make an engine, configure SQLite and PostgreSQL at each connect, and translate the drivers' errors to `db.errors`.

Errors are translated to names and codes only, since drivers quote values.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from sqlite3 import Connection as SqliteConnection
from sqlite3 import OperationalError as SqliteError
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url
from sqlalchemy.exc import ArgumentError

from db.base import from_json, to_json
from db.errors import (
    DatabaseBusy,
    DatabaseError,
    DatabaseUnavailable,
    InvalidDatabaseUrl,
    ReferenceGone,
    SchemaOutdated,
    StatementRefused,
)
from db.tenancy import SETTING

if TYPE_CHECKING:
    from db.stalled_connection import WatchedConnection

#: execution option that names how a transaction begins on SQLite
BEGIN = "hearth_begin"
#: seconds to wait for a free connection
POOL_WAIT = 30.0
_BUSY_SECONDS = 30
#: libpq's settings, unless the URL has its own: a host that vanished without notice is detected within half a minute
_CONNECT = {
    "application_name": "hearth",
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
_WAL_TRIES = 50
#: codes of a table or column that is not there
_MISSING = frozenset({"42P01", "42703", "3F000"})
#: … of a row that is referred to and not there
_DANGLING = frozenset({"23503", "SQLITE_CONSTRAINT_FOREIGNKEY"})
#: serialization, deadlock, lock timeout, statement timeout: these rows are busy, not the database
_BUSY = frozenset({"40001", "40P01", "55P03", "57014"})
_PASSING = (exc.OperationalError, exc.InterfaceError, exc.InternalError)


def normal_url(url: str) -> URL:
    """Parse a database URL and set its driver.

    Raises:
        InvalidDatabaseUrl: not a URL, or neither a SQLite file nor PostgreSQL.

    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise InvalidDatabaseUrl("the database URL cannot be read; write sqlite:///file or postgresql://…") from None
    backend = parsed.get_backend_name()
    if backend == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return parsed.set(drivername="sqlite+pysqlite")
    if backend in {"postgresql", "postgres"}:
        return parsed.set(drivername="postgresql+psycopg")
    raise InvalidDatabaseUrl("the database URL names no SQLite file and no PostgreSQL; write sqlite:///file")


def make_engine(
    url: URL, *, statement_timeout: float = 60, lock_timeout: float = 30, foreign_keys: bool = True
) -> Engine:
    """Make an engine; it connects when first used. Timeouts are in seconds and apply on PostgreSQL.

    The pool is small since a worker's child process runs one task at a time. Errors never show parameters.
    """
    common: dict[str, Any] = {
        "hide_parameters": True,
        "json_serializer": to_json,
        "json_deserializer": from_json,
        "pool_size": 2,
        "max_overflow": 4,
        "pool_timeout": POOL_WAIT,
    }
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS}, **common)
        _prepare_sqlite(engine, foreign_keys=foreign_keys)
        return engine
    arguments = {name: value for name, value in _CONNECT.items() if name not in url.query}
    arguments["options"] = _postgresql_options(url, statement_timeout=statement_timeout, lock_timeout=lock_timeout)
    engine = create_engine(url, connect_args=arguments, pool_pre_ping=True, pool_recycle=1800, **common)
    _watch(engine, statement_timeout)
    return engine


def _watch(engine: Engine, statement_timeout: float) -> None:
    @event.listens_for(engine, "do_connect")
    def connect(
        _dialect: object, _record: object, arguments: Sequence[str], options: Mapping[str, object]
    ) -> WatchedConnection:
        # PostgreSQL's driver, which a command on SQLite need not import
        from db.stalled_connection import WatchedConnection

        return WatchedConnection.open(*arguments, statement_timeout=statement_timeout, **options)


def _postgresql_options(url: URL, *, statement_timeout: float, lock_timeout: float) -> str:
    from_url = url.query.get("options", "")
    options = {
        "timezone": "UTC",
        "statement_timeout": f"{round(statement_timeout * 1000)}",
        "lock_timeout": f"{round(lock_timeout * 1000)}",
        SETTING: "",  # no tenant's rows, until a transaction names one
    }
    return " ".join([*(f"-c {name}={value}" for name, value in options.items()), str(from_url)]).strip()


def _prepare_sqlite(engine: Engine, *, foreign_keys: bool) -> None:
    @event.listens_for(engine, "connect")
    def connected(connection: SqliteConnection, _record: object) -> None:
        connection.isolation_level = None  # the driver begins no transaction by itself; `begun` does
        connection.execute(f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000}")
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")  # deleted content is overwritten: erasure reaches the file too
        connection.execute(f"PRAGMA foreign_keys={'ON' if foreign_keys else 'OFF'}")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        # A transaction that means to write takes the write lock at once: upgrading later could deadlock.
        connection.exec_driver_sql(connection.get_execution_options().get(BEGIN, "BEGIN IMMEDIATE"))


def _write_ahead(connection: SqliteConnection) -> None:
    # Two processes that switch a new file to WAL at once collide, and SQLite's busy time-out does not cover that.
    for _ in range(_WAL_TRIES):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except SqliteError as error:
            if "locked" not in str(error):
                raise
            time.sleep(0.05)
        else:
            return


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
