"""Leads and the ids under which sources know them."""

from datetime import datetime

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base
from domain.documents import JsonObject

_IN_DOUBT = text("doubt_at IS NOT NULL")


class Lead(Base):
    """One person or household: personal data is in sealed columns, the rest is plain in `fields`."""

    __tablename__ = "leads"
    __table_args__ = (
        Index(None, "tenant_id", "status", "lead_id"),
        Index(None, "tenant_id", "email_hash"),
        Index(None, "tenant_id", "phone_hash"),
        Index("ix_leads_doubt", "tenant_id", "doubt_at", sqlite_where=_IN_DOUBT, postgresql_where=_IN_DOUBT),
    )

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"), primary_key=True)
    lead_id: Mapped[str] = mapped_column(primary_key=True)
    source_system: Mapped[str]
    external_id: Mapped[str | None]
    version: Mapped[int]
    lead_type: Mapped[str | None]
    stage: Mapped[str | None]
    status: Mapped[str]
    assigned_to: Mapped[str | None]
    contactable: Mapped[bool]
    created_at: Mapped[datetime | None]
    observed_at: Mapped[datetime]
    label: Mapped[bool | None]
    label_at: Mapped[datetime | None]
    fields: Mapped[JsonObject]
    #: what may be sent: the view of the consent ledger
    consent: Mapped[JsonObject]
    #: since when a person is asked whether the lead refused; None: nothing is in doubt
    doubt_at: Mapped[datetime | None]
    #: the lead's own key, wrapped by the key ring; destroying it erases contact, custom, messages and features
    data_key: Mapped[bytes]
    contact: Mapped[bytes]
    custom: Mapped[bytes]
    #: keyed hashes: of the e-mail address, and of phone number and last name together
    email_hash: Mapped[bytes | None]
    phone_hash: Mapped[bytes | None]
    #: the import that last brought this lead
    import_ref: Mapped[str | None]
    #: the version at which an import of a file last left this lead; another one: something happened since
    loaded_version: Mapped[int | None]
    stored_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    #: since when nothing is computed for this lead (Art. 18, Art. 22) until a person decides; None = all is allowed
    restricted_at: Mapped[datetime | None]
    objected_at: Mapped[datetime | None]


class LeadIdentity(Base):
    """An id under which one source system knows a lead."""

    __tablename__ = "lead_identities"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["leads.tenant_id", "leads.lead_id"], ondelete="CASCADE"),
        Index(None, "tenant_id", "lead_id"),
        Index(None, "tenant_id", "external_id"),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    source_system: Mapped[str] = mapped_column(primary_key=True)
    external_id: Mapped[str] = mapped_column(primary_key=True)
    lead_id: Mapped[str]
