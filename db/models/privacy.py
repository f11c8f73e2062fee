"""Erasures, tombstones, corrected facts, tenants that left, and marks of the keys that sealed this database."""

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base
from domain.documents import JsonObject


class Erasure(Base):
    """One erasure with its result; it names nobody."""

    __tablename__ = "erasures"

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    erasure_id: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    result: Mapped[JsonObject]
    erased_at: Mapped[datetime]


class Tombstone(Base):
    """A keyed hash of an id, e-mail address, or phone with last name of a person who was erased."""

    __tablename__ = "tombstones"
    __table_args__ = (Index(None, "tenant_id", "erasure_id"),)

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    hash: Mapped[bytes] = mapped_column(primary_key=True)
    #: `lead`: our own id, to find the same erasure again; `identity`: refuses imports of this person
    kind: Mapped[str]
    erasure_id: Mapped[str]
    created_at: Mapped[datetime]


class KeyMark(Base):
    """A key that may have sealed data here, so that a start with another key ring is detected."""

    __tablename__ = "key_marks"

    #: `*`: the ring is the installation's
    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    #: eight hexadecimal digits
    key_id: Mapped[str] = mapped_column(primary_key=True)
    #: keyed hash; only the same key with the same lookup key has it
    mark: Mapped[bytes]
    created_at: Mapped[datetime]


class Correction(Base):
    """One stored fact of a lead that a person corrected; entries are added and never changed."""

    __tablename__ = "corrections"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["leads.tenant_id", "leads.lead_id"], ondelete="CASCADE"),
        Index(None, "tenant_id", "lead_id"),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    correction_id: Mapped[str] = mapped_column(primary_key=True)
    lead_id: Mapped[str]
    #: the column; a tenant's own begins with `custom.`
    field: Mapped[str]
    #: the value before and after, sealed with the lead's key
    change: Mapped[bytes]
    #: a code
    reason: Mapped[str]
    actor: Mapped[str]
    corrected_at: Mapped[datetime]


class Offboarding(Base):
    """One deletion of a whole tenant: while it is `deleting`, and only then, the tenant's audit chain may go."""

    __tablename__ = "offboardings"

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    offboarding_id: Mapped[str] = mapped_column(primary_key=True)
    actor: Mapped[str]
    #: deleting or deleted
    state: Mapped[str]
    #: numbers of rows, files and messages by store when it began
    before: Mapped[JsonObject]
    #: the final statement, without its place in the chain; None: not finished
    statement: Mapped[JsonObject | None]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
