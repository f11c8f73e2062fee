"""Follow-up tasks, written with the effect and published after the commit."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base

_PENDING = text("published_at IS NULL")


class OutboxEntry(Base):
    """One task to be published; its id is the task id."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_pending", "created_at", "outbox_id", sqlite_where=_PENDING, postgresql_where=_PENDING),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    outbox_id: Mapped[str] = mapped_column(primary_key=True)
    task: Mapped[str]
    queue: Mapped[str]
    kwargs: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    published_at: Mapped[datetime | None]
