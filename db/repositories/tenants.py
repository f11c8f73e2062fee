"""Tenants and the versions of their settings."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select
from sqlalchemy.orm import Session

from db.encryption import place
from db.errors import UnknownTenant
from db.models import Tenant, TenantSettings
from db.records import Json, TenantRecord
from db.repositories.sql.bulk import core
from db.repositories.sql.clauses import insert_new, lock_tenant, ring_of

#: how ids begin that no message can name: owners of what belongs to no single tenant
RESERVED = "_"

_OWN, _VERSION = core(Tenant).c, core(TenantSettings).c
# Made once: to put a statement together costs more than to run it.
_NEWEST = (
    select(_OWN.tenant_id, _VERSION.version, _VERSION.settings, _OWN.created_at)
    .join_from(core(Tenant), core(TenantSettings))
    .where(_OWN.tenant_id == bindparam("tenant"))
    .order_by(_VERSION.version.desc())
    .limit(1)
)


def get(session: Session, tenant_id: str) -> TenantRecord | None:
    """Give a tenant with its newest settings, or None."""
    row = session.connection().execute(_NEWEST, {"tenant": tenant_id}).mappings().one_or_none()
    return None if row is None else TenantRecord(**row)


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
    """Make the tenant where it is new, and add a version of its settings where they changed.

    A `secret` of the callback is stored sealed; `callback` opens it.
    """
    lock_tenant(session, tenant_id)
    known = get(session, tenant_id)
    settings = _sealed(session, tenant_id, settings, known)
    if known is not None and known.settings == settings:
        return known
    insert_new(session, Tenant, [{"tenant_id": tenant_id, "created_at": now}])
    version: dict[str, Any] = {
        "tenant_id": tenant_id,
        "version": known.version + 1 if known else 1,
        "settings": settings,
        "actor": actor,
        "created_at": now,
    }
    session.execute(insert(TenantSettings), [version])
    return require(session, tenant_id)


def callback(session: Session, tenant_id: str) -> dict[str, Any] | None:
    """Give where the tenant wants to be told, with its secret opened, or None.

    Raises:
        SealBroken: the stored secret was changed or moved.

    """
    known = get(session, tenant_id)
    told = dict(known.settings.get("callback") or {}) if known else {}
    if "sealed" in told:
        told["secret"] = _open(session, tenant_id, told.pop("sealed"))
    return told or None


def ids(session: Session) -> list[str]:
    """Give all tenants; for schedules, the one call without a tenant. Reserved owners are none."""
    known = session.scalars(select(Tenant.tenant_id).order_by(Tenant.tenant_id))
    return [tenant_id for tenant_id in known if not tenant_id.startswith(RESERVED)]


def _sealed(session: Session, tenant_id: str, settings: Json, known: TenantRecord | None) -> dict[str, Any]:
    told = dict(settings.get("callback") or {})
    secret = told.pop("secret", None)
    if secret is None:
        return dict(settings)
    stored = (known.settings.get("callback") or {}).get("sealed") if known else None
    # The same secret keeps its seal, so that settings which did not change stay the same.
    if stored is None or _open(session, tenant_id, stored) != secret:
        stored = b64encode(ring_of(session).seal(secret.encode(), _place(tenant_id))).decode()
    return {**settings, "callback": {**told, "sealed": stored}}


def _open(session: Session, tenant_id: str, sealed: str) -> str:
    return ring_of(session).open(b64decode(sealed), _place(tenant_id)).decode()


def _place(tenant_id: str) -> bytes:
    return place(tenant_id, "tenant_settings.callback")
