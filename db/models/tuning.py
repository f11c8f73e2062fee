"""Searches for hyperparameters: studies, their trials, and the folds of each trial."""

from datetime import datetime

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base
from domain.documents import JsonObject

_LIVE = text("state IN ('searching', 'training')")
_PENDING = text("state = 'pending'")


class TuningStudy(Base):
    """One search; at most one of a kind has not ended."""

    __tablename__ = "tuning_studies"
    __table_args__ = (
        Index("uq_tuning_studies_live", "tenant_id", "kind", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE),
        Index("ix_tuning_studies_kind", "tenant_id", "kind", "created_at"),
        Index("ix_tuning_studies_deadline", "deadline", sqlite_where=_LIVE, postgresql_where=_LIVE),
    )

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"), primary_key=True)
    study_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    seed: Mapped[int]
    as_of: Mapped[datetime]
    trials: Mapped[int]
    folds: Mapped[int]
    width: Mapped[int]
    budget: Mapped[float]
    promote: Mapped[str]
    fingerprint: Mapped[str]
    rows: Mapped[int]
    #: names of the hyperparameters that are searched
    space: Mapped[list[str]]
    state: Mapped[str]
    #: why no further trial is begun; None = none of the reasons has come up
    stop: Mapped[str | None]
    best_trial: Mapped[int | None]
    version: Mapped[str | None]
    promoted: Mapped[bool | None]
    reason: Mapped[str | None]
    created_at: Mapped[datetime]
    #: database time, like leases
    deadline: Mapped[datetime]
    #: when its end was last enqueued, in database time
    end_enqueued_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class TuningTrial(Base):
    """One choice of hyperparameters; empty params: the usual choice, which the others have to beat."""

    __tablename__ = "tuning_trials"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "study_id"], ["tuning_studies.tenant_id", "tuning_studies.study_id"], ondelete="CASCADE"
        ),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    study_id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    params: Mapped[JsonObject]
    state: Mapped[str]
    loss: Mapped[float | None]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class TuningFold(Base):
    """One fold of a trial: work that one worker does at a time."""

    __tablename__ = "tuning_folds"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "study_id", "trial"],
            ["tuning_trials.tenant_id", "tuning_trials.study_id", "tuning_trials.number"],
            ondelete="CASCADE",
        ),
        Index("ix_tuning_folds_pending", "enqueued_at", sqlite_where=_PENDING, postgresql_where=_PENDING),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    study_id: Mapped[str] = mapped_column(primary_key=True)
    trial: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    fold: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    state: Mapped[str]
    loss: Mapped[float | None]
    auc: Mapped[float | None]
    rows: Mapped[int | None]
    seconds: Mapped[float | None]
    error: Mapped[str | None]
    #: number of times that work on it began; the fence of its lease
    attempts: Mapped[int] = mapped_column(server_default="0")
    #: the task that has the lease
    holder: Mapped[str | None]
    #: database time, like the lease
    enqueued_at: Mapped[datetime | None]
    leased_until: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
