"""Sessions: commit, rollback, forks, and trouble told by its kind."""

import os
import shutil
import sqlite3
import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import insert, select, text

from db import session as sessions
from db.encryption import KeyRing
from db.errors import (
    DatabaseNotConfigured,
    DatabaseUnavailable,
    InvalidDatabaseUrl,
    NaiveTime,
    StatementRefused,
    UnstorableValue,
)
from db.models import OutboxEntry, Tenant, TenantSettings
from db.repositories import tenants

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
SECRET = "zebulonia.q@example.com"


def configure(tenant_id="T1", **settings):
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        return tenants.configure(session, tenant_id, settings=settings, actor="test", now=NOW)


def run(*statements):
    """Execute statements in one transaction; a pair is a statement and its rows."""
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        for statement in statements:
            session.execute(*statement) if isinstance(statement, tuple) else session.execute(statement)


STRANGER = (insert(Tenant), [{"tenant_id": "T9", "created_at": NOW}])


def tenant_ids():
    with sessions.reading(sessions.EVERY_TENANT) as session:
        return tenants.ids(session)


def test_a_transaction_commits_at_its_end(database):
    configure()
    assert tenant_ids() == ["T1"]


def test_an_error_takes_everything_back(database):
    def fail():
        with sessions.transaction(sessions.EVERY_TENANT) as session:
            tenants.configure(session, "T1", settings={}, actor="test", now=NOW)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert tenant_ids() == []


def test_reading_keeps_nothing(database):
    try:
        with sessions.reading(sessions.EVERY_TENANT) as session:
            session.execute(insert(Tenant), [{"tenant_id": "T1", "created_at": NOW}])
    except DatabaseUnavailable:  # PostgreSQL refuses the write, SQLite rolls it back
        pass
    assert tenant_ids() == []


def test_reading_waits_for_no_writer(database):
    configure()
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        tenants.configure(session, "T2", settings={}, actor="test", now=NOW)
        assert tenant_ids() == ["T1"]


def test_times_come_back_aware_in_utc_to_the_microsecond(database):
    local = datetime(2026, 11, 1, 7, 0, 0, 123457, tzinfo=timezone(timedelta(hours=-5)))
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        session.execute(insert(Tenant), [{"tenant_id": "T1", "created_at": local}])
    with sessions.reading(sessions.EVERY_TENANT) as session:
        found = session.scalar(select(Tenant.created_at))
        assert session.scalar(select(Tenant.tenant_id).where(Tenant.created_at == local)) == "T1"
    assert found == local
    assert found.tzinfo is UTC


def test_naive_times_and_nan_are_refused(database):
    with pytest.raises(NaiveTime), sessions.transaction(sessions.EVERY_TENANT) as session:
        session.execute(insert(Tenant), [{"tenant_id": "T1", "created_at": datetime(2026, 1, 1)}])
    with pytest.raises(UnstorableValue):
        configure(threshold=float("nan"))
    assert tenant_ids() == []


