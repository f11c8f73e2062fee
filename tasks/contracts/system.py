"""Requests of `hearth.system.*`."""

from __future__ import annotations

from tasks.contracts.base import Identifier, Request, ShortText


class Ping(Request):
    """Are you there, and what are you?"""

    # The one task that a caller without a tenant may send.
    tenant_id: Identifier | None = None  # type: ignore[assignment]
    echo: ShortText | None = None

    def needs_tenant(self) -> bool:
        """Anybody may ask."""
        return False
