"""Leases with fences: one holder at a time, and work under an old fence cannot be committed.

The database's clock decides, so that a wrong clock neither keeps nor loses a worker its lease.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session

from db.errors import FenceLost
from db.models import Lease
from db.records import LeaseRecord
from db.repositories.sql import rowcount, upsert
from db.session import database_time


def acquire(session: Session, tenant_id: str, *, name: str, holder: str, seconds: float) -> LeaseRecord | None:
    """Acquire a lease that is free, has expired or is the holder's own; None while another holds it.

    Each success raises the fence by one, so that an older run of the same holder is fenced off as well.
    """
    now = database_time(session)
    expires_at = now + timedelta(seconds=seconds)
    insert = upsert(session, Lease).values(
        tenant_id=tenant_id, name=name, fence=1, holder=holder, expires_at=expires_at
    )
    acquired = insert.on_conflict_do_update(
        index_elements=["tenant_id", "name"],
        set_={"holder": holder, "expires_at": expires_at, "fence": Lease.fence + 1},
        where=or_(Lease.expires_at <= now, Lease.holder == holder),
    ).returning(Lease.fence, Lease.expires_at)
    row = session.execute(acquired).one_or_none()
    return None if row is None else LeaseRecord(fence=row.fence, expires_at=row.expires_at)


def renew(session: Session, tenant_id: str, *, name: str, holder: str, fence: int, seconds: float) -> bool:
    """Extend a lease to some seconds from now; False when another took it over.

    A lease that has expired but that nobody took over is still the holder's.
    """
    until = database_time(session, ahead=seconds)
    renewed = update(Lease).where(*_held(tenant_id, name, holder, fence)).values(expires_at=until)
    return rowcount(session, renewed.execution_options(synchronize_session=False)) == 1


def release(session: Session, tenant_id: str, *, name: str, holder: str, fence: int) -> bool:
    """Release a lease before it expires; False when another took it over. The fence is never used again."""
    ended = update(Lease).where(*_held(tenant_id, name, holder, fence)).values(expires_at=database_time(session))
    return rowcount(session, ended.execution_options(synchronize_session=False)) == 1


def guard(session: Session, tenant_id: str, *, name: str, fence: int) -> None:
    """Check that the fence is the newest, and keep it so until this transaction ends.

    Raises:
        FenceLost: another has taken over.

    """
    newest = select(Lease.fence).where(Lease.tenant_id == tenant_id, Lease.name == name).with_for_update()
    if session.execute(newest).scalar_one_or_none() != fence:
        raise FenceLost("the lease was taken over by another; give up this run, its successor does the work")


def _held(tenant_id: str, name: str, holder: str, fence: int) -> tuple[ColumnElement[bool], ...]:
    return (Lease.tenant_id == tenant_id, Lease.name == name, Lease.holder == holder, Lease.fence == fence)
