"""What live events leave behind: the events as they came, the last state of what they tell of, and who is due."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base

_DUE = text("due_at IS NOT NULL")


class RawEvent(Base):
    """One event as a provider sent it; sealed with the lead's key, or under the key ring where no lead is meant."""

    __tablename__ = "raw_events"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["leads.tenant_id", "leads.lead_id"], ondelete="CASCADE"),
        UniqueConstraint("tenant_id", "event_key"),
        Index(None, "tenant_id", "lead_id"),
        Index(None, "received_at"),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    raw_id: Mapped[str] = mapped_column(primary_key=True)
    #: keyed hash of what tells duplicates; None where the entity's state does
    event_key: Mapped[bytes | None]
    provider: Mapped[str]
    type: Mapped[str]
    #: accepted, ignored, failed or duplicate (of a state)
    outcome: Mapped[str]
    lead_id: Mapped[str | None]
    verified: Mapped[bool]
    received_at: Mapped[datetime]
    payload: Mapped[bytes]


class EntityState(Base):
    """The last state that a source told of a contact, an opportunity, …: a keyed hash of each of its fields."""

    __tablename__ = "entity_states"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["leads.tenant_id", "leads.lead_id"], ondelete="CASCADE"),
        Index(None, "tenant_id", "lead_id"),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(primary_key=True)
    entity_id: Mapped[str] = mapped_column(primary_key=True)
    lead_id: Mapped[str | None]
    #: the source's own id of the lead, for events that leave it out
    subject: Mapped[str | None]
    marks: Mapped[dict[str, Any]]
    #: when it was so, by the source's clock
    at: Mapped[datetime]


class RescoreDue(Base):
    """When a lead is to be scored next; times are the database's."""

    __tablename__ = "rescore_due"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["leads.tenant_id", "leads.lead_id"], ondelete="CASCADE"),
        Index("ix_rescore_due_due", "tenant_id", "due_at", sqlite_where=_DUE, postgresql_where=_DUE),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    lead_id: Mapped[str] = mapped_column(primary_key=True)
    #: None: not until something happens
    due_at: Mapped[datetime | None]
    #: events score it again no sooner than this
    free_at: Mapped[datetime | None]
