"""Keys of the gateway: made, looked up by a request, replaced and revoked.

A bearer key's secret is stored as a plain SHA-256: it is 256 random bits, so nobody can try them all, and the slow
hashes made for passwords would only cost every request its time. A signing key's secret computes signatures, so it has
to be read again: it is sealed under the key ring (docs/decisions/0023-keys-of-the-gateway.md).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, RowMapping, exists, insert, or_, select, update
from sqlalchemy.orm import Session

from db.encryption import KeyRing, associated_data
from db.errors import ApiKeyEnded, UnknownApiKey
from db.models import ApiKey, TenantSettings
from db.records import ApiKeyCredentials, ApiKeyDraft, ApiKeyRecord, IssuedApiKey
from db.repositories import tenants
from db.repositories.sql import rowcount
from db.session import keyring_of

KeyState = Literal["active", "replaced", "expired", "revoked"]

#: bytes of a key id that are random, and of the tag behind them
_RANDOM_BYTES, _TAG_BYTES = 8, 4
_SECRET_BYTES = 32
#: what secrets begin with, by kind of key: searches for leaks know them, and nobody takes them for bare digits
BEARER_MARK, SIGNING_MARK = "hk_", "hs_"
#: a use is written down at most this often
USE_INTERVAL = timedelta(minutes=1)
#: owner of the hash in a key id: ids are the installation's, and no tenant can have this id
_INSTALLATION = "_installation"
_COLUMNS = tuple(getattr(ApiKey, column.name) for column in fields(ApiKeyRecord))


def is_issued(ring: KeyRing, key_id: str) -> bool:
    """Return whether an installation with this ring made this id: one that somebody made up is told without a query."""
    random, tag = key_id[: 2 * _RANDOM_BYTES], key_id[2 * _RANDOM_BYTES :]
    return hmac.compare_digest(_tag(ring, random).encode(), tag.encode())


def secret_hash(bearer: str) -> bytes:
    """Return the form in which a bearer key is stored."""
    return hashlib.sha256(bearer.encode()).digest()


def create(session: Session, tenant_id: str, *, draft: ApiKeyDraft, now: datetime) -> IssuedApiKey:
    """Make a key; its secret is in the answer and can never be told again.

    Raises:
        UnknownTenant: not configured.

    """
    tenants.require(session, tenant_id)
    return _issue(session, tenant_id, draft, now)


def of_tenant(session: Session, tenant_id: str) -> list[ApiKeyRecord]:
    """Return the tenant's keys, good or not, oldest first."""
    query = select(*_COLUMNS).where(ApiKey.tenant_id == tenant_id).order_by(ApiKey.created_at, ApiKey.key_id)
    return [_record(row) for row in session.execute(query).mappings()]


def find(session: Session, *, key_id: str) -> ApiKeyCredentials | None:
    """Return a key, good or not, with what proves it; None where there is none, or its tenant is being deleted.

    A request names its key before its tenant is known, so the session reaches every tenant.

    Raises:
        SealBroken: a signing key's stored secret was changed or moved.

    """
    configured = exists().where(TenantSettings.tenant_id == ApiKey.tenant_id)
    query = select(*_COLUMNS, ApiKey.secret_hash, ApiKey.sealed_secret).where(ApiKey.key_id == key_id, configured)
    row = session.execute(query).mappings().one_or_none()
    if row is None:
        return None
    sealed, place = row["sealed_secret"], _place(row["tenant_id"], key_id)
    secret = None if sealed is None else keyring_of(session).open(sealed, place).decode()
    return ApiKeyCredentials(record=_record(row), secret_hash=row["secret_hash"], secret=secret)


def owner(session: Session, *, key_id: str) -> str | None:
    """Return whose a key is, or None; the session reaches every tenant, since a person names a key alone as well."""
    return session.scalar(select(ApiKey.tenant_id).where(ApiKey.key_id == key_id))


def state_of(key: ApiKeyRecord, now: datetime) -> KeyState:
    """Return whether a key is good (`active`), and if not, why; a replaced one is good until its grace ends."""
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is not None and key.expires_at <= now:
        return "expired"
    return "replaced" if key.grace_ends_at is not None and key.grace_ends_at <= now else "active"


