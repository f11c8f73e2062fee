"""What stays after erasure: that it happened, and keyed hashes by which a forgotten person is noticed."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base


class Erasure(Base):
    """One erasure and what it came to; names nobody."""

    __tablename__ = "erasures"

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    erasure_id: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    result: Mapped[dict[str, Any]]
    erased_at: Mapped[datetime]


class Tombstone(Base):
    """A keyed hash of an id, e-mail address, or phone with last name of somebody who was forgotten."""

    __tablename__ = "tombstones"
    __table_args__ = (Index(None, "tenant_id", "erasure_id"),)

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    hash: Mapped[bytes] = mapped_column(primary_key=True)
    #: `lead`: our own id, by which the same erasure is found again; `identity`: refuses an import
    kind: Mapped[str]
    erasure_id: Mapped[str]
    created_at: Mapped[datetime]


class ModelLineage(Base):
    """The leads that a model was trained on: keyed hashes, eight bytes each, sealed."""

    __tablename__ = "model_lineages"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "model_id"], ["model_versions.tenant_id", "model_versions.model_id"], ondelete="CASCADE"
        ),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    model_id: Mapped[str] = mapped_column(primary_key=True)
    leads: Mapped[bytes]


class PoolLineage(Base):
    """A tenant's part in a model that several tenants were learnt from: keyed hashes of its leads, sealed."""

    __tablename__ = "pool_lineages"
    __table_args__ = (
        ForeignKeyConstraint(
            ["owner", "model_id"], ["model_versions.tenant_id", "model_versions.model_id"], ondelete="CASCADE"
        ),
        Index(None, "owner", "model_id"),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    model_id: Mapped[str] = mapped_column(primary_key=True)
    #: the reserved owner of the model
    owner: Mapped[str]
    leads: Mapped[bytes]
