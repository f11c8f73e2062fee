"""Distribute a limit over tenants, so that no tenant waits behind another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def distribute(tenants: Sequence[str], limit: int, find: Callable[[str, int], list[Item]]) -> list[Item]:
    """Find up to `limit` items, an equal share per tenant; a share that a tenant does not use goes to later tenants."""
    items: list[Item] = []
    for position, tenant_id in enumerate(tenants):
        left = limit - len(items)
        share = min(max(1, left // (len(tenants) - position)), left)
        if share > 0:
            items += find(tenant_id, share)
    return items
