"""Tenants and the versions of their settings."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base
from domain.documents import JsonObject


class Tenant(Base):
    """One customer; every other row belongs to one."""

    __tablename__ = "tenants"

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]


class TenantSettings(Base):
    """One version of a tenant's settings; a version is never changed, a newer one replaces it."""

    __tablename__ = "tenant_settings"

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    settings: Mapped[JsonObject]
    actor: Mapped[str]
    created_at: Mapped[datetime]
