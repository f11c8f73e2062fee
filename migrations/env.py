"""The script that Alembic runs for each command: one process at a time runs the revisions in one transaction."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, text

import db.models  # noqa: F401  # fills the metadata
from db.base import Base
from db.engine import make_engine
from db.tenancy import MARK, SETTING

#: seconds; a migration that waits longer for a table gives up, since other statements queue behind its lock
_LOCK_TIMEOUT = 10
_STATEMENT_TIMEOUT = 600
_UPGRADE_LOCK = 0x48656172


def _run() -> None:
    url = context.config.attributes["url"]
    # Rebuilding a SQLite table drops the old one, which would delete rows that refer to it: keys are checked last.
    engine = make_engine(url, statement_timeout=_STATEMENT_TIMEOUT, lock_timeout=_STATEMENT_TIMEOUT, foreign_keys=False)
    try:
        with engine.connect() as connection, connection.begin():
            _enter(connection)
            context.configure(
                connection=connection,
                target_metadata=Base.metadata,
                render_as_batch=connection.dialect.name == "sqlite",
                transactional_ddl=True,
            )
            with context.begin_transaction():
                context.run_migrations()
            _leave(connection)
    finally:
        engine.dispose()


def _enter(connection: Connection) -> None:
    # SQLite's transaction began IMMEDIATE and is the lock itself.
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _UPGRADE_LOCK})
        connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}s'"))
        # a revision changes the rows of all tenants
        connection.execute(text("SELECT set_config(:name, :mark, true)"), {"name": SETTING, "mark": MARK})


def _leave(connection: Connection) -> None:
    if connection.dialect.name == "sqlite" and connection.execute(text("PRAGMA foreign_key_check")).first():
        message = "the migration would leave rows that refer to nothing; it was rolled back"
        raise RuntimeError(message)


_run()
