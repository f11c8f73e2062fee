"""Pooled models, trained on several tenants that agreed: the reserved owner of a vertical, and its members."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from db.records import TenantRecord
from db.repositories import tenants
from domain.documents import JsonMapping

#: the vertical of a tenant whose settings name none
VERTICAL = "residential"
_OWNER = f"{tenants.RESERVED}pooled."


def owner(vertical: str) -> str:
    """Return the reserved owner of a vertical's models; no message can name it as a tenant."""
    return f"{_OWNER}{vertical}"


def vertical_of(settings: JsonMapping) -> str:
    """Return the vertical that a tenant's settings name."""
    return str(settings.get("vertical") or VERTICAL)


def ensure(session: Session, vertical: str, *, now: datetime) -> str:
    """Return the owner of a vertical's models; create it where it is new."""
    name = owner(vertical)
    if tenants.get(session, name) is None:
        tenants.configure(session, name, settings={"vertical": vertical}, actor="hearth", now=now)
    return name


def members(session: Session, vertical: str) -> list[TenantRecord]:
    """Return the tenants that agreed to pooled training in a vertical, by id."""
    records = [tenants.require(session, tenant_id) for tenant_id in tenants.ids(session)]
    return [tenant for tenant in records if shares(tenant, vertical)]


def shares(tenant: TenantRecord, vertical: str) -> bool:
    """Return whether a tenant agreed to pooled training in this vertical."""
    return tenant.settings.get("pool") == "share" and vertical_of(tenant.settings) == vertical
