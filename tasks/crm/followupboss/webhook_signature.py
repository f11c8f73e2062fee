"""Verify the signature of Follow Up Boss over the body as it came; in doubt the answer is no."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence

from tasks.crm.webhook_signatures import Headers

#: hex of an HMAC (SHA-256) over the body in base64, under the key of the registered system (`X-System-Key`)
HEADER = "fub-signature"
_DIGITS = 64


def verify_followupboss(raw_body: bytes, headers: Headers, keys: Sequence[str]) -> bool:
    """Return whether the owner of one of the system keys signed exactly these bytes.

    `headers` is a mapping or pairs as ASGI gives them, names in any case. No key, no header, or a header given twice:
    False.
    """
    told = list(_signatures(headers))
    if len(told) != 1 or len(told[0]) != _DIGITS:
        return False
    encoded = base64.b64encode(raw_body)
    expected = [hmac.new(key.encode(), encoded, hashlib.sha256).hexdigest() for key in keys if key]
    return any(hmac.compare_digest(one.encode(), told[0]) for one in expected)


def _signatures(headers: Headers) -> Iterator[bytes]:
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        if _as_bytes(name).strip().lower() == HEADER.encode():
            yield _as_bytes(value).strip().lower()


def _as_bytes(text: object) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1", "replace") if isinstance(text, str) else b""
