"""Locks that end with the transaction: one writer of a tenant, or of any name, at a time."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session


def lock_tenant(session: Session, tenant_id: str) -> None:
    """Let one writer of this tenant's leads and registries go on until its transaction ends, as `lock` does."""
    lock(session, f"tenant:{tenant_id}")


def lock(session: Session, name: str) -> None:
    """Let one of those that ask for the same name go on until its transaction ends.

    SQLite has one writer anyway. Waits as long as the lock timeout, then the database is unavailable.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"hearth.{name}", 0))))
