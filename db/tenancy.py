"""Set the tenant whose rows a session reaches, for PostgreSQL's row-level security, at the start of each transaction.

Every query names its tenant itself; this is a second barrier, for a query that forgets to. SQLite has no row-level
security. `migrations.row_security` creates the policies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import Enum
from typing import Final

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, SessionTransaction

#: PostgreSQL's setting that policies compare with a row's tenant
SETTING: Final = "hearth.tenant_id"
#: its value where every tenant is meant; no tenant can have this id
MARK: Final = "*every*"
_KEY = "tenant"
_SET_TENANT = f"SELECT set_config('{SETTING}', %s, true)"


class EveryTenant(Enum):
    """The scope of work that covers all tenants by design."""

    EVERY_TENANT = MARK


EVERY_TENANT: Final = EveryTenant.EVERY_TENANT
#: one tenant by its id, or all of them
Scope = str | EveryTenant


class TenantSession(Session):
    """A session that reaches the rows of its scope and no others."""

    def __init__(self, bind: Connection | Engine, scope: Scope, *, info: Mapping[str, object]) -> None:
        super().__init__(bind, expire_on_commit=False, info={**info, _KEY: _setting(scope)})


@contextmanager
def across_tenants(session: Session) -> Iterator[None]:
    """Open a tenant's session to the rows of all tenants while the block runs, for the few rows that tenants share."""
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
    """Return whether the policies bind this session's role: a superuser or a role with BYPASSRLS is not bound.

    True on SQLite, which has no roles.
    """
    if session.connection().dialect.name != "postgresql":
        return True
    exempt = text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
    return not session.scalar(exempt)


def _setting(scope: Scope) -> str:
    if isinstance(scope, EveryTenant):
        return MARK
    return "" if scope == MARK else scope  # an id from a message cannot select every tenant


def _change(session: Session, setting: str) -> None:
    session.info[_KEY] = setting
    if session.in_transaction():
        _set_tenant(session.connection(), setting)


def _set_tenant(connection: Connection, setting: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_SET_TENANT, (setting,))


@event.listens_for(TenantSession, "after_begin")
def _begun(session: Session, _transaction: SessionTransaction, connection: Connection) -> None:
    # A savepoint inherits the setting of the transaction around it.
    if not connection.in_nested_transaction():
        _set_tenant(connection, session.info[_KEY])


@event.listens_for(TenantSession, "after_soft_rollback")
def _rolled_back(session: Session, previous: SessionTransaction) -> None:
    # Rolling a savepoint back undoes a setting made within it.
    if previous.nested and session.is_active and session.in_transaction():
        _set_tenant(session.connection(), session.info[_KEY])
