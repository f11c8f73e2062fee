"""Make an engine, and configure SQLite and PostgreSQL at each connect."""

from __future__ import annotations

import time
from sqlite3 import Connection as SqliteConnection
from sqlite3 import OperationalError as SqliteError
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from db.base import from_json, to_json
from db.errors import InvalidDatabaseUrl
from db.stalled_connection import WatchedConnection
from db.tenancy import SETTING

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
    def connect(_dialect: object, _record: object, arguments: Any, options: Any) -> WatchedConnection:
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
