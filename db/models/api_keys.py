"""Keys with which a tenant's programs come through the gateway."""

from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base


class ApiKey(Base):
    """One key of a program; its secret is stored as a hash (bearer) or sealed under the key ring (signing)."""

    __tablename__ = "api_keys"
    # A request names a key and no tenant, so its id is unique among all tenants.
    __table_args__ = (UniqueConstraint("key_id"),)

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"), primary_key=True)
    key_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]
    secret_hash: Mapped[bytes | None]
    sealed_secret: Mapped[bytes | None]
    scopes: Mapped[list[str]]
    rate: Mapped[float]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    #: the key that came after it by rotation
    replaced_by: Mapped[str | None]
    #: from then on a replaced key is not good any more
    grace_ends_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
