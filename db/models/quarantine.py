"""Messages that no worker could or would run."""

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base


class Quarantined(Base):
    """One message with its reason; headers and body are sealed under the key ring."""

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
    """How full a tenant's quarantine is; its row is locked while one is added."""

    __tablename__ = "quarantine_tallies"

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    held: Mapped[int]
    overflowed: Mapped[int]
