"""The consent ledger, and the progress of reading stored leads again with newer readers."""

from datetime import datetime

from sqlalchemy import ForeignKey, ForeignKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base
from domain.documents import JsonObject


class ConsentEntry(Base):
    """One source's statement about contacting a lead, at one time; entries are added and never changed."""

    __tablename__ = "consent_entries"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["leads.tenant_id", "leads.lead_id"], ondelete="CASCADE"),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    lead_id: Mapped[str] = mapped_column(primary_key=True)
    #: a hash of lead, source and statements, so that the same statements are stored once
    entry_id: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str]
    said_at: Mapped[datetime | None]
    recorded_at: Mapped[datetime]
    import_ref: Mapped[str | None]
    #: channel, decision, basis, reference and rule of each statement
    said: Mapped[list[JsonObject]]
    #: the words, sealed with the lead's key
    quote: Mapped[bytes | None]


class ConsentReading(Base):
    """The progress of one version of the refusal readers through the leads that a tenant had stored before it."""

    __tablename__ = "consent_readings"

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"), primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    #: the last lead that was read; empty before the first
    cursor: Mapped[str]
    #: leads read, leads with a refusal found, leads in doubt
    leads: Mapped[int]
    refused: Mapped[int]
    doubtful: Mapped[int]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
