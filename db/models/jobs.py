"""The bookkeeping of tasks: outbox, idempotency keys, leases, schedules, attempts, queue probes, quarantine."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base
from domain.documents import JsonObject

_PENDING = text("published_at IS NULL")
_UNDONE = text("done_at IS NULL AND published_at IS NOT NULL")
_DONE = text("done_at IS NOT NULL")


class OutboxEntry(Base):
    """One task to be published after the commit; its id is the task id."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_pending", "created_at", "outbox_id", sqlite_where=_PENDING, postgresql_where=_PENDING),
        Index(
            "ix_outbox_waiting",
            "tenant_id",
            "created_at",
            "outbox_id",
            sqlite_where=_PENDING,
            postgresql_where=_PENDING,
        ),
        Index("ix_outbox_undone", "tenant_id", "published_at", sqlite_where=_UNDONE, postgresql_where=_UNDONE),
        Index("ix_outbox_done", "done_at", sqlite_where=_DONE, postgresql_where=_DONE),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    outbox_id: Mapped[str] = mapped_column(primary_key=True)
    task: Mapped[str]
    queue: Mapped[str]
    kwargs: Mapped[JsonObject]
    created_at: Mapped[datetime]
    published_at: Mapped[datetime | None]
    #: number of times that a relay claimed it
    attempts: Mapped[int] = mapped_column(server_default="0")
    last_error: Mapped[str | None]
    #: end of a relay's claim, in database time
    taken_until: Mapped[datetime | None]
    #: when the task had its effect
    done_at: Mapped[datetime | None]
    #: the arguments of a task that the gateway accepted, sealed under the key ring until it has ended
    sealed_kwargs: Mapped[bytes | None]


class IdempotencyKey(Base):
    """The first result of a task under an idempotency key; a repeated call gets the same result."""

    __tablename__ = "processed"
    __table_args__ = (Index(None, "tenant_id", "task_id"),)

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    task: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    args_hash: Mapped[str]
    task_id: Mapped[str]
    result: Mapped[JsonObject | None]
    done: Mapped[bool]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class Lease(Base):
    """The exclusive right of one holder, with a fence that grows at each acquisition; times are the database's."""

    __tablename__ = "leases"

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    fence: Mapped[int] = mapped_column(BigInteger)
    holder: Mapped[str]
    expires_at: Mapped[datetime]


class ScheduleSlot(Base):
    """One slot of a schedule; its primary key lets it fire once."""

    __tablename__ = "schedule_slots"
    __table_args__ = (Index(None, "claimed_at"),)

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    schedule: Mapped[str] = mapped_column(primary_key=True)
    slot: Mapped[datetime] = mapped_column(primary_key=True)
    claimed_at: Mapped[datetime]


class DeliveryAttempt(Base):
    """The number of delivery attempts of a task that has not ended; it survives the worker."""

    __tablename__ = "attempts"
    __table_args__ = (Index(None, "updated_at"),)

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    task: Mapped[str] = mapped_column(primary_key=True)
    task_id: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    last_error: Mapped[str | None]
    updated_at: Mapped[datetime]


class QueueProbe(Base):
    """The newest probe (canary message) of a queue, which measures its waiting time; times are the database's."""

    __tablename__ = "canaries"

    #: `*`: queues belong to no tenant
    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    queue: Mapped[str] = mapped_column(primary_key=True)
    sent_at: Mapped[datetime]
    ran_at: Mapped[datetime | None]


class QuarantinedMessage(Base):
    """A message that no worker could or would run, with the reason; headers and body are sealed under the key ring."""

    __tablename__ = "quarantine"
    __table_args__ = (Index(None, "state", "tenant_id", "created_at"),)

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    quarantine_id: Mapped[str] = mapped_column(primary_key=True)
    task: Mapped[str | None]
    queue: Mapped[str]
    reason: Mapped[str]
    content: Mapped[bytes]
    attempts: Mapped[int]
    state: Mapped[str]
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]


class QuarantineTally(Base):
    """The number of messages in a tenant's quarantine; its row is locked while one is added."""

    __tablename__ = "quarantine_tallies"

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    held: Mapped[int]
    overflowed: Mapped[int]
