"""Follow-up tasks, written with the effect and published after the commit."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base

_PENDING = text("published_at IS NULL")
_UNDONE = text("done_at IS NULL AND published_at IS NOT NULL")
_DONE = text("done_at IS NOT NULL")


class OutboxEntry(Base):
    """One task to be published; its id is the task id."""

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
    kwargs: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    published_at: Mapped[datetime | None]
    #: how often a relay took it
    attempts: Mapped[int] = mapped_column(server_default="0")
    last_error: Mapped[str | None]
    #: until when a relay has it in hand, in database time
    taken_until: Mapped[datetime | None]
    #: when the task it names had its effect
    done_at: Mapped[datetime | None]
