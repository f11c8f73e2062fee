"""Find out whose program sent a request, by its bearer key or its signature.

A key that was looked up is remembered for `FRESH` seconds, and so is that there is none: a busy key costs one query in
that time, and a key that was revoked goes on for at most that long, in every process of the gateway. An id that this
installation never made is told by its tag, without any query (`db.repositories.api_keys.is_issued`).
"""

from __future__ import annotations

import asyncio
import hmac
import re
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from db.encryption import KeyRing
from db.errors import DatabaseError
from db.records import ApiKeyCredentials, ApiKeyRecord
from db.repositories import api_keys
from db.session import EVERY_TENANT, reading, transaction
from domain.access import AccessScope
from workers.gateway.access import signatures
from workers.gateway.access.signatures import Signature
from workers.gateway.errors import Forbidden, Unauthorized

#: seconds for which a key is remembered; a key that was revoked, or has changed, goes on for at most as long
FRESH = 5.0
#: keys that are remembered at once
MOST = 10_000
_BEARER = re.compile(rf"(?i:bearer) ({api_keys.BEARER_MARK}([0-9a-f]{{24}})_[0-9a-f]{{64}})", re.ASCII)
_KEY_ID = re.compile(r"[0-9a-f]{24}", re.ASCII)
_HEADERS = ("authorization", "x-hearth-key", "x-hearth-signature")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The program that sent a request: one key of one tenant."""

    key_id: str
    tenant_id: str
    scopes: frozenset[AccessScope]
    #: requests a second, for `rate_limit`
    rate: float
    #: the checked signature of a signed request, 64 hexadecimal digits; the same request has the same one
    signature: str | None = None

    def require(self, scope: AccessScope) -> None:
        """Return when the key may do this.

        Raises:
            Forbidden: it lacks the scope.

        """
        if scope not in self.scopes:
            raise Forbidden("scope_missing", f"this key lacks the scope {scope}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """Whose key a request says it has, with the proof: the whole bearer key or a signature."""

    key_id: str
    bearer: str | None = field(default=None, repr=False)
    signature: Signature | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """What a look-up found, and until when that counts, by the monotonic clock."""

    credentials: ApiKeyCredentials | None
    until: float


class Authenticator:
    """Tells whose request it is; one a process, used from one event loop. It keeps secrets of signing keys in memory.

    The look-ups run in threads, so the loop never waits for the database; requests with the same key share one.
    """

    def __init__(self, ring: KeyRing, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._ring = ring
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._pending: dict[str, asyncio.Task[ApiKeyCredentials | None]] = {}
        #: key id -> when its use was written down last
        self._noted: dict[str, datetime] = {}
        self._notes: set[asyncio.Task[None]] = set()

    async def authenticate(
        self, method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes, now: datetime
    ) -> Caller:
        """Return whose request this is; `target` is path with query as sent, `headers` are Tornado's `get_all()`.

        Raises:
            Unauthorized: no key, a malformed one, a signature of another time, or none that is good. The code of the
                last is the same for a key that is unknown, revoked, expired, of the other kind, or has another secret.
            DatabaseError: the key could not be looked up: answer 503.

        """
        claim = _claim_of(headers)
        if claim.signature is not None and not claim.signature.is_fresh(now):
            problem = f"the signature's time is more than {signatures.TOLERANCE} s from ours; check the clock"
            raise Unauthorized("signature_stale", problem)
        found = await self._look_up(claim.key_id) if api_keys.is_issued(self._ring, claim.key_id) else None
        if found is None or not _proves(claim, found, method, target, body) or not _is_good(found.record, now):
            raise Unauthorized("credentials_refused", "this key is not good, or the proof of it is wrong")
        self._note_use(found.record, now)
        return Caller(
            key_id=found.record.key_id,
            tenant_id=found.record.tenant_id,
            scopes=frozenset(found.record.scopes),
            rate=found.record.rate,
            signature=claim.signature.digest if claim.signature else None,
        )

    async def close(self) -> None:
        """Wait for what is being written down of the use of keys."""
        await asyncio.gather(*self._notes)

    async def _look_up(self, key_id: str) -> ApiKeyCredentials | None:
        known = self._known.get(key_id)
        if known is not None and self._clock() < known.until:
            return known.credentials
        task = self._pending.get(key_id)
        if task is None:
            task = self._pending[key_id] = asyncio.create_task(self._found(key_id))
            task.add_done_callback(lambda _: self._pending.pop(key_id, None))
        # who hangs up ends its own waiting and nobody else's
        return await asyncio.shield(task)

    async def _found(self, key_id: str) -> ApiKeyCredentials | None:
        # from before the query: what is revoked while it runs ends no later
        until = self._clock() + FRESH
        credentials = await asyncio.to_thread(_stored, key_id)
        self._known.pop(key_id, None)
        self._known[key_id] = _Known(credentials, until)
        if len(self._known) > MOST:
            del self._known[next(iter(self._known))]
        return credentials

    def _note_use(self, key: ApiKeyRecord, now: datetime) -> None:
        """Write down that the key was used, in the background and at most once a minute."""
        noted = self._noted.get(key.key_id) or key.last_used_at
        if noted is not None and now - noted < api_keys.USE_INTERVAL:
            return
        if len(self._noted) >= MOST:
            self._noted.clear()
        self._noted[key.key_id] = now
        task = asyncio.create_task(asyncio.to_thread(_write_use, key, now))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)


def _claim_of(headers: Iterable[tuple[str, str]]) -> _Claim:
    """Return what a request says of its key.

    Raises:
        Unauthorized: it says nothing, two things, or something that is not of our form.

    """
    told: dict[str, str] = {}
    for name, value in headers:
        header = name.lower()
        if header in _HEADERS:
            if header in told:
                raise _malformed()
            told[header] = value
    if not told:
        raise Unauthorized("credentials_missing", "send a key: Authorization: Bearer hk_..., or a signature")
    bearer, key_id, signature = (told.get(header) for header in _HEADERS)
    if bearer is not None and key_id is None and signature is None:
        match = _BEARER.fullmatch(bearer)
        if match is not None:
            return _Claim(key_id=match[2], bearer=match[1])
    if bearer is None and key_id is not None and signature is not None:
        parsed = signatures.parse(signature)
        if parsed is not None and _KEY_ID.fullmatch(key_id):
            return _Claim(key_id=key_id, signature=parsed)
    raise _malformed()


def _malformed() -> Unauthorized:
    form = "Authorization: Bearer hk_<key id>_<secret>, or X-Hearth-Key with X-Hearth-Signature"
    return Unauthorized("credentials_malformed", f"the key is not of the form {form}, each header once")


def _proves(claim: _Claim, stored: ApiKeyCredentials, method: str, target: str, body: bytes) -> bool:
    """Return whether the request has the key's secret, in constant time; a key of the other kind proves nothing."""
    if claim.bearer is not None and stored.secret_hash is not None:
        return hmac.compare_digest(api_keys.secret_hash(claim.bearer), stored.secret_hash)
    if claim.signature is not None and stored.secret is not None:
        return claim.signature.is_of(stored.secret, method=method, target=target, body=body)
    return False


def _is_good(key: ApiKeyRecord, now: datetime) -> bool:
    return api_keys.state_of(key, now) == "active"


def _stored(key_id: str) -> ApiKeyCredentials | None:
    with reading(EVERY_TENANT) as session:
        return api_keys.find(session, key_id=key_id)


def _write_use(key: ApiKeyRecord, now: datetime) -> None:
    # it only tells people which keys are in use: no request fails for it
    with suppress(DatabaseError), transaction(key.tenant_id) as session:
        api_keys.note_use(session, key.tenant_id, key_id=key.key_id, now=now)
