"""The circuit breakers of the outbound stream: one a tenant, kept where every deliverer sees it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db.models import OutboundTarget
from db.records import TargetRecord
from db.repositories.sql.clauses import rowcount, upsert


def get(session: Session, tenant_id: str) -> TargetRecord:
    """Give the breaker of a tenant; closed where nothing ever failed."""
    wanted = select(OutboundTarget.tenant_id, OutboundTarget.failures, OutboundTarget.open_until)
    row = session.execute(wanted.where(OutboundTarget.tenant_id == tenant_id)).mappings().one_or_none()
    return TargetRecord(tenant_id=tenant_id, failures=0, open_until=None) if row is None else TargetRecord(**dict(row))


def failed(session: Session, tenant_id: str) -> int:
    """Count a failure; gives how many there were since the last success."""
    first = upsert(session, OutboundTarget).values(tenant_id=tenant_id, failures=1)
    counted: Any = first.on_conflict_do_update(
        index_elements=[OutboundTarget.tenant_id], set_={"failures": OutboundTarget.failures + 1}
    ).returning(OutboundTarget.failures)
    return int(session.execute(counted).scalar_one())


def trip(session: Session, tenant_id: str, *, until: datetime) -> None:
    """Deliver nothing to this tenant before a moment; a breaker opens no earlier than it was told before."""
    own = update(OutboundTarget).where(OutboundTarget.tenant_id == tenant_id)
    sooner = OutboundTarget.open_until.is_(None) | (OutboundTarget.open_until < until)
    rowcount(session, own.where(sooner).values(open_until=until).execution_options(synchronize_session=False))


def succeeded(session: Session, tenant_id: str) -> None:
    """Close the breaker and forget failures."""
    own = update(OutboundTarget).where(OutboundTarget.tenant_id == tenant_id, OutboundTarget.failures > 0)
    rowcount(session, own.values(failures=0, open_until=None).execution_options(synchronize_session=False))


def tripped(session: Session, *, now: datetime) -> list[str]:
    """Give the tenants to whom nothing is delivered now, for `outbound.due(exclude=…)`."""
    return list(session.scalars(select(OutboundTarget.tenant_id).where(OutboundTarget.open_until > now)))
