"""How much waits in a queue: what lies on its list, and what was set aside so that every tenant gets its turn."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

#: a field of the turns that is a tenant; the others are bookkeeping
LANE = "@"


def set_aside_key(queue: str) -> str:
    """The sorted set of the messages that were set aside, in the order of their turns."""
    return f"hearth.fair.{queue}.aside"


def turns_key(queue: str) -> str:
    """The hash of the turn that each tenant's last message got."""
    return f"hearth.fair.{queue}.turns"


def ready_key(queue: str) -> str:
    """The hash of the messages that lie on the list in the order of their turns."""
    return f"hearth.fair.{queue}.ready"


def depths(client: Any, queues: Iterable[str]) -> dict[str, int]:
    """The number of messages that wait in each queue, whether on its list or aside."""
    names = sorted(set(queues))
    pipeline = client.pipeline(transaction=False)
    for name in names:
        pipeline.llen(name)
        pipeline.zcard(set_aside_key(name))
    found = list(map(int, pipeline.execute()))
    return {name: found[2 * place] + found[2 * place + 1] for place, name in enumerate(names)}


def backlog(client: Any, queue: str, tenant_id: str) -> int:
    """How many turns a tenant's newest message in a queue has before it: about the number of its waiting ones."""
    pipeline = client.pipeline(transaction=False)
    pipeline.zrange(set_aside_key(queue), 0, 0, withscores=True)
    pipeline.hget(turns_key(queue), LANE + tenant_id)
    first, last = pipeline.execute()
    return max(0, int(float(last)) - int(first[0][1]) + 1) if first and last else 0