def test_a_refused_statement_shows_no_value(database):
    configure(SECRET)
    with pytest.raises(StatementRefused) as refusal, sessions.transaction(sessions.EVERY_TENANT) as session:
        session.execute(insert(Tenant), [{"tenant_id": SECRET, "created_at": NOW}])
    assert SECRET not in str(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__


def test_foreign_keys_hold(database):
    row = {"tenant_id": "nobody", "version": 1, "settings": {}, "actor": "a", "created_at": NOW}
    with pytest.raises(StatementRefused), sessions.transaction(sessions.EVERY_TENANT) as session:
        session.execute(insert(TenantSettings), [row])


def test_sqlite_is_set_up_to_last(sqlite_database):
    with sessions.reading(sessions.EVERY_TENANT) as session:
        found = {
            name: session.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


def test_postgresql_is_told_its_limits(postgresql_database, test_keyring):
    sessions.configure(postgresql_database, test_keyring, statement_timeout=7, lock_timeout=0.5)
    with sessions.reading(sessions.EVERY_TENANT) as session:
        shown = [session.scalar(text(f"SHOW {name}")) for name in ("statement_timeout", "lock_timeout", "timezone")]
        assert session.scalar(text("SELECT usesuper FROM pg_user WHERE usename = current_user")) is False
    assert shown == ["7s", "500ms", "UTC"]


def test_a_slow_statement_is_trouble_that_passes(postgresql_database, test_keyring):
    sessions.configure(postgresql_database, test_keyring, statement_timeout=0.05)
    with pytest.raises(DatabaseUnavailable, match="57014"), sessions.reading(sessions.EVERY_TENANT) as session:
        session.execute(text("SELECT pg_sleep(2)"))


def test_a_lost_connection_passes_and_the_next_session_works(postgresql_database):
    configure()
    with pytest.raises(DatabaseUnavailable):
        run(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert tenant_ids() == ["T1"]


def test_a_database_that_is_not_there_is_unavailable(tmp_path, test_keyring):
    for url in (
        f"postgresql://nobody@/none?host={tmp_path}",
        f"sqlite:///{tmp_path}/no/folder/x.db",
    ):
        sessions.configure(url, test_keyring)
        with pytest.raises(DatabaseUnavailable) as trouble:
            tenant_ids()
        assert str(tmp_path) not in str(trouble.value)
    sessions.dispose()


def test_a_locked_sqlite_file_is_unavailable(sqlite_database, tmp_path):
    configure()
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        session.execute(text("SELECT 1"))

        def write():
            other = sqlite3.connect(tmp_path / "hearth.db", timeout=0.1)
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                seen.append(str(error))
            finally:
                other.close()

        seen = []
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    assert seen == ["database is locked"]  # the transaction held the write lock from its first statement


def test_a_read_only_sqlite_database_is_unavailable(sqlite_database):
    configure()
    with pytest.raises(DatabaseUnavailable, match="READONLY"):
        run(text("PRAGMA query_only = ON"), STRANGER)


def test_a_full_sqlite_database_is_unavailable_and_keeps_what_it_had(sqlite_database):
    configure()
    row = {"tenant_id": "T1", "task": "t", "queue": "q", "kwargs": {"a": "x" * 900}, "created_at": NOW}
    rows = [{**row, "outbox_id": str(number)} for number in range(500)]
    # SQLite raises a limit that lies below what the file has to what it has
    with pytest.raises(DatabaseUnavailable, match="FULL"):
        run(text("PRAGMA max_page_count = 1"), (insert(OutboxEntry), rows))
    assert tenant_ids() == ["T1"]
    with sessions.reading(sessions.EVERY_TENANT) as session:
        assert session.scalars(select(OutboxEntry.outbox_id)).all() == []


def test_a_read_only_postgresql_is_unavailable(postgresql_database):
    with pytest.raises(DatabaseUnavailable, match="25006"):
        run(text("SET TRANSACTION READ ONLY"), STRANGER)


def test_an_exhausted_pool_is_unavailable(sqlite_database, monkeypatch):
    monkeypatch.setattr("db.engine.POOL_WAIT", 0.05)
    sessions.dispose()  # the next session's engine waits so long
    held = [sessions.reading(sessions.EVERY_TENANT) for _ in range(6)]
    for one in held:
        one.__enter__().execute(text("SELECT 1"))
    with pytest.raises(DatabaseUnavailable, match="connection"):
        tenant_ids()
    for one in held:
        one.__exit__(None, None, None)
    assert tenant_ids() == []


def test_without_binding_nothing_opens(monkeypatch):
    monkeypatch.setattr(sessions, "_bound", sessions._Binding())
    with pytest.raises(DatabaseNotConfigured):
        tenant_ids()
    with pytest.raises(InvalidDatabaseUrl):
        sessions.configure("mysql://h/d", KeyRing.generate())


def test_a_forked_child_connects_anew(database):
    configure()
    child = os.fork()
    if child == 0:
        try:
            configure("T2")
            os._exit(0 if tenant_ids() == ["T1", "T2"] else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    configure("T3")
    assert tenant_ids() == ["T1", "T2", "T3"]


def test_a_session_carries_the_key_ring(database, test_keyring):
    with sessions.reading(sessions.EVERY_TENANT) as session:
        assert session.info["keyring"] is test_keyring


def test_a_copied_file_is_whole_after_dispose(sqlite_database, tmp_path):
    configure()
    sessions.dispose()
    shutil.copy(tmp_path / "hearth.db", tmp_path / "copy.db")
    copy = sqlite3.connect(tmp_path / "copy.db")
    assert copy.execute("SELECT tenant_id FROM tenants").fetchall() == [("T1",)]
    copy.close()
