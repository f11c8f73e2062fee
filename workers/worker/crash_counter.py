"""Count in the broker how often a worker's main process crashed over a message, so that it is quarantined in the end.

Crashes of the pool's children are counted in the database (see tasks.runtime.failures.delivery_attempts). When the
main process itself crashes, it cannot record anything afterwards, so it counts before it handles the message. Only
redelivered messages are counted: a first delivery costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from redis.exceptions import RedisError

from tasks.runtime.failures.delivery_attempts import MAX_ATTEMPTS
from workers.base import internal_keys
from workers.base.celery_types import Message

log = structlog.get_logger(__name__)

#: seconds for which counts are kept after the last crash
TTL = 24 * 3600


@contextmanager
def counted(message: Message) -> Iterator[bool]:
    """Count a delivery while the block handles it; yield True when it crashed too often and must not be handled."""
    if not _is_redelivered(message):
        yield False
        return
    count = _count(message)
    yield count >= MAX_ATTEMPTS
    _forget(message, count)


def _is_redelivered(message: Message) -> bool:
    delivery = message.delivery_info
    return isinstance(delivery, dict) and delivery.get("redelivered") is True


def _count(message: Message) -> int:
    """Return the deliveries so far, with this one; the first was not counted."""
    try:
        with message.channel.conn_or_acquire() as client, client.pipeline() as pipe:
            pipe.hincrby(internal_keys.STARTS, message.delivery_tag)
            pipe.expire(internal_keys.STARTS, TTL)
            return int(pipe.execute()[0])
    except (RedisError, OSError) as error:
        log.warning("start_not_counted", error=type(error).__name__)
        return 0


def _forget(message: Message, count: int) -> None:
    if not count:
        return
    try:
        with message.channel.conn_or_acquire() as client:
            client.hdel(internal_keys.STARTS, message.delivery_tag)
    except (RedisError, OSError) as error:
        log.warning("start_counted_twice", error=type(error).__name__)
