"""Verify the signature of a webhook over the body as it came; in doubt the answer is no."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

#: HighLevel's header, and the older one that comes beside it
ED25519_HEADER, RSA_HEADER = "x-ghl-signature", "x-wh-signature"
#: bits below which an RSA key proves nothing
_RSA_BITS = 2048
_NONE = "n/a"

Text = str | bytes
Headers = Mapping[str, str] | Iterable[tuple[Text, Text]]
_PublicKey = Ed25519PublicKey | RSAPublicKey


def verify_highlevel(raw_body: bytes, headers: Headers, keys: Sequence[str]) -> bool:
    """Return whether one of HighLevel's public keys (PEM) signed exactly these bytes.

    `headers` is a mapping or pairs as ASGI gives them, names in any case. The newer header decides where it comes and
    an Ed25519 key is given; if it is forged the older one does not count. No key, no header, `N/A`, a header given
    twice or anything that cannot be read: False.
    """
    values = _headers(headers)
    public_keys = [key for text in keys if (key := _key(text)) is not None]
    newer, older = values.get(ED25519_HEADER), values.get(RSA_HEADER)
    if newer is not None and (_says_none(newer) or any(isinstance(key, Ed25519PublicKey) for key in public_keys)):
        return _verify(raw_body, newer, [key for key in public_keys if isinstance(key, Ed25519PublicKey)])
    return older is not None and _verify(raw_body, older, [key for key in public_keys if isinstance(key, RSAPublicKey)])


def unreadable_keys(keys: Sequence[str]) -> list[int]:
    """Return the numbers, from 1, of the keys that `verify_highlevel` cannot use."""
    return [number for number, text in enumerate(keys, 1) if _key(text) is None]


def _headers(headers: Headers) -> dict[str, str | None]:
    """Return the headers by lower-case name; a header that comes twice cannot be trusted and becomes empty."""
    values: dict[str, str | None] = {}
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        key = _text(name).casefold().strip()
        values[key] = "" if key in values else _text(value).strip()
    return values


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value if isinstance(value, str) else ""


def _says_none(value: str) -> bool:
    return value.casefold() in {"", _NONE}


def _key(text: object) -> _PublicKey | None:
    try:
        key = load_pem_public_key(text.encode()) if isinstance(text, str) else None
    except (ValueError, UnsupportedAlgorithm):
        return None
    if isinstance(key, RSAPublicKey):
        return key if key.key_size >= _RSA_BITS else None
    return key if isinstance(key, Ed25519PublicKey) else None


def _verify(body: bytes, header: str, keys: Sequence[_PublicKey]) -> bool:
    if _says_none(header):
        return False
    try:
        signature = base64.b64decode(header, validate=True)
    except (binascii.Error, ValueError):
        return False
    return any(_signed(key, signature, body) for key in keys)


def _signed(key: _PublicKey, signature: bytes, body: bytes) -> bool:
    try:
        if isinstance(key, RSAPublicKey):
            key.verify(signature, body, PKCS1v15(), SHA256())
        else:
            key.verify(signature, body)
    except InvalidSignature:
        return False
    return True
