"""Locks that end with the transaction: one writer of a tenant, or of any name, at a time."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session


def lock_tenant(session: Session, tenant_id: str) -> None:
    """Lock a tenant's leads and registries for other writers until this transaction ends; see `lock`."""
    lock(session, f"tenant:{tenant_id}")


def lock(session: Session, name: str) -> None:
    """Wait for other transactions that locked this name, and lock it until this transaction ends.

    SQLite has one writer anyway. After the lock timeout `DatabaseBusy` is raised.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"hearth.{name}", 0))))
