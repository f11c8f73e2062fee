"""What models answered."""

from datetime import datetime
from typing import Any

from sqlalchemy import Double, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base


class Prediction(Base):
    """One model's answer for one snapshot; reasons and figures carry no personal data."""

    __tablename__ = "predictions"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["leads.tenant_id", "leads.lead_id"], ondelete="CASCADE"),
        ForeignKeyConstraint(
            ["tenant_id", "snapshot_id"], ["snapshots.tenant_id", "snapshots.snapshot_id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(["tenant_id", "model_id"], ["model_versions.tenant_id", "model_versions.model_id"]),
        UniqueConstraint("tenant_id", "snapshot_id", "kind", "model_version"),
        Index(None, "tenant_id", "kind", "lead_id", "as_of"),
        Index(None, "tenant_id", "lead_id"),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    prediction_id: Mapped[str] = mapped_column(primary_key=True)
    lead_id: Mapped[str]
    snapshot_id: Mapped[str]
    kind: Mapped[str]
    model_id: Mapped[str | None]
    model_version: Mapped[str]
    scope: Mapped[str]
    probability: Mapped[float | None] = mapped_column(Double)
    band: Mapped[str | None]
    detail: Mapped[dict[str, Any]]
    as_of: Mapped[datetime]
    computed_at: Mapped[datetime]
