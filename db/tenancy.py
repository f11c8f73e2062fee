"""Whose rows a session reaches: PostgreSQL's row-level security is told at the beginning of each transaction.

Every query names its tenant; this is the second lock, for the one that forgets to. SQLite has no such lock, and is told
nothing. The policies are made by `migrations.row_security`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from typing import Any, Final

from sqlalchemy import Connection, event, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, SessionTransaction

#: PostgreSQL's setting that policies compare with a row's tenant
SETTING: Final = "hearth.tenant_id"
#: what it says where no tenant is meant; no tenant can be called so
MARK: Final = "*every*"
_KEY = "tenant"
_TELL = f"SELECT set_config('{SETTING}', %s, true)"


class EveryTenant(Enum):
    """The scope of work that goes over all tenants by design."""

    EVERY_TENANT = MARK


EVERY_TENANT: Final = EveryTenant.EVERY_TENANT
#: one tenant by its id, or all of them
Scope = str | EveryTenant


class TenantSession(Session):
    """A session that reaches the rows of its scope and no others."""

    def __init__(self, bind: Any, scope: Scope, *, info: dict[str, Any]) -> None:
        super().__init__(bind, expire_on_commit=False, info={**info, _KEY: _setting(scope)})


@contextmanager
def across_tenants(session: Session) -> Iterator[None]:
    """Let a tenant's session reach the rows of all while the block runs: for the little that tenants share."""
    before = session.info[_KEY]
    _change(session, MARK)
    try:
        yield
    except BaseException:
        session.info[_KEY] = before
        with suppress(SQLAlchemyError):  # a transaction that failed is rolled back, and its settings with it
            _change(session, before)
        raise
    _change(session, before)


def is_bound(session: Session) -> bool:
    """Whether the policies bind this session's role: not a superuser's, nor one with BYPASSRLS. SQLite has no role."""
    if session.connection().dialect.name != "postgresql":
        return True
    free = text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
    return not session.scalar(free)


def _setting(scope: Scope) -> str:
    if isinstance(scope, EveryTenant):
        return MARK
    return "" if scope == MARK else scope  # a name out of some message opens nothing


def _change(session: Session, setting: str) -> None:
    session.info[_KEY] = setting
    if session.in_transaction():
        _tell(session.connection(), setting)


def _tell(connection: Connection, setting: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_TELL, (setting,))


@event.listens_for(TenantSession, "after_begin")
def _begun(session: Session, _transaction: SessionTransaction, connection: Connection) -> None:
    # A savepoint begins with what the transaction around it was told.
    if not connection.in_nested_transaction():
        _tell(connection, session.info[_KEY])


@event.listens_for(TenantSession, "after_soft_rollback")
def _rolled_back(session: Session, previous: SessionTransaction) -> None:
    # A savepoint takes back what was told within it.
    if previous.nested and session.is_active and session.in_transaction():
        _tell(session.connection(), session.info[_KEY])
