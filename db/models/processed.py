"""Idempotency keys with the first result."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base


class Processed(Base):
    """What a task answered first under a key; it answers the same again."""

    __tablename__ = "processed"
    __table_args__ = (Index(None, "tenant_id", "task_id"),)

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    task: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    args_hash: Mapped[str]
    task_id: Mapped[str]
    result: Mapped[dict[str, Any] | None]
    done: Mapped[bool]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
