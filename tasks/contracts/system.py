"""Requests of `hearth.system.*`."""

from __future__ import annotations

from tasks.contracts.base.request import Identifier, Moment, Request, ShortText


class Upkeep(Request):
    """For no tenant in particular."""

    tenant_id: Identifier | None = None  # type: ignore[assignment]

    def needs_tenant(self) -> bool:
        """Anybody may ask."""
        return False


class Ping(Upkeep):
    """Are you there, and what are you?"""

    echo: ShortText | None = None


class Status(Upkeep):
    """How far behind is each queue?"""


class CanaryCall(Upkeep):
    """A message that only tells how long it waited."""

    queue: ShortText
    sent_at: Moment
