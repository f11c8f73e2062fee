"""Runs of the assess pipeline."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base

_RUNNING = text("state = 'running'")


class Assessment(Base):
    """One run over some leads and how far each stage is."""

    __tablename__ = "assessments"
    __table_args__ = (Index("ix_assessments_due", "due_at", sqlite_where=_RUNNING, postgresql_where=_RUNNING),)

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"), primary_key=True)
    assessment_id: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    lead_ids: Mapped[list[str]]
    snapshot_ids: Mapped[list[str]]
    as_of: Mapped[datetime]
    due_at: Mapped[datetime]
    stages: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    #: when a stage landed last
    landed_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
