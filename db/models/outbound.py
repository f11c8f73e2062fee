"""The outbound event stream, its deliveries, and the circuit breakers of its receivers."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base
from domain.documents import JsonObject

_PENDING = text("state = 'pending'")


class OutboundEvent(Base):
    """One event of the outbound stream."""

    __tablename__ = "outbound_events"
    __table_args__ = (UniqueConstraint("tenant_id", "event_id"), Index(None, "tenant_id", "lead_id"))

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    event_id: Mapped[str]
    lead_id: Mapped[str | None]
    type: Mapped[str]
    body: Mapped[JsonObject]
    created_at: Mapped[datetime]


class OutboundCounter(Base):
    """The newest sequence number of a tenant; locked until the commit, so that there are no gaps."""

    __tablename__ = "outbound_counters"

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger)


class OutboundDelivery(Base):
    """The state of one event's delivery; lead and sequence are repeated here for the order of deliveries."""

    __tablename__ = "outbound_deliveries"
    __table_args__ = (
        Index(
            "ix_outbound_deliveries_order",
            "tenant_id",
            "lead_id",
            "sequence",
            sqlite_where=_PENDING,
            postgresql_where=_PENDING,
        ),
        Index(
            "ix_outbound_deliveries_due",
            "tenant_id",
            "sequence",
            sqlite_where=_PENDING,
            postgresql_where=_PENDING,
        ),
        Index(None, "state", "tenant_id", "delivered_at"),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger)
    lead_id: Mapped[str | None]
    state: Mapped[str]
    attempts: Mapped[int]
    next_at: Mapped[datetime]
    error: Mapped[str | None]
    delivered_at: Mapped[datetime | None]


class CircuitBreaker(Base):
    """The circuit breaker of a tenant's receiver."""

    __tablename__ = "outbound_targets"

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    open_until: Mapped[datetime | None]
