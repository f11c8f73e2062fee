"""Events of leads: as read, as providers sent them, what was read in messages, and the last state of entities."""

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base
from domain.documents import JsonObject


class Event(Base):
    """One event; its message text is sealed with the lead's key."""

    __tablename__ = "events"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["leads.tenant_id", "leads.lead_id"], ondelete="CASCADE"),
        UniqueConstraint("tenant_id", "lead_id", "source", "source_id"),
        Index(None, "tenant_id", "lead_id", "occurred_at"),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    lead_id: Mapped[str]
    kind: Mapped[str]
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    direction: Mapped[str | None]
    channel: Mapped[str | None]
    facts: Mapped[JsonObject]
    text: Mapped[bytes | None]
    source: Mapped[str]
    source_id: Mapped[str]


class MessageAnalysis(Base):
    """What was read in the text of one event, once; sealed with the lead's key."""

    __tablename__ = "message_analyses"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["leads.tenant_id", "leads.lead_id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["tenant_id", "event_id"], ["events.tenant_id", "events.event_id"], ondelete="CASCADE"),
        Index(None, "tenant_id", "lead_id"),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    lead_id: Mapped[str]
    #: of the readers
    version: Mapped[str]
    #: of the JSON in `result`
    format: Mapped[int]
    #: language, sentiment, tone and facts as figures, codes and places in the text; never a word of it
    result: Mapped[bytes]
    analysed_at: Mapped[datetime]


class RawEvent(Base):
    """One event as a provider sent it; sealed with the lead's key, or under the key ring where it names no lead."""

    __tablename__ = "raw_events"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["leads.tenant_id", "leads.lead_id"], ondelete="CASCADE"),
        UniqueConstraint("tenant_id", "event_key"),
        Index(None, "tenant_id", "lead_id"),
        Index(None, "received_at"),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    raw_id: Mapped[str] = mapped_column(primary_key=True)
    #: keyed hash that identifies duplicates; None where the entity's state does
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
    """The last state that a source sent of a contact, an opportunity, …: a keyed hash of each of its fields."""

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
    #: the source's id of the lead, for events that omit it
    subject: Mapped[str | None]
    marks: Mapped[JsonObject]
    #: the time of this state, by the source's clock
    at: Mapped[datetime]
