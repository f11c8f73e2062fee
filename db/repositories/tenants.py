"""Tenants and the versions of their settings."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import datetime

from sqlalchemy import bindparam, exists, insert, select
from sqlalchemy.orm import Session

from db.encryption import associated_data
from db.errors import UnknownTenant
from db.models import Tenant, TenantSettings
from db.records import TenantRecord
from db.repositories.sql import insert_new, table_of
from db.session import keyring_of, lock_tenant
from domain.documents import JsonMapping, JsonObject

#: prefix of reserved owner ids, which no message can name: owners of data that belong to no single tenant
RESERVED = "_"

_TENANT, _VERSION = table_of(Tenant).c, table_of(TenantSettings).c
# Made once: building a statement costs more than running it.
_NEWEST = (
    select(_TENANT.tenant_id, _VERSION.version, _VERSION.settings, _TENANT.created_at)
    .join_from(table_of(Tenant), table_of(TenantSettings))
    .where(_TENANT.tenant_id == bindparam("tenant"))
    .order_by(_VERSION.version.desc())
    .limit(1)
)


def get(session: Session, tenant_id: str) -> TenantRecord | None:
    """Return a tenant with its newest settings, or None."""
    row = session.connection().execute(_NEWEST, {"tenant": tenant_id}).mappings().one_or_none()
    return None if row is None else TenantRecord(**row)


def require(session: Session, tenant_id: str) -> TenantRecord:
    """Return a tenant with its newest settings.

    Raises:
        UnknownTenant: not configured.

    """
    tenant = get(session, tenant_id)
    if tenant is None:
        raise UnknownTenant("unknown tenant; configure it first (hearth.tenants.configure)")
    return tenant


def configure(session: Session, tenant_id: str, *, settings: JsonMapping, actor: str, now: datetime) -> TenantRecord:
    """Create the tenant where it is new, and add a version of its settings where they changed.

    A `secret` of the callback is stored sealed; `callback` decrypts it.
    """
    lock_tenant(session, tenant_id)
    stored = get(session, tenant_id)
    settings = _sealed(session, tenant_id, settings, stored)
    if stored is not None and stored.settings == settings:
        return stored
    insert_new(session, Tenant, [{"tenant_id": tenant_id, "created_at": now}])
    version = {
        "tenant_id": tenant_id,
        "version": stored.version + 1 if stored else 1,
        "settings": settings,
        "actor": actor,
        "created_at": now,
    }
    session.execute(insert(TenantSettings), [version])
    return require(session, tenant_id)


def callback(session: Session, tenant_id: str) -> JsonObject | None:
    """Return the tenant's callback settings, with the secret decrypted, or None.

    Raises:
        SealBroken: the stored secret was changed or moved.

    """
    record = get(session, tenant_id)
    settings = dict(record.settings.get("callback") or {}) if record else {}
    if "sealed" in settings:
        settings["secret"] = _open(session, tenant_id, settings.pop("sealed"))
    return settings or None


def ids(session: Session) -> list[str]:
    """Return the ids of all tenants, without reserved owners; for schedules, which belong to no tenant.

    A tenant that is being deleted has no settings any more, and is left out.
    """
    configured = exists().where(TenantSettings.tenant_id == Tenant.tenant_id)
    tenant_ids = session.scalars(select(Tenant.tenant_id).where(configured).order_by(Tenant.tenant_id))
    return [tenant_id for tenant_id in tenant_ids if not tenant_id.startswith(RESERVED)]


def _sealed(session: Session, tenant_id: str, settings: JsonMapping, tenant: TenantRecord | None) -> JsonObject:
    callback_settings = dict(settings.get("callback") or {})
    secret = callback_settings.pop("secret", None)
    if secret is None:
        return dict(settings)
    stored = (tenant.settings.get("callback") or {}).get("sealed") if tenant else None
    # An unchanged secret keeps its sealed form, so that unchanged settings stay equal.
    if stored is None or _open(session, tenant_id, stored) != secret:
        stored = b64encode(keyring_of(session).seal(secret.encode(), _place(tenant_id))).decode()
    return {**settings, "callback": {**callback_settings, "sealed": stored}}


def _open(session: Session, tenant_id: str, sealed: str) -> str:
    return keyring_of(session).open(b64decode(sealed), _place(tenant_id)).decode()


def _place(tenant_id: str) -> bytes:
    return associated_data(tenant_id, "tenant_settings.callback")
