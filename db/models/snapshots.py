"""Feature vectors as of a moment."""

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base


class Snapshot(Base):
    """The features of one lead as of a moment, sealed with the lead's key."""

    __tablename__ = "snapshots"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["leads.tenant_id", "leads.lead_id"], ondelete="CASCADE"),
        UniqueConstraint(
            "tenant_id", "lead_id", "lead_version", "bucket", "feature_schema", name="uq_snapshots_moment"
        ),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    snapshot_id: Mapped[str] = mapped_column(primary_key=True)
    lead_id: Mapped[str]
    lead_version: Mapped[int]
    as_of: Mapped[datetime]
    bucket: Mapped[datetime]
    feature_schema: Mapped[str]
    features: Mapped[bytes]
    label: Mapped[bool | None]
    label_at: Mapped[datetime | None]
