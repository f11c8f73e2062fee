"""The signature of a request: HMAC-SHA256 over its time, method, target and body.

The key is the signing key's secret as it was printed, `hs_` included, in UTF-8. The signed bytes are
`<t>.<METHOD>.<target>.<body>`, where `t` is in seconds since 1970 and the target is the path with its query, as sent.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime

#: seconds by which the time of a signature may differ from ours
TOLERANCE = 300
#: lower case only, so that one signature cannot be written in two ways
_HEADER = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What `X-Hearth-Signature` says."""

    #: seconds since 1970, as written
    at: str
    #: 64 hexadecimal digits
    digest: str

    def is_fresh(self, now: datetime) -> bool:
        """Return whether it was made within `TOLERANCE` of `now`, before or after."""
        return abs(now.timestamp() - int(self.at)) <= TOLERANCE

    def is_of(self, secret: str, *, method: str, target: str, body: bytes) -> bool:
        """Return whether whoever has the secret made it for this request."""
        return hmac.compare_digest(_digest(secret, self.at, method, target, body), self.digest)


def parse(header: str) -> Signature | None:
    """Return what `t=<seconds>,v1=<64 hexadecimal digits>` says; None where it is not of that form."""
    match = _HEADER.fullmatch(header)
    return None if match is None else Signature(at=match[1], digest=match[2])


def sign(secret: str, *, method: str, target: str, body: bytes, at: int) -> str:
    """Return the value of `X-Hearth-Signature` for a request, as a caller computes it; `at` is in Unix seconds."""
    return f"t={at},v1={_digest(secret, str(at), method, target, body)}"


def _digest(secret: str, at: str, method: str, target: str, body: bytes) -> str:
    signed = f"{at}.{method}.{target}.".encode() + body
    return hmac.digest(secret.encode(), signed, hashlib.sha256).hex()
