"""Actions planned for leads at risk, what people said to plans, enrolments in the experiment, and pauses."""

from datetime import datetime

from sqlalchemy import Double, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base
from domain.documents import JsonObject

_APPROVAL = text("state = 'approval'")
_PLANNED = text("state = 'planned'")
_STANDING = text("state IN ('approval', 'dispatched', 'planned')")
_UNSETTLED = text("settled_at IS NULL")
_UNLIFTED = text("lifted_at IS NULL")
_AWAITING = text("awaits IS NOT NULL")
_RELEASED = text("release_id IS NOT NULL")


class Intervention(Base):
    """One action: planned, held out or blocked, with the decision behind it and its present state."""

    __tablename__ = "interventions"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["leads.tenant_id", "leads.lead_id"], ondelete="CASCADE"),
        Index(None, "tenant_id", "lead_id", "planned_at"),
        Index(None, "tenant_id", "planned_at"),
        Index(
            "ix_interventions_standing",
            "tenant_id",
            "lead_id",
            sqlite_where=_STANDING,
            postgresql_where=_STANDING,
        ),
        Index(
            "ix_interventions_ending",
            "tenant_id",
            "expires_at",
            sqlite_where=_STANDING,
            postgresql_where=_STANDING,
        ),
        Index("ix_interventions_due", "tenant_id", "not_before", sqlite_where=_PLANNED, postgresql_where=_PLANNED),
        Index(
            "ix_interventions_waiting", "tenant_id", "planned_at", sqlite_where=_APPROVAL, postgresql_where=_APPROVAL
        ),
        Index(
            "ix_interventions_awaiting", "tenant_id", "planned_at", sqlite_where=_AWAITING, postgresql_where=_AWAITING
        ),
        Index(
            "ix_interventions_released", "tenant_id", "release_id", sqlite_where=_RELEASED, postgresql_where=_RELEASED
        ),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    action_id: Mapped[str] = mapped_column(primary_key=True)
    lead_id: Mapped[str]
    #: the prediction that the lead is at risk; no foreign key, since predictions may be deleted before actions
    prediction_id: Mapped[str | None]
    intervention: Mapped[str]
    action: Mapped[str]
    channel: Mapped[str]
    urgency: Mapped[str]
    state: Mapped[str]
    held_out: Mapped[bool]
    propensity: Mapped[float] = mapped_column(Double)
    cost: Mapped[float] = mapped_column(Double)
    policy: Mapped[str]
    reason_codes: Mapped[list[str]]
    evidence: Mapped[str]
    requires_approval: Mapped[bool]
    decision: Mapped[JsonObject]
    detail: Mapped[JsonObject]
    planned_at: Mapped[datetime]
    not_before: Mapped[datetime]
    expires_at: Mapped[datetime]
    dispatched_at: Mapped[datetime | None]
    reported_at: Mapped[datetime | None]
    reviewed_by: Mapped[str | None]
    reviewed_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_reason: Mapped[str | None]
    #: `plan.first` or `plan.large`: a person has said neither yes nor no to its plan, and its lead is not enrolled
    awaits: Mapped[str | None]
    #: what a person said to the plan that it was part of; None: nobody was asked
    release_id: Mapped[str | None]


class PlanRelease(Base):
    """What a person said to the plan that waited: rows are added and never changed."""

    __tablename__ = "plan_releases"

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    release_id: Mapped[str] = mapped_column(primary_key=True)
    #: yes or no
    decision: Mapped[str]
    decided_by: Mapped[str]
    decided_at: Mapped[datetime]
    #: the types of intervention it is about; None: all that waited
    scope: Mapped[list[str] | None]
    #: actions that it let go or withdrew, and their leads
    actions: Mapped[int]
    leads: Mapped[int]


class Enrolment(Base):
    """One lead of an experiment, from its first planned action on; a lead is counted once."""

    __tablename__ = "enrolments"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["leads.tenant_id", "leads.lead_id"], ondelete="CASCADE"),
        Index(None, "tenant_id", "lead_id"),
        Index("ix_enrolments_due", "tenant_id", "due_at", sqlite_where=_UNSETTLED, postgresql_where=_UNSETTLED),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    experiment: Mapped[str] = mapped_column(primary_key=True)
    lead_id: Mapped[str] = mapped_column(primary_key=True)
    held_out: Mapped[bool]
    propensity: Mapped[float] = mapped_column(Double)
    intervention: Mapped[str]
    #: no foreign key, since actions may be deleted before enrolments
    action_id: Mapped[str]
    enrolled_at: Mapped[datetime]
    due_at: Mapped[datetime]
    outcome: Mapped[str | None]
    reason: Mapped[str | None]
    settled_at: Mapped[datetime | None]


class InterventionPause(Base):
    """A type of intervention that is not planned; each type has at most one active pause."""

    __tablename__ = "intervention_pauses"
    __table_args__ = (
        Index(
            "uq_intervention_pauses_standing",
            "tenant_id",
            "intervention",
            unique=True,
            sqlite_where=_UNLIFTED,
            postgresql_where=_UNLIFTED,
        ),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    pause_id: Mapped[str] = mapped_column(primary_key=True)
    intervention: Mapped[str]
    reason: Mapped[str]
    evidence: Mapped[JsonObject]
    paused_by: Mapped[str]
    paused_at: Mapped[datetime]
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None]
