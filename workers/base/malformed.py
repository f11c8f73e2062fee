"""Entries that are no messages, and messages that find the quarantine full: both wait on a list in the broker.

An entry that is no message is written to a list at the moment it is met, since the database may be away then and the
part of the worker that meets it knows no database. From there it goes to the quarantine, byte by byte as it was sent.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import structlog

log = structlog.get_logger(__name__)

#: entries that are no messages, on their way to the database
MALFORMED = "hearth.malformed"
#: messages of unknown tasks that found the quarantine full
PARKED = "hearth.parked"
#: most messages that one look brings back
LOOK = 1_000


def push(client: Any, *, queue: str, raw: bytes, code: str) -> None:
    """Write an entry that is no message to its list.

    Raises:
        redis.RedisError: the broker did not take it.

    """
    kept = {
        "id": uuid4().hex,
        "queue": queue,
        "code": code,
        "at": datetime.now(UTC).isoformat(),
        "raw": base64.b64encode(raw).decode(),
    }
    client.rpush(MALFORMED, json.dumps(kept))
    log.error("entry_malformed", queue=queue, code=code, bytes=len(raw))


def first(client: Any) -> tuple[Any, dict[str, Any]] | None:
    """Return the oldest entry that waits for the database, as stored and parsed; None when there is none."""
    lying = client.lindex(MALFORMED, 0)
    return None if lying is None else (lying, json.loads(lying))


def settled(client: Any, lying: Any) -> None:
    """Remove an entry from its list: the database has stored it."""
    client.lrem(MALFORMED, 1, lying)


def parked_key(queue: str) -> str:
    """Return the key of the list on which a queue's messages wait for room in the quarantine."""
    return f"{PARKED}.{queue}"


def bring_back(client: Any, queues: Collection[str]) -> int:
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
