"""The depth of a queue: the messages on its list, and those set aside so that every tenant gets its turn.

The keys are those of the fair queue (workers.worker.fair_queue).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redis import Redis

#: a field of the turns that is a tenant; the others are bookkeeping
LANE = "@"


class DepthUnknown(Exception):  # noqa: N818  # the name says the fact
    """The broker did not say how much waits in a queue."""


def set_aside_key(queue: str) -> str:
    """Return the key of the sorted set of the messages that were set aside, in the order of their turns."""
    return f"hearth.fair.{queue}.aside"


def turns_key(queue: str) -> str:
    """Return the key of the hash that holds the turn of each tenant's last message."""
    return f"hearth.fair.{queue}.turns"


def ready_key(queue: str) -> str:
    """Return the key of the hash of the messages that lie on the list in the order of their turns."""
    return f"hearth.fair.{queue}.ready"


def depths(client: Redis, queues: Iterable[str]) -> dict[str, int]:
    """Return the number of messages that wait in each queue, on its list or aside; one round trip."""
    names = sorted(set(queues))
    pipeline = client.pipeline(transaction=False)
    for name in names:
        pipeline.llen(name)
        pipeline.zcard(set_aside_key(name))
    counts = list(map(int, pipeline.execute()))
    return {name: counts[2 * place] + counts[2 * place + 1] for place, name in enumerate(names)}


def backlog(client: Redis, queue: str, tenant_id: str) -> int:
    """Return the turns before a tenant's newest message in a queue: about the number of its messages that wait."""
    pipeline = client.pipeline(transaction=False)
    pipeline.zrange(set_aside_key(queue), 0, 0, withscores=True)
    pipeline.hget(turns_key(queue), LANE + tenant_id)
    first, last = pipeline.execute()
    return max(0, int(float(last)) - int(first[0][1]) + 1) if first and last else 0
