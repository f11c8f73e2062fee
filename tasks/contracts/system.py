"""Requests of `hearth.system.*`."""

from __future__ import annotations

from tasks.contracts.base.request import Identifier, Moment, Request, ShortText


class Upkeep(Request):
    """A request that belongs to no tenant."""

    tenant_id: Identifier | None = None  # type: ignore[assignment]

    def needs_tenant(self) -> bool:
        """Return False: no tenant is needed."""
        return False


class Ping(Upkeep):
    """Check that a worker answers, and which version it runs."""

    echo: ShortText | None = None


class Status(Upkeep):
    """Read how far behind each queue is."""


class CanaryCall(Upkeep):
    """Measure how long a message waits in its queue."""

    queue: ShortText
    sent_at: Moment
