"""The audit chains, one per tenant; triggers refuse to change or delete a row."""

from datetime import datetime

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base


class AuditEntry(Base):
    """One row of a chain; its hash covers the row and the hash before it."""

    __tablename__ = "audit"

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    kind: Mapped[str]
    #: canonical JSON
    body: Mapped[str]
    prev_hash: Mapped[bytes]
    hash: Mapped[bytes]


class AuditHead(Base):
    """The newest row of a chain; locked while the chain grows."""

    __tablename__ = "audit_heads"

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes]
