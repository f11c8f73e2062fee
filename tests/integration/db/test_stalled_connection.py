"""Connections to PostgreSQL that nobody forwards any more: noticed, closed, and their locks freed."""

from pathlib import Path

import pytest
from sqlalchemy import URL, make_url, text

from benchmarks.faults.proxy import Proxy
from db import session as sessions
from db import stalled_connection
from db.engine import make_engine, normal_url
from db.errors import DatabaseUnavailable


@pytest.fixture
def proxy(postgresql_database, test_keyring, monkeypatch):
    """This process reaches the database through a proxy, and doubts after a moment."""
    monkeypatch.setattr(stalled_connection, "ASK", 0.3)
    monkeypatch.setattr(stalled_connection, "MARGIN", 0.2)
    direct = make_url(postgresql_database)
    made = Proxy(Path(str(direct.query["host"])) / ".s.PGSQL.5432")
    sessions.configure(far(made, direct), test_keyring)
    yield made
    made.close()
    sessions.dispose()


def far(proxy, direct, **query):
    url = URL.create("postgresql", direct.username, host="127.0.0.1", port=proxy.port, database=direct.database)
    return url.update_query_dict(query).render_as_string(hide_password=False)


def one():
    with sessions.reading(sessions.EVERY_TENANT) as session:
        return session.scalar(text("SELECT 1"))


def lock():
    """Take a lock that a second session cannot have; waits for it at most half a second."""
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        session.execute(text("SET LOCAL lock_timeout = '500ms'"))
        session.execute(text("LOCK TABLE tenants IN EXCLUSIVE MODE"))
        yield session


def test_a_connection_that_is_no_longer_forwarded_is_noticed_and_its_locks_are_freed(proxy):
    taking = lock()
    session = next(taking)
    proxy.stall()
    with pytest.raises(DatabaseUnavailable):
        taking.throw(_error_of(session))
    assert one() == 1
    again = lock()
    next(again)
    again.close()


def _error_of(session):
    """The error of a statement whose connection is gone."""
    try:
        session.execute(text("SELECT 1"))
    except Exception as error:
        return error
    raise AssertionError("the statement was answered")


def test_an_idle_connection_that_is_no_longer_forwarded_is_replaced(proxy):
    assert one() == 1
    proxy.stall()
    assert one() == 1


def test_a_slow_statement_is_waited_for(proxy):
    with sessions.reading(sessions.EVERY_TENANT) as session:
        assert session.scalar(text("SELECT 1 FROM pg_sleep(1.2)")) == 1


def test_when_nobody_can_be_asked_the_wait_ends_a_little_after_the_servers_own_limit(
    proxy, postgresql_database, test_keyring
):
    sessions.configure(far(proxy, make_url(postgresql_database)), test_keyring, statement_timeout=0.5)
    assert one() == 1
    taking = lock()
    session = next(taking)
    proxy.close_door()
    proxy.stall()
    with pytest.raises(DatabaseUnavailable):
        taking.throw(_error_of(session))


def test_libpq_looks_after_its_connections_unless_the_url_says_otherwise(proxy, postgresql_database):
    url = far(proxy, make_url(postgresql_database), tcp_user_timeout="7000", application_name="crm")
    engine = make_engine(normal_url(url))
    with engine.connect() as connection:
        given = connection.connection.driver_connection.info.get_parameters()
    engine.dispose()
    wanted = {"keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3", "connect_timeout": "5"}
    assert given.items() >= (wanted | {"tcp_user_timeout": "7000", "application_name": "crm"}).items()
