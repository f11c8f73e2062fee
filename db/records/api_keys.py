"""Keys of the gateway: what is asked for, what is stored, and what a request is checked against."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from domain.access import AccessScope, KeyKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyDraft:
    """A key to be made."""

    #: what people call it; no secret
    name: str
    kind: KeyKind
    scopes: tuple[AccessScope, ...]
    #: requests a second
    rate: float
    created_by: str
    #: None: it is good until it is revoked
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyRecord:
    """A stored key, without its secret."""

    tenant_id: str
    #: 24 hexadecimal digits, unique among all tenants; no secret
    key_id: str
    name: str
    kind: KeyKind
    scopes: tuple[AccessScope, ...]
    #: requests a second
    rate: float
    created_at: datetime
    created_by: str
    #: None: it is good until it is revoked
    expires_at: datetime | None
    revoked_at: datetime | None
    #: the key that came after it by rotation
    replaced_by: str | None
    #: from then on a replaced key is not good any more
    grace_ends_at: datetime | None
    #: to the minute, best effort
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedApiKey:
    """A new key with its secret, which can be told only now."""

    record: ApiKeyRecord
    #: `hk_<key id>_<64 hexadecimal digits>` of a bearer key, `hs_<64 hexadecimal digits>` of a signing key
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyCredentials:
    """A stored key with what proves a request: a hash for a bearer key, the secret for a signing key."""

    record: ApiKeyRecord
    secret_hash: bytes | None = field(repr=False)
    secret: str | None = field(repr=False)