def rotate(
    session: Session, tenant_id: str, *, key_id: str, grace: timedelta, created_by: str, now: datetime
) -> IssuedApiKey:
    """Make a key like this one, which stays good for `grace` more and then ends; the new one lives as long as it did.

    Raises:
        UnknownApiKey: the tenant has no such key.
        ApiKeyEnded: it is not good any more, or was replaced before.

    """
    old = _locked(session, tenant_id, key_id)
    if old.replaced_by is not None or state_of(old, now) != "active":
        raise ApiKeyEnded("this key was replaced, revoked or has expired; create a new one")
    draft = ApiKeyDraft(
        name=old.name,
        kind=old.kind,
        scopes=old.scopes,
        rate=old.rate,
        created_by=created_by,
        expires_at=None if old.expires_at is None else now + (old.expires_at - old.created_at),
    )
    issued = _issue(session, tenant_id, draft, now)
    _change(session, _own(tenant_id, key_id), replaced_by=issued.record.key_id, grace_ends_at=now + grace)
    return issued


def revoke(session: Session, tenant_id: str, *, key_id: str, now: datetime) -> ApiKeyRecord | None:
    """End a key at once and return it; None for one that was revoked before.

    Raises:
        UnknownApiKey: the tenant has no such key.

    """
    key = _locked(session, tenant_id, key_id)
    if key.revoked_at is not None:
        return None
    _change(session, _own(tenant_id, key_id), revoked_at=now)
    return replace(key, revoked_at=now)


def note_use(session: Session, tenant_id: str, *, key_id: str, now: datetime) -> None:
    """Write down that a key was used, unless that stands there of less than `USE_INTERVAL` ago."""
    old = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at <= now - USE_INTERVAL)
    _change(session, (*_own(tenant_id, key_id), old), last_used_at=now)


def _issue(session: Session, tenant_id: str, draft: ApiKeyDraft, now: datetime) -> IssuedApiKey:
    random, digits = secrets.token_hex(_RANDOM_BYTES), secrets.token_hex(_SECRET_BYTES)
    key_id = random + _tag(keyring_of(session), random)
    secret = f"{BEARER_MARK}{key_id}_{digits}" if draft.kind == "bearer" else SIGNING_MARK + digits
    record = ApiKeyRecord(
        tenant_id=tenant_id,
        key_id=key_id,
        name=draft.name,
        kind=draft.kind,
        scopes=draft.scopes,
        rate=draft.rate,
        created_at=now,
        created_by=draft.created_by,
        expires_at=draft.expires_at,
        revoked_at=None,
        replaced_by=None,
        grace_ends_at=None,
        last_used_at=None,
    )
    row = {column.name: getattr(record, column.name) for column in fields(record)} | {"scopes": list(draft.scopes)}
    session.execute(insert(ApiKey), [{**row, **_stored_secret(session, tenant_id, key_id, draft, secret)}])
    return IssuedApiKey(record=record, secret=secret)


def _stored_secret(
    session: Session, tenant_id: str, key_id: str, draft: ApiKeyDraft, secret: str
) -> dict[str, bytes | None]:
    if draft.kind == "bearer":
        return {"secret_hash": secret_hash(secret), "sealed_secret": None}
    sealed = keyring_of(session).seal(secret.encode(), _place(tenant_id, key_id))
    return {"secret_hash": None, "sealed_secret": sealed}


def _tag(ring: KeyRing, random: str) -> str:
    return ring.lookup(_INSTALLATION, f"api_keys.key_id:{random}")[:_TAG_BYTES].hex()


def _place(tenant_id: str, key_id: str) -> bytes:
    return associated_data(tenant_id, "api_keys.sealed_secret", key_id)


def _own(tenant_id: str, key_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return ApiKey.tenant_id == tenant_id, ApiKey.key_id == key_id


def _locked(session: Session, tenant_id: str, key_id: str) -> ApiKeyRecord:
    query = select(*_COLUMNS).where(*_own(tenant_id, key_id)).with_for_update()
    row = session.execute(query).mappings().one_or_none()
    if row is None:
        raise UnknownApiKey("no such key")
    return _record(row)


def _change(session: Session, where: tuple[ColumnElement[bool], ...], **values: object) -> None:
    rowcount(session, update(ApiKey).where(*where).values(values).execution_options(synchronize_session=False))


def _record(row: RowMapping) -> ApiKeyRecord:
    known = {column.name: row[column.name] for column in fields(ApiKeyRecord)}
    return ApiKeyRecord(**{**known, "scopes": tuple(row["scopes"])})
