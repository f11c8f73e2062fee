"""Leads that are due: to be scored again, and to have their risk checked."""

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base

_DUE = text("due_at IS NOT NULL")


class RescoreDue(Base):
    """The time at which a lead is to be scored next; times are the database's."""

    __tablename__ = "rescore_due"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["leads.tenant_id", "leads.lead_id"], ondelete="CASCADE"),
        Index("ix_rescore_due_due", "tenant_id", "due_at", sqlite_where=_DUE, postgresql_where=_DUE),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    lead_id: Mapped[str] = mapped_column(primary_key=True)
    #: None: only after an event
    due_at: Mapped[datetime | None]
    #: events make it due no sooner than this
    free_at: Mapped[datetime | None]


class RiskCheck(Base):
    """The time at which a lead's risk is to be checked next; times are the database's."""

    __tablename__ = "risk_checks"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["leads.tenant_id", "leads.lead_id"], ondelete="CASCADE"),
        Index("ix_risk_checks_due", "tenant_id", "due_at", sqlite_where=_DUE, postgresql_where=_DUE),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    lead_id: Mapped[str] = mapped_column(primary_key=True)
    #: None: not until something happens
    due_at: Mapped[datetime | None]
    #: events make it due no sooner than this
    free_at: Mapped[datetime | None]
