"""The circuit breakers of the outbound stream: one per tenant, in the database, so that all workers share it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db.models import CircuitBreaker
from db.records import CircuitBreakerRecord
from db.repositories.sql import rowcount, upsert


def get(session: Session, tenant_id: str) -> CircuitBreakerRecord:
    """Return the breaker of a tenant; closed where no delivery ever failed."""
    query = select(CircuitBreaker.tenant_id, CircuitBreaker.failures, CircuitBreaker.open_until)
    row = session.execute(query.where(CircuitBreaker.tenant_id == tenant_id)).mappings().one_or_none()
    return (
        CircuitBreakerRecord(tenant_id=tenant_id, failures=0, open_until=None)
        if row is None
        else CircuitBreakerRecord(**dict(row))
    )


def record_failure(session: Session, tenant_id: str) -> int:
    """Count a failure; return the number of failures since the last success."""
    first = upsert(session, CircuitBreaker).values(tenant_id=tenant_id, failures=1)
    counted = first.on_conflict_do_update(
        index_elements=["tenant_id"], set_={"failures": CircuitBreaker.failures + 1}
    ).returning(CircuitBreaker.failures)
    return int(session.execute(counted).scalar_one())


def trip(session: Session, tenant_id: str, *, until: datetime) -> None:
    """Open the breaker until a time: nothing is delivered to this tenant before. A later time that is set stays."""
    breaker = update(CircuitBreaker).where(CircuitBreaker.tenant_id == tenant_id)
    sooner = CircuitBreaker.open_until.is_(None) | (CircuitBreaker.open_until < until)
    rowcount(session, breaker.where(sooner).values(open_until=until).execution_options(synchronize_session=False))


def record_success(session: Session, tenant_id: str) -> None:
    """Close the breaker and reset the count of failures."""
    breaker = update(CircuitBreaker).where(CircuitBreaker.tenant_id == tenant_id, CircuitBreaker.failures > 0)
    rowcount(session, breaker.values(failures=0, open_until=None).execution_options(synchronize_session=False))


def tripped_tenants(session: Session, *, now: datetime) -> list[str]:
    """Return the tenants whose breaker is open, for `outbound.due(exclude=…)`."""
    return list(session.scalars(select(CircuitBreaker.tenant_id).where(CircuitBreaker.open_until > now)))
