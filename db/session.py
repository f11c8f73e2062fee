"""Database sessions: `configure` binds the process at start; only `transaction` and `reading` open sessions.

What all writers of a database share is asked of a session: the key ring, the database's time, and locks that end with
the transaction.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

from sqlalchemy import URL, Engine, event, func, select
from sqlalchemy.orm import Session

from db.encryption import KeyRing
from db.engine import BEGIN, make_engine, normal_url, translate_errors
from db.errors import DatabaseNotConfigured
from db.tenancy import EVERY_TENANT, Scope, TenantSession, across_tenants

__all__ = [
    "EVERY_TENANT",
    "Scope",
    "Session",
    "across_tenants",
    "after_commit",
    "check",
    "configure",
    "database_time",
    "dispose",
    "keyring_of",
    "lock_name",
    "lock_tenant",
    "reading",
    "transaction",
]


@dataclass(slots=True)
class _Binding:
    url: URL | None = None
    keyring: KeyRing | None = None
    #: called before the first session; None once it has passed
    check: Callable[[], None] | None = None
    statement_timeout: float = 60
    lock_timeout: float = 30
    engine: Engine | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    #: engines of the parent process: referenced here, since closing their connections would disturb the parent
    inherited: list[Engine] = field(default_factory=list)


_bound = _Binding()
#: where a session that writes keeps what waits for its commit
_PENDING = "after_commit"
_READING: dict[str, str | bool] = {BEGIN: "BEGIN", "postgresql_readonly": True}


def configure(
    url: str,
    keyring: KeyRing,
    *,
    statement_timeout: float = 60,
    lock_timeout: float = 30,
    check: Callable[[], None] | None = None,
) -> None:
    """Bind this process to a database. Nothing connects before the first session, so the process may fork after it.

    Timeouts are in seconds and apply on PostgreSQL; on SQLite a writer waits 30 s for another.
    `check` is called before the first session; when it raises, it is called again before the next one.

    Raises:
        InvalidDatabaseUrl: neither a SQLite file nor PostgreSQL.

    """
    parsed = normal_url(url)
    dispose()
    _bound.url, _bound.keyring, _bound.check = parsed, keyring, check
    _bound.statement_timeout, _bound.lock_timeout = statement_timeout, lock_timeout


def check() -> None:
    """Call the check of `configure` now, unless it has passed; raise what it raises."""
    pending, _bound.check = _bound.check, None  # sessions that the check itself opens do not call it
    try:
        if pending is not None:
            pending()
    except BaseException:
        _bound.check = pending
        raise


def dispose() -> None:
    """Close all connections; the binding stays, and the next session connects again."""
    engine, _bound.engine = _bound.engine, None
    if engine is not None:
        engine.dispose()


@contextmanager
def transaction(scope: Scope) -> Iterator[Session]:
    """Open a session of one tenant that commits when the block ends and rolls back when it raises.

    `EVERY_TENANT` is for work that covers all tenants by design.

    Raises:
        DatabaseUnavailable: a transient error, at any statement or at the commit.
        SchemaOutdated, StatementRefused: a permanent error.

    """
    pending: list[Callable[[], None]] = []
    with translate_errors(), _session(scope) as session, session.begin():
        session.info[_PENDING] = pending
        # what was done before a rollback, even one to a savepoint, may be undone
        event.listen(session, "after_soft_rollback", lambda *_: pending.clear())
        yield session
    for act in pending:
        act()


@contextmanager
def reading(scope: Scope) -> Iterator[Session]:
    """Open a read-only session of one tenant; it takes no write lock, and on SQLite reads one consistent state.

    Raises:
        DatabaseUnavailable, SchemaOutdated, StatementRefused: as `transaction`.

    """
    with translate_errors(), _session(scope, **_READING) as session:
        yield session


def after_commit(session: Session, act: Callable[[], None]) -> None:
    """Call `act` once the session's transaction has committed, and at once where it only reads.

    A rollback forgets it. It must not raise, and must not count on being called: the process may end before.
    """
    pending: list[Callable[[], None]] | None = session.info.get(_PENDING)
    if pending is None:
        act()
    else:
        pending.append(act)


def keyring_of(session: Session) -> KeyRing:
    """Return the session's key ring."""
    return cast("KeyRing", session.info["keyring"])


def database_time(session: Session, *, ahead: float = 0) -> datetime:
    """Return the database's current time, or the time `ahead` seconds from it; to the millisecond on SQLite.

    Leases, slots and due times go by it, since the clocks of workers differ. On PostgreSQL it is not the time at which
    the transaction began: one that waited for a lock began long ago.
    """
    if session.get_bind().dialect.name == "postgresql":
        moment: datetime = session.execute(select(func.clock_timestamp())).scalar_one().astimezone(UTC)
    else:
        text: str = session.execute(select(func.strftime("%Y-%m-%dT%H:%M:%f+00:00", "now"))).scalar_one()
        moment = datetime.fromisoformat(text)
    return moment + timedelta(seconds=ahead)


def lock_tenant(session: Session, tenant_id: str) -> None:
    """Lock a tenant's leads and registries for other writers until this transaction ends; see `lock_name`."""
    lock_name(session, f"tenant:{tenant_id}")


def lock_name(session: Session, name: str) -> None:
    """Wait for other transactions that locked this name, and lock it until this transaction ends.

    SQLite has one writer anyway. After the lock timeout `DatabaseBusy` is raised.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"hearth.{name}", 0))))


def _session(scope: Scope, **options: str | bool) -> Session:
    check()
    bind = _engine().execution_options(**options)
    return TenantSession(bind, scope, info={"keyring": _bound.keyring})


def _engine() -> Engine:
    with _bound.lock:
        if _bound.url is None:
            raise DatabaseNotConfigured("no database is configured; call db.session.configure first")
        if _bound.engine is None:
            _bound.engine = make_engine(
                _bound.url, statement_timeout=_bound.statement_timeout, lock_timeout=_bound.lock_timeout
            )
        return _bound.engine


def _after_fork() -> None:
    _bound.lock = threading.Lock()
    if _bound.engine is not None:
        _bound.inherited.append(_bound.engine)
        _bound.engine = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
