"""Leases with fences, the slots of schedules, and the starts of tasks."""

from datetime import datetime

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base


class Lease(Base):
    """Who may do something alone; times are the database's."""

    __tablename__ = "leases"

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    fence: Mapped[int] = mapped_column(BigInteger)
    holder: Mapped[str]
    expires_at: Mapped[datetime]


class ScheduleSlot(Base):
    """One firing of a schedule; the key lets it happen once."""

    __tablename__ = "schedule_slots"
    __table_args__ = (Index(None, "claimed_at"),)

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    schedule: Mapped[str] = mapped_column(primary_key=True)
    slot: Mapped[datetime] = mapped_column(primary_key=True)
    claimed_at: Mapped[datetime]


class Attempt(Base):
    """How often a task was started that has not ended; it outlives the worker."""

    __tablename__ = "attempts"
    __table_args__ = (Index(None, "updated_at"),)

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    task: Mapped[str] = mapped_column(primary_key=True)
    task_id: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    last_error: Mapped[str | None]
    updated_at: Mapped[datetime]
