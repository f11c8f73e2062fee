"""Runs of retraining, and what a challenger would have said beside what was served."""

from datetime import datetime

from sqlalchemy import Double, ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base
from domain.documents import JsonObject

_RUNNING = text("state = 'running'")


class Retraining(Base):
    """One run of one kind of model; at most one of a kind is running."""

    __tablename__ = "retrainings"
    __table_args__ = (
        Index(
            "uq_retrainings_running", "tenant_id", "kind", unique=True, sqlite_where=_RUNNING, postgresql_where=_RUNNING
        ),
        Index("ix_retrainings_kind", "tenant_id", "kind", "created_at"),
        Index("ix_retrainings_due", "due_at", sqlite_where=_RUNNING, postgresql_where=_RUNNING),
    )

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"), primary_key=True)
    retraining_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    #: schedule, drift or request
    cause: Mapped[str]
    #: what becomes of a challenger that earns it: auto, ask, never
    promote: Mapped[str]
    #: labels are those that were known by then
    as_of: Mapped[datetime]
    #: the challenger `recent` learns from labels that became known since
    since: Mapped[datetime]
    #: running, or how it ended
    state: Mapped[str]
    #: challenger -> {"state", "version", "newest"}
    challengers: Mapped[JsonObject]
    #: the challenger's model that was judged; None before, and where there is none
    version: Mapped[str | None]
    #: one sentence with figures
    reason: Mapped[str | None]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class ShadowScore(Base):
    """What a model that does not answer says of a snapshot that another one scored."""

    __tablename__ = "shadow_scores"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["leads.tenant_id", "leads.lead_id"], ondelete="CASCADE"),
        ForeignKeyConstraint(
            ["tenant_id", "snapshot_id"], ["snapshots.tenant_id", "snapshots.snapshot_id"], ondelete="CASCADE"
        ),
        Index(None, "tenant_id", "lead_id"),
        Index("ix_shadow_scores_newest", "tenant_id", "version", "as_of"),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    #: of the model that does not answer
    version: Mapped[str] = mapped_column(primary_key=True)
    snapshot_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    lead_id: Mapped[str]
    probability: Mapped[float] = mapped_column(Double)
    #: what was served, and by which model
    served_probability: Mapped[float] = mapped_column(Double)
    served_version: Mapped[str]
    #: of the snapshot
    as_of: Mapped[datetime]
    scored_at: Mapped[datetime]
