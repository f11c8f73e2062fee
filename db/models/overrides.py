"""Overrides of scores, feedback on scores, and the thresholds that scores are above."""

from datetime import datetime

from sqlalchemy import Double, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base

_ACTIVE = text("withdrawn_at IS NULL")


class ScoreOverride(Base):
    """A person's override of a score; it counts instead of the score until withdrawn, and at most one is active."""

    __tablename__ = "score_overrides"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["leads.tenant_id", "leads.lead_id"], ondelete="CASCADE"),
        Index(None, "tenant_id", "lead_id"),
        Index(
            "uq_score_overrides_standing",
            "tenant_id",
            "kind",
            "lead_id",
            unique=True,
            sqlite_where=_ACTIVE,
            postgresql_where=_ACTIVE,
        ),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    override_id: Mapped[str] = mapped_column(primary_key=True)
    lead_id: Mapped[str]
    kind: Mapped[str]
    band: Mapped[str]
    #: None: only the band is known
    probability: Mapped[float | None] = mapped_column(Double)
    #: a code
    reason: Mapped[str]
    actor: Mapped[str]
    set_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None]


class ScoreFeedback(Base):
    """A person's feedback on one score; the last feedback of each person counts."""

    __tablename__ = "score_marks"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["leads.tenant_id", "leads.lead_id"], ondelete="CASCADE"),
        ForeignKeyConstraint(
            ["tenant_id", "prediction_id"],
            ["predictions.tenant_id", "predictions.prediction_id"],
            ondelete="CASCADE",
        ),
        UniqueConstraint("tenant_id", "prediction_id", "actor"),
        Index(None, "tenant_id", "lead_id"),
        Index(None, "tenant_id", "model_version"),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    mark_id: Mapped[str] = mapped_column(primary_key=True)
    lead_id: Mapped[str]
    prediction_id: Mapped[str]
    #: the model that the feedback is about
    model_version: Mapped[str]
    #: wrong or right
    verdict: Mapped[str]
    #: a code
    reason: Mapped[str]
    actor: Mapped[str]
    marked_at: Mapped[datetime]


class ThresholdState(Base):
    """The side of a threshold that a lead is on; entering and leaving have different bounds (hysteresis)."""

    __tablename__ = "score_levels"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["leads.tenant_id", "leads.lead_id"], ondelete="CASCADE"),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    lead_id: Mapped[str] = mapped_column(primary_key=True)
    threshold: Mapped[str] = mapped_column(primary_key=True)
    above: Mapped[bool]
    entered_at: Mapped[datetime]
    #: when an event last reported that the lead entered
    told_at: Mapped[datetime | None]
