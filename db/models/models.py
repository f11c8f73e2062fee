"""The registry of trained models."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base

_CHAMPION = text("state = 'champion'")


class ModelVersion(Base):
    """One trained model, its artifact sealed; at most one champion per tenant and kind."""

    __tablename__ = "model_versions"
    __table_args__ = (
        UniqueConstraint("tenant_id", "kind", "number"),
        UniqueConstraint("tenant_id", "kind", "scope", "fingerprint"),
        Index(
            "uq_model_versions_champion",
            "tenant_id",
            "kind",
            unique=True,
            sqlite_where=_CHAMPION,
            postgresql_where=_CHAMPION,
        ),
    )

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"), primary_key=True)
    model_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    scope: Mapped[str]
    #: counts per tenant and kind, from 1; `version` is made of it
    number: Mapped[int]
    version: Mapped[str]
    state: Mapped[str]
    artifact: Mapped[bytes]
    feature_schema: Mapped[str]
    metrics: Mapped[dict[str, Any]]
    report: Mapped[dict[str, Any]]
    rows: Mapped[int]
    fingerprint: Mapped[str]
    trained_at: Mapped[datetime]
    promoted_at: Mapped[datetime | None]
    #: when somebody went back from it to the champion before; None = never, or promoted again since
    rolled_back_at: Mapped[datetime | None]
    #: since when a lead that it was trained on is forgotten; None = all are there
    retrain_at: Mapped[datetime | None]
