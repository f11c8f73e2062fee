"""The registry of trained models, and the leads that each was trained on."""

from datetime import datetime

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base
from domain.documents import JsonObject

_CHAMPION = text("state = 'champion'")


class ModelVersion(Base):
    """One trained model with its sealed artifact; at most one champion per tenant and kind."""

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
    #: counted per tenant and kind, from 1; part of `version`
    number: Mapped[int]
    version: Mapped[str]
    state: Mapped[str]
    artifact: Mapped[bytes]
    feature_schema: Mapped[str]
    metrics: Mapped[JsonObject]
    report: Mapped[JsonObject]
    rows: Mapped[int]
    fingerprint: Mapped[str]
    trained_at: Mapped[datetime]
    promoted_at: Mapped[datetime | None]
    #: when it was rolled back to the champion before it; None = never, or promoted again since
    rolled_back_at: Mapped[datetime | None]
    #: since when a lead that it was trained on is erased; None = no lead is
    retrain_at: Mapped[datetime | None]


class ModelLineage(Base):
    """The leads that a model was trained on: sealed keyed hashes of eight bytes each."""

    __tablename__ = "model_lineages"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "model_id"], ["model_versions.tenant_id", "model_versions.model_id"], ondelete="CASCADE"
        ),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    model_id: Mapped[str] = mapped_column(primary_key=True)
    leads: Mapped[bytes]


class PoolLineage(Base):
    """A tenant's part in a model that was trained on several tenants: sealed keyed hashes of its leads."""

    __tablename__ = "pool_lineages"
    __table_args__ = (
        ForeignKeyConstraint(
            ["owner", "model_id"], ["model_versions.tenant_id", "model_versions.model_id"], ondelete="CASCADE"
        ),
        Index(None, "owner", "model_id"),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    model_id: Mapped[str] = mapped_column(primary_key=True)
    #: the reserved owner of the model
    owner: Mapped[str]
    leads: Mapped[bytes]
