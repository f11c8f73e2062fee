"""Entries that are no messages, and messages that find the quarantine full: both wait on a list in the broker.

An entry that is no message is written to a list at the moment it is met, since the database may be away then and the
part of the worker that meets it knows no database. From there it goes to the quarantine, byte by byte as it was sent.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection
from datetime import UTC, datetime
from uuid import uuid4

import structlog
from redis import Redis

from domain.documents import JsonObject

log = structlog.get_logger(__name__)

#: entries that are no messages, on their way to the database
MALFORMED = "hearth.malformed"
#: messages of unknown tasks that found the quarantine full
PARKED = "hearth.parked"
#: most messages that one look brings back
LOOK = 1_000


def push(client: Redis, *, queue: str, raw: bytes, code: str) -> None:
    """Write an entry that is no message to its list.

    Raises:
        redis.RedisError: the broker did not take it.

    """
    entry = {
        "id": uuid4().hex,
        "queue": queue,
        "code": code,
        "at": datetime.now(UTC).isoformat(),
        "raw": base64.b64encode(raw).decode(),
    }
    client.rpush(MALFORMED, json.dumps(entry))
    log.error("entry_malformed", queue=queue, code=code, bytes=len(raw))


def first(client: Redis) -> tuple[bytes | str, JsonObject] | None:
    """Return the oldest entry that waits for the database, as stored and parsed; None when there is none."""
    raw_entry = client.lindex(MALFORMED, 0)
    return None if raw_entry is None else (raw_entry, json.loads(raw_entry))


def remove(client: Redis, raw_entry: bytes | str) -> None:
    """Remove an entry from its list: the database has stored it."""
    client.lrem(MALFORMED, 1, raw_entry)  # type: ignore[arg-type]  # any bytes do; redis-py says text only


def parked_key(queue: str) -> str:
    """Return the key of the list on which a queue's messages wait for room in the quarantine."""
    return f"{PARKED}.{queue}"


def bring_back(client: Redis, queues: Collection[str]) -> int:
    """Put parked messages back on their queues, behind the messages there; return how many.

    Those that still find no room are parked again behind the others, so each gets its turn after a few calls.
    """
    moved = 0
    for queue in queues:
        waiting = min(client.llen(parked_key(queue)), LOOK)
        if waiting:
            with client.pipeline(transaction=False) as pipe:
                for _ in range(waiting):
                    pipe.lmove(parked_key(queue), queue, "LEFT", "LEFT")
                moved += sum(each is not None for each in pipe.execute())
    return moved
