"""What happened to leads."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base


class Event(Base):
    """One event; its message text is sealed with the lead's key."""

    __tablename__ = "events"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["leads.tenant_id", "leads.lead_id"], ondelete="CASCADE"),
        UniqueConstraint("tenant_id", "lead_id", "source", "source_id"),
        Index(None, "tenant_id", "lead_id", "occurred_at"),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    lead_id: Mapped[str]
    kind: Mapped[str]
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    direction: Mapped[str | None]
    channel: Mapped[str | None]
    facts: Mapped[dict[str, Any]]
    text: Mapped[bytes | None]
    source: Mapped[str]
    source_id: Mapped[str]
