"""A message over which main processes die: counted in the broker before it is touched, held after a few.

What the pool's children die of is counted in the database (see tasks.starts). Here it is the main process itself, which
had no time to tell anybody. Only a message that came back is counted: good ones cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from redis.exceptions import RedisError

from tasks.starts import STARTS
from workers import internal_keys

log = structlog.get_logger(__name__)

#: seconds after the last of them for which they are remembered
REMEMBERED = 24 * 3600


@contextmanager
def counted(message: Any) -> Iterator[bool]:
    """While a message is looked at; gives True where too many processes have died over it, and nobody may touch it."""
    if not _came_back(message):
        yield False
        return
    count = _count(message)
    yield count >= STARTS
    _forget(message, count)


def _came_back(message: Any) -> bool:
    delivery = message.delivery_info
    return isinstance(delivery, dict) and delivery.get("redelivered") is True


def _count(message: Any) -> int:
    """Starts with this one; the first delivery was not counted."""
    try:
        with message.channel.conn_or_acquire() as client, client.pipeline() as pipe:
            pipe.hincrby(internal_keys.STARTS, message.delivery_tag)
            pipe.expire(internal_keys.STARTS, REMEMBERED)
            return int(pipe.execute()[0])
    except (RedisError, OSError) as error:
        log.warning("start_not_counted", error=type(error).__name__)
        return 0


def _forget(message: Any, count: int) -> None:
    if not count:
        return
    try:
        with message.channel.conn_or_acquire() as client:
            client.hdel(internal_keys.STARTS, message.delivery_tag)
    except (RedisError, OSError) as error:
        log.warning("start_counted_twice", error=type(error).__name__)
