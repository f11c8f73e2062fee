"""Work of all tenants, dealt out so that none waits behind another's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def distribute(tenants: Sequence[str], limit: int, find: Callable[[str, int], list[Item]]) -> list[Item]:
    """Ask each tenant for an even share of what is left of `limit`; what one does not need is for those after it."""
    found: list[Item] = []
    for position, tenant_id in enumerate(tenants):
        left = limit - len(found)
        share = min(max(1, left // (len(tenants) - position)), left)
        if share > 0:
            found += find(tenant_id, share)
    return found
