"""Feature snapshots, predictions made from them, what of them is told as one, and runs of the assess pipeline."""

from datetime import datetime

from sqlalchemy import Double, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base
from domain.documents import JsonObject

_RUNNING = text("state = 'running'")
_WITH_PROFILE = text("profile IS NOT NULL")


class Snapshot(Base):
    """The features of one lead as of a time, sealed with the lead's key."""

    __tablename__ = "snapshots"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["leads.tenant_id", "leads.lead_id"], ondelete="CASCADE"),
        UniqueConstraint(
            "tenant_id", "lead_id", "lead_version", "bucket", "feature_schema", name="uq_snapshots_moment"
        ),
        Index(None, "tenant_id", "as_of"),
        Index("ix_snapshots_profile", "as_of", sqlite_where=_WITH_PROFILE, postgresql_where=_WITH_PROFILE),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    snapshot_id: Mapped[str] = mapped_column(primary_key=True)
    lead_id: Mapped[str]
    lead_version: Mapped[int]
    as_of: Mapped[datetime]
    bucket: Mapped[datetime]
    feature_schema: Mapped[str]
    features: Mapped[bytes]
    #: what the features were made of, sealed; kept while later stages of the same assessment read it, then NULL
    profile: Mapped[bytes | None]
    label: Mapped[bool | None]
    label_at: Mapped[datetime | None]


class Prediction(Base):
    """One model's prediction for one snapshot; reasons and figures contain no personal data."""

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
    detail: Mapped[JsonObject]
    as_of: Mapped[datetime]
    computed_at: Mapped[datetime]


class ScoreDigest(Base):
    """Scores of one transaction that are no news of single leads, counted by band; a sweep tells many rows as one."""

    __tablename__ = "score_digests"

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    digest_id: Mapped[str] = mapped_column(primary_key=True)
    #: loaded or new_model
    cause: Mapped[str]
    #: kind of the predictions
    kind: Mapped[str]
    band: Mapped[str]
    leads: Mapped[int]
    #: leads that came to this band from a lower one, and from a higher one
    up: Mapped[int]
    down: Mapped[int]
    #: the newest moment that these scores are as of
    as_of: Mapped[datetime]
    #: the database's time
    added_at: Mapped[datetime]


class Assessment(Base):
    """One run of the assess pipeline over some leads, with the state of each stage."""

    __tablename__ = "assessments"
    __table_args__ = (Index("ix_assessments_due", "due_at", sqlite_where=_RUNNING, postgresql_where=_RUNNING),)

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"), primary_key=True)
    assessment_id: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    lead_ids: Mapped[list[str]]
    snapshot_ids: Mapped[list[str]]
    as_of: Mapped[datetime]
    due_at: Mapped[datetime]
    stages: Mapped[JsonObject]
    created_at: Mapped[datetime]
    #: when a stage was last completed
    landed_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
