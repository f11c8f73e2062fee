"""Send one signed POST to an untrusted receiver: public addresses only, no redirects, bounded time."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import socket
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Literal

import httpx

from workers.delivery.callback_target import Target, TargetUnusable

#: seconds to connect, to wait for the next part of an answer, and for everything
CONNECT, READ, WHOLE = 3.0, 10.0, 15.0
#: the most seconds that a receiver may ask us to wait
RETRY_AFTER_LIMIT = 3600.0
#: answers of 4xx that another try may change
_PASSING = frozenset({408, 425, 429})

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
#: the only part of IPv6 that is given out for use across networks (IANA, IPv6 Address Space)
_IPV6 = ipaddress.IPv6Network("2000::/3")
#: what `ipaddress` takes for public and no receiver of ours can have
_SPECIAL = tuple(
    map(
        ipaddress.ip_network,
        (
            # IANA, IPv4 and IPv6 Special-Purpose Address Registries
            "192.0.0.0/24",  # protocol assignments (RFC 6890); 192.0.0.192 serves metadata of an Oracle machine
            "192.31.196.0/24",  # AS112 (RFC 7535)
            "192.52.193.0/24",  # AMT (RFC 7450)
            "192.88.99.0/24",  # relays of 6to4, given up (RFC 7526)
            "192.175.48.0/24",  # AS112 (RFC 7534)
            "2001::/23",  # protocol assignments (RFC 2928), Teredo among them
            "2002::/16",  # 6to4, given up (RFC 7526): any IPv4 address may be inside
            "2620:4f:8000::/48",  # AS112 (RFC 7534)
            "3fff::/20",  # documentation (RFC 9637)
            # the virtual public address by which Azure's machines reach their host (Azure, What is IP 168.63.129.16)
            "168.63.129.16/32",
        ),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of a delivery."""

    state: Literal["delivered", "retry", "dead"]
    #: a code such as `http.500` or `timeout`; None when delivered
    error: str | None = None
    #: seconds that the receiver asked us to wait
    after: float | None = None


DELIVERED = Outcome(state="delivered")


def signature(secret: bytes, moment: int, body: bytes) -> str:
    """Return X-Hearth-Signature: HMAC-SHA256 over the time (Unix seconds), a dot and the body."""
    code = hmac.new(secret, f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={code}"


def post(target: Target, event_id: str, body: bytes, *, loopback: bool = False) -> Outcome:
    """Deliver a body in at most `WHOLE` seconds; `loopback` allows receivers on this machine, by plain http too."""
    try:
        url, name = guarded_url(target.url, loopback=loopback)
    except TargetUnusable as error:
        return Outcome(state="dead", error=str(error))
    except OSError:
        return Outcome(state="retry", error="dns")
    headers = {
        "Host": name,
        "Content-Type": "application/json",
        "User-Agent": "Hearth",
        "X-Hearth-Event-Id": event_id,
        "X-Hearth-Signature": signature(target.secret, int(time.time()), body),
    }
    try:
        return asyncio.run(asyncio.wait_for(_send(url, headers, body), WHOLE))
    except (TimeoutError, httpx.TimeoutException):
        return Outcome(state="retry", error="timeout")
    except httpx.ConnectError as error:
        return Outcome(state="retry", error="tls" if isinstance(error.__cause__, ssl.SSLError) else "connect")
    except (httpx.HTTPError, httpx.InvalidURL):
        return Outcome(state="retry", error="protocol")


async def _send(url: httpx.URL, headers: dict[str, str], body: bytes) -> Outcome:
    timeout = httpx.Timeout(READ, connect=CONNECT)
    host = httpx.URL(f"https://{headers['Host']}").host
    # the answer's body is nothing to us and may be endless: its head decides
    async with (
        httpx.AsyncClient(verify=tls_context(), timeout=timeout, follow_redirects=False, trust_env=False) as client,
        client.stream("POST", url, headers=headers, content=body, extensions={"sni_hostname": host}) as answer,
    ):
        return outcome_of(answer.status_code, answer.headers.get("Retry-After"))


def outcome_of(status: int, retry_after: str | None = None) -> Outcome:
    """Return the outcome that an HTTP status means."""
    if 200 <= status < 300:
        return DELIVERED
    passing = status >= 500 or status in _PASSING
    after = seconds_to_wait(retry_after) if passing else None
    return Outcome(state="retry" if passing else "dead", error=f"http.{status}", after=after)


def seconds_to_wait(retry_after: str | None) -> float | None:
    """Return Retry-After, a number or a date, in seconds, bounded."""
    if not retry_after:
        return None
    try:
        wanted = float(retry_after) if retry_after.strip().isdigit() else _until(retry_after)
    except (ValueError, OverflowError):
        return None
    return min(max(wanted, 0.0), RETRY_AFTER_LIMIT)


def _until(date: str) -> float:
    moment = parsedate_to_datetime(date)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp()


def guarded_url(text: str, *, loopback: bool) -> tuple[httpx.URL, str]:
    """Return the URL with the resolved address as host, and the host's name: a second look-up could lead elsewhere.

    Raises:
        TargetUnusable: it is no address that may be reached.
        OSError: the name is not found.

    """
    try:
        url = httpx.URL(text)
        # some hosts are looked at only here
        host, port = url.host, url.port or (443 if url.scheme == "https" else 80)
    except (httpx.InvalidURL, ValueError):
        raise TargetUnusable("target.url") from None
    if url.scheme not in ("http", "https") or not host or url.userinfo or port >= 2**16:
        raise TargetUnusable("target.url")
    addresses = _addresses(host, port)
    local = loopback and all(address.is_loopback for address in addresses)
    if url.scheme != "https" and not local:
        raise TargetUnusable("target.insecure")
    if not local and not all(_is_public(address) for address in addresses):
        raise TargetUnusable("target.private")
    return url.copy_with(host=str(addresses[0])), url.netloc.decode()


def _addresses(host: str, port: int) -> list[_Address]:
    try:
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise TargetUnusable("target.url") from None
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in entries]


def _is_public(address: _Address) -> bool:
    inner = getattr(address, "ipv4_mapped", None) or address
    if isinstance(inner, ipaddress.IPv6Address) and inner not in _IPV6:
        return False
    reserved = inner.is_multicast or inner.is_reserved or inner.is_unspecified
    return inner.is_global and not reserved and not any(inner in special for special in _SPECIAL)


@cache
def tls_context() -> ssl.SSLContext:
    """Return the TLS settings of every request: certificates are checked against those of this machine."""
    # reading the certificates takes longer than a delivery
    return ssl.create_default_context()
