"""Tenants and the versions of their settings."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Select, insert, select
from sqlalchemy.orm import Session

from db.errors import UnknownTenant
from db.models import Tenant, TenantSettings
from db.records import Json, TenantRecord
from db.repositories.statements import insert_new, lock_tenant


def get(session: Session, tenant_id: str) -> TenantRecord | None:
    """Give a tenant with its newest settings, or None."""
    row = session.execute(_newest(tenant_id)).mappings().one_or_none()
    return None if row is None else TenantRecord(**dict(row))


def require(session: Session, tenant_id: str) -> TenantRecord:
    """Give a tenant with its newest settings.

    Raises:
        UnknownTenant: not configured.

    """
    tenant = get(session, tenant_id)
    if tenant is None:
        raise UnknownTenant("unknown tenant; configure it first (hearth.tenants.configure)")
    return tenant


def configure(session: Session, tenant_id: str, *, settings: Json, actor: str, now: datetime) -> TenantRecord:
    """Make the tenant where it is new, and add a version of its settings where they changed."""
    lock_tenant(session, tenant_id)
    known = get(session, tenant_id)
    if known is not None and known.settings == dict(settings):
        return known
    insert_new(session, Tenant, [{"tenant_id": tenant_id, "created_at": now}])
    version: dict[str, Any] = {
        "tenant_id": tenant_id,
        "version": known.version + 1 if known else 1,
        "settings": dict(settings),
        "actor": actor,
        "created_at": now,
    }
    session.execute(insert(TenantSettings), [version])
    return require(session, tenant_id)


def ids(session: Session) -> list[str]:
    """Give all tenants; for schedules, the one call without a tenant."""
    return list(session.scalars(select(Tenant.tenant_id).order_by(Tenant.tenant_id)))


def _newest(tenant_id: str) -> Select[tuple[str, int, dict[str, Any], datetime]]:
    return (
        select(Tenant.tenant_id, TenantSettings.version, TenantSettings.settings, Tenant.created_at)
        .join(TenantSettings, TenantSettings.tenant_id == Tenant.tenant_id)
        .where(Tenant.tenant_id == tenant_id)
        .order_by(TenantSettings.version.desc())
        .limit(1)
    )
