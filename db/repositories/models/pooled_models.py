"""Models that several tenants agreed to be learnt from: the reserved owner of a vertical, and who shares in it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from db.records import Json, TenantRecord
from db.repositories import tenants

#: the vertical of a tenant that names none
VERTICAL = "residential"
_OWNER = f"{tenants.RESERVED}pooled."


def owner(vertical: str) -> str:
    """Give the reserved owner of a vertical's models; no message can name it as its tenant."""
    return f"{_OWNER}{vertical}"


def vertical_of(settings: Json) -> str:
    """Give the vertical that a tenant's settings name."""
    return str(settings.get("vertical") or VERTICAL)


def ensure(session: Session, vertical: str, *, now: datetime) -> str:
    """Give the owner of a vertical's models, made where it is new."""
    name = owner(vertical)
    if tenants.get(session, name) is None:
        tenants.configure(session, name, settings={"vertical": vertical}, actor="hearth", now=now)
    return name


def members(session: Session, vertical: str) -> list[TenantRecord]:
    """Give the tenants that agreed to share what they learnt in a vertical, by id."""
    known = [tenants.require(session, tenant_id) for tenant_id in tenants.ids(session)]
    return [tenant for tenant in known if shares(tenant, vertical)]


def shares(tenant: TenantRecord, vertical: str) -> bool:
    """Whether a tenant agreed, in this vertical."""
    return tenant.settings.get("pool") == "share" and vertical_of(tenant.settings) == vertical
