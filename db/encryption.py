"""Encryption of personal data ("sealing"): AES-GCM under a key ring, a data key per lead, keyed hashes for look-ups.

Every sealed value is bound to its tenant, table and row: bytes that were changed or moved do not open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from db.errors import InvalidKeyRing, SealBroken

_FORMAT = "hearth1"
_KEY_BYTES = 32
_ID_BYTES = 4
_NONCE_BYTES = 12
_RING_SEAL = b"\x01"
_DATA_SEAL = b"\x02"
#: the text that is hashed for the mark of a key
_MARK = b"hearth key mark"


def associated_data(tenant_id: str, table: str, *row: str) -> bytes:
    """Return the associated data that binds a sealed value to its tenant, table (or column) and row."""
    return (_measured(tenant_id) + _measured(table) + "".join(map(_measured, row))).encode()


def sealing_key_id(sealed: bytes) -> bytes | None:
    """Return the id of the ring's key that sealed these bytes; None where a lead's data key did."""
    return sealed[1 : 1 + _ID_BYTES] if sealed[:1] == _RING_SEAL else None


def _measured(part: str) -> str:
    # with its length, so that no two bindings read the same
    return f"{len(part)}:{part}"


class KeyRing:
    """The keys of an installation: the first one seals, any of them opens.

    The lookup key stays the same when keys are rotated, so that hashes stay comparable.
    """

    __slots__ = ("_ciphers", "_keys", "_lookup")

    def __init__(self, keys: Mapping[bytes, bytes], lookup: bytes) -> None:
        self._keys = dict(keys)
        self._lookup = lookup
        self._ciphers = {key_id: AESGCM(key) for key_id, key in self._keys.items()}

    def __repr__(self) -> str:
        return f"KeyRing({len(self._keys)} keys)"

    @classmethod
    def generate(cls) -> KeyRing:
        """Make a ring with one new key."""
        return cls(_new_key(), os.urandom(_KEY_BYTES))

    @classmethod
    def parse(cls, text: str) -> KeyRing:
        """Read what `dump` wrote.

        Raises:
            InvalidKeyRing: not the text of a key ring.

        """
        name, _, rest = text.strip().partition(".")
        parts = rest.split(".")
        if name != _FORMAT or len(parts) < 2:
            raise InvalidKeyRing("the key ring is not of the form that KeyRing.dump writes; check the key file")
        return cls(_parse_keys(parts[1:]), _decode(parts[0], _KEY_BYTES))

    def dump(self) -> str:
        """Write the ring as one line of text. It is a secret."""
        keys = (f"{key_id.hex()}:{_encode(key)}" for key_id, key in self._keys.items())
        return ".".join((_FORMAT, _encode(self._lookup), *keys))

    def rotated(self) -> KeyRing:
        """Return a ring that seals with a new key and still opens what older keys sealed."""
        return KeyRing(_new_key() | self._keys, self._lookup)

    def seal(self, plain: bytes, aad: bytes) -> bytes:
        """Seal under the current key, bound to `aad` (see `associated_data`)."""
        key_id, cipher = next(iter(self._ciphers.items()))
        nonce = os.urandom(_NONCE_BYTES)
        return _RING_SEAL + key_id + nonce + cipher.encrypt(nonce, plain, aad)

    def open(self, sealed: bytes, aad: bytes) -> bytes:
        """Open what `seal` returned for the same `aad`.

        Raises:
            SealBroken: changed, moved, or sealed with a key that this ring does not hold.

        """
        key_id, body = sealed[1 : 1 + _ID_BYTES], sealed[1 + _ID_BYTES :]
        cipher = self._ciphers.get(key_id)
        if sealed[:1] != _RING_SEAL or cipher is None:
            raise SealBroken("sealed with a key that the key ring does not hold; add the older key to the ring")
        return _decrypt(cipher, body, aad)

    def is_current(self, sealed: bytes) -> bool:
        """Return whether the current key sealed these bytes."""
        return sealed[1 : 1 + _ID_BYTES] == next(iter(self._keys))

    def key_ids(self) -> frozenset[bytes]:
        """Return the ids of all keys, as sealed bytes carry them."""
        return frozenset(self._keys)

    def marks(self) -> dict[str, bytes]:
        """Return a keyed hash of each key, by the key's id: only the same key with the same lookup key has the same."""
        of_lookup = hmac.digest(self._lookup, _MARK, hashlib.sha256)
        return {key_id.hex(): hmac.digest(key, _MARK + of_lookup, hashlib.sha256) for key_id, key in self._keys.items()}

    def lookup(self, tenant_id: str, text: str) -> bytes:
        """Return the keyed hash (32 bytes) by which a text is found again; another tenant's hash of it differs."""
        return hmac.digest(self._lookup, associated_data(tenant_id, "lookup", text), hashlib.sha256)


class DataKey:
    """The data key of one lead; destroying its wrapped form erases everything that was sealed with it."""

    __slots__ = ("_cipher", "_key")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._cipher = AESGCM(key)

    def __repr__(self) -> str:
        return "DataKey()"

    @classmethod
    def generate(cls) -> DataKey:
        """Make a random key."""
        return cls(os.urandom(_KEY_BYTES))

    @classmethod
    def unwrap(cls, ring: KeyRing, wrapped: bytes, aad: bytes) -> DataKey:
        """Open a key that `wrap` returned.

        Raises:
            SealBroken: as `KeyRing.open`.

        """
        return cls(ring.open(wrapped, aad))

    def wrap(self, ring: KeyRing, aad: bytes) -> bytes:
        """Return the key sealed under the ring, to be stored."""
        return ring.seal(self._key, aad)

    def seal(self, plain: bytes, aad: bytes) -> bytes:
        """Seal bytes, bound to `aad` (see `associated_data`)."""
        nonce = os.urandom(_NONCE_BYTES)
        return _DATA_SEAL + nonce + self._cipher.encrypt(nonce, plain, aad)

    def open(self, sealed: bytes, aad: bytes) -> bytes:
        """Open what `seal` returned for the same `aad`.

        Raises:
            SealBroken: changed, moved, or another lead's.

        """
        if sealed[:1] != _DATA_SEAL:
            raise SealBroken("these bytes were not sealed with a data key; restore the row from a backup")
        return _decrypt(self._cipher, sealed[1:], aad)


def _decrypt(cipher: AESGCM, body: bytes, aad: bytes) -> bytes:
    try:
        return cipher.decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], aad)
    except (InvalidTag, ValueError):
        raise SealBroken("sealed bytes were changed or moved; restore the row from a backup") from None


def _new_key() -> dict[bytes, bytes]:
    return {os.urandom(_ID_BYTES): os.urandom(_KEY_BYTES)}


def _parse_keys(parts: Iterable[str]) -> dict[bytes, bytes]:
    keys: dict[bytes, bytes] = {}
    for part in parts:
        key_id, _, key = part.partition(":")
        keys[_from_hex(key_id)] = _decode(key, _KEY_BYTES)
    return keys


def _from_hex(text: str) -> bytes:
    if len(text) != 2 * _ID_BYTES or any(letter not in "0123456789abcdef" for letter in text):
        raise InvalidKeyRing("a key id of the key ring is not eight hexadecimal digits; check the key file")
    return bytes.fromhex(text)


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(text: str, length: int) -> bytes:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidKeyRing("a key of the key ring is not base64; check the key file") from None
    if len(raw) != length:
        raise InvalidKeyRing(f"a key of the key ring is not {length} bytes long; check the key file")
    return raw
