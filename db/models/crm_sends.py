"""What the sender sent to a tenant's CRM: one row for each request, what it sent as a message, and how far it is."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base

_ACTION_DUE = text("state = 'pending' AND action_id IS NOT NULL")
_FIELDS_DUE = text("state = 'pending' AND action_id IS NULL")
_OPEN = text("state IN ('dead', 'sending', 'unsure')")


class CrmSend(Base):
    """One request to the CRM, of an action or about a lead's own fields; the request itself is not stored."""

    __tablename__ = "crm_sends"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["leads.tenant_id", "leads.lead_id"], ondelete="CASCADE"),
        Index(None, "tenant_id", "lead_id"),
        Index("ix_crm_sends_actions", "tenant_id", "next_at", sqlite_where=_ACTION_DUE, postgresql_where=_ACTION_DUE),
        Index("ix_crm_sends_fields", "tenant_id", "next_at", sqlite_where=_FIELDS_DUE, postgresql_where=_FIELDS_DUE),
        Index("ix_crm_sends_open", "tenant_id", "state", sqlite_where=_OPEN, postgresql_where=_OPEN),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    #: `action:<action id>` or `fields:<lead id>`
    key: Mapped[str] = mapped_column(primary_key=True)
    lead_id: Mapped[str]
    #: None: the lead's own fields
    action_id: Mapped[str | None]
    state: Mapped[str]
    #: failures that count against it
    attempts: Mapped[int]
    next_at: Mapped[datetime]
    #: while a request is on its way: the time after which its sender must have died
    claimed_until: Mapped[datetime | None]
    #: why it is in its state, such as `http.404` or `consent.sms_missing`
    code: Mapped[str | None]
    #: digest of the values that the fields have by the newest request; it goes with the lead
    written: Mapped[str | None]
    changed_at: Mapped[datetime]


class CrmMessage(Base):
    """A message that the sender sent, under the CRM's id: its own event about it is our echo."""

    __tablename__ = "crm_messages"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["leads.tenant_id", "leads.lead_id"], ondelete="CASCADE"),
        Index(None, "tenant_id", "lead_id"),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    message_id: Mapped[str] = mapped_column(primary_key=True)
    lead_id: Mapped[str]
    action_id: Mapped[str]
    sent_at: Mapped[datetime]


class CrmSender(Base):
    """How far the sender is with a tenant's events, who sends for it, and why nothing is sent."""

    __tablename__ = "crm_senders"

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    #: the newest event of the outbound stream that was read
    sequence: Mapped[int] = mapped_column(BigInteger)
    #: the fields of all leads after this id are still to be written; None: of none
    fill_after: Mapped[str | None]
    #: digest of the day and the mapping for which the fields of all leads were last begun
    fill_mark: Mapped[str | None]
    #: the process that sends for this tenant, and until when
    holder: Mapped[str | None]
    held_until: Mapped[datetime | None]
    #: nothing is sent before this time
    closed_until: Mapped[datetime | None]
    #: why nothing is sent: a code
    trouble: Mapped[str | None]
    #: the day of `requests`, as 2026-11-30
    day: Mapped[str | None]
    requests: Mapped[int]
