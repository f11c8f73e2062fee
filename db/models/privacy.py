"""Erasure records and tombstones, and marks of the keys that this database was sealed with."""

from datetime import datetime

from sqlalchemy import Index
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
