# ruff: noqa: N818  # names say the fact
"""The errors of the gateway; each knows the HTTP status and the code with which the caller is answered.

GatewayError
├── Unauthorized     401: no key, or none that is good; the code does not tell whether the key exists
├── Forbidden        403: a good key that may not do this
├── NotFound         404: no such path, task or task id, or another tenant's
├── KeyConflict      409: the idempotency key was used with other arguments
├── TooLarge         413: the body is longer than any message may be
├── RateExceeded     429: this key asked too often
├── BrokerAway       429: neither the broker nor the outbox took the request
│   ├── DatabaseAway     the same for a webhook, whose sender sends it again after 429 only
│   └── QuarantineFull   an event of an unknown location found no room
├── BadEvent         400: a webhook that is no event, or names no location
└── UnknownLocation  404: a webhook of a location that is no tenant
"""

from __future__ import annotations

from typing import ClassVar


class GatewayError(Exception):
    """A request that is not accepted; `code` is for programs, the message for people."""

    status: ClassVar[int] = 500

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Unauthorized(GatewayError):
    """Nobody whom we know sent this: no key, a malformed one, or one that is not good (any more).

    `code` is `credentials_missing`, `credentials_malformed`, `credentials_refused` or `signature_stale`.
    """

    status = 401


class Forbidden(GatewayError):
    """The key is good, but not for this; `code` is `scope_missing`, or `other_tenant`."""

    status = 403


class KeyConflict(GatewayError):
    """The idempotency key was used with other arguments."""

    status = 409

    def __init__(self, message: str = "this idempotency key was used with other arguments; use a new one") -> None:
        super().__init__("conflict", message)


class BrokerAway(GatewayError):
    """Neither the broker nor the outbox took the request: the caller may send it again."""

    status = 429

    def __init__(self, message: str = "nobody can take work now; send the same request again") -> None:
        super().__init__("broker_away", message)


class NotFound(GatewayError):
    """No such path, task or task id; another tenant's is answered in the same words."""

    status = 404


class TooLarge(GatewayError):
    """The body is longer than any message may be."""

    status = 413


class RateExceeded(GatewayError):
    """The key asked more often than it may; `seconds` is when it may ask again."""

    status = 429

    def __init__(self, seconds: float) -> None:
        super().__init__("rate", "this key asks more often than it may; wait as Retry-After says")
        self.seconds = seconds


class DatabaseAway(BrokerAway):
    """The database does not answer, and a webhook's sender sends it again after 429 only."""

    def __init__(self) -> None:
        super().__init__("the event cannot be stored now; send it again")
        self.code = "database_away"


class QuarantineFull(BrokerAway):
    """An event of an unknown location found no room; there may be some when it comes again."""

    def __init__(self) -> None:
        super().__init__("too many events wait for locations that are no tenants; send it again")
        self.code = "quarantine_full"


class BadEvent(GatewayError):
    """A webhook that is no event, or names no location."""

    status = 400


class UnknownLocation(GatewayError):
    """A webhook of a location that is no tenant."""

    status = 404

    def __init__(self, *, kept: bool) -> None:
        told = "the event is kept, and read once it is one" if kept else "the event is not kept"
        super().__init__("unknown_location", f"this location is no tenant; {told}")
