"""Receive HighLevel's webhooks: raw body, signature, queue, answer. An ASGI application without a framework.

REDIS_URL=redis://… HEARTH_GHL_KEYS="$(cat ghl.pem)" uvicorn receiver:app

It answers 200 once the broker has the event, and 429 while the broker is down: only after 429 does HighLevel send an
event again (6 times, about 10 minutes apart). Nothing in the body is read before its signature is verified.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from tasks.crm.webhook_signatures import verify_highlevel

#: the most bytes of a body, and of the events of one message; Hearth refuses more
LIMIT = 600_000
#: the most levels of objects and lists in an event; Hearth takes a hundred in a message, which adds a few of its own
DEPTH = 90
#: seconds for which events of one location are collected, and the most of them in one message
GATHER, MOST = 0.1, 200
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Enqueue = Callable[[Sequence[Message]], None]


def enqueuer(broker_url: str) -> Enqueue:
    """Return a function that puts events of one location into Hearth's queue, within three seconds or not at all."""
    client = Celery("receiver", broker=broker_url, set_as_current=False)
    timeouts = {"socket_timeout": 3, "socket_connect_timeout": 3, "max_retries": 0}
    client.conf.update(broker_transport_options=timeouts, broker_connection_timeout=3, task_ignore_result=True)

    def enqueue(events: Sequence[Message]) -> None:
        kwargs = {
            "tenant_id": events[0]["locationId"],
            "provider": "ghl",
            "events": list(events),
            "signature_verified": True,
            "received_at": datetime.now(UTC).isoformat(),
        }
        client.send_task("hearth.events.ingest", kwargs=kwargs, queue="ingest", retry=False)

    return enqueue


@dataclass
class Gatherer:
    """Send events that arrive together in one message: ten in one cost Hearth little more than one alone."""

    enqueue: Enqueue
    seconds: float = GATHER
    waiting: dict[str, list[tuple[Message, int, asyncio.Future[bool]]]] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def put(self, event: Message, size: int) -> bool:
        """Return True once the broker has the event, False when it did not take it."""
        accepted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        batch = self.waiting.get(event["locationId"], [])
        if not batch or len(batch) >= MOST or sum(each[1] for each in batch) + size > LIMIT:
            batch = self.waiting[event["locationId"]] = []
            task = asyncio.create_task(self.send(event["locationId"], batch))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        batch.append((event, size, accepted))
        return await accepted

    async def send(self, location: str, batch: list[tuple[Message, int, asyncio.Future[bool]]]) -> None:
        """Wait for more events, send them all, and resolve their futures."""
        await asyncio.sleep(self.seconds)
        if self.waiting.get(location) is batch:
            del self.waiting[location]
        sent = False
        try:
            await asyncio.to_thread(self.enqueue, [event for event, _, _ in batch])
            sent = True
        except (OperationalError, OSError):
            pass
        finally:
            for _, _, accepted in batch:
                if not accepted.done():
                    accepted.set_result(sent)


def receiver(keys: Sequence[str], enqueue: Enqueue) -> Callable[[Message, Receive, Send], Awaitable[None]]:
    """Return the application; `keys` are HighLevel's public keys (PEM)."""

    gatherer = Gatherer(enqueue)

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await answer(send, await handle(scope, receive))

    async def handle(scope: Message, receive: Receive) -> int:
        if scope["method"] != "POST":
            return 405
        body = await read(receive)
        if body is None:
            return 413
        if not verify_highlevel(body, scope["headers"], keys):
            return 401
        event = parse(body)
        if event is None:
            return 400
        return 200 if await gatherer.put(event, len(body)) else 429

    return app


async def read(receive: Receive) -> bytes | None:
    """Return the raw body, or None when it is too long."""
    body, more = b"", True
    while more and len(body) <= LIMIT:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body if len(body) <= LIMIT else None


def parse(body: bytes) -> Message | None:
    """Return the event, or None when it is no event or Hearth would refuse its numbers or its depth."""
    try:
        event = json.loads(body)
        json.dumps(event, allow_nan=False)
    except (ValueError, RecursionError):
        return None
    if depth(event) > DEPTH:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("locationId"), str) else None


def depth(event: object) -> int:
    """Return how many levels of objects and lists are nested."""
    levels, inner = 0, [event]
    while inner := [part for part in inner if isinstance(part, dict | list)]:
        levels += 1
        inner = [below for part in inner for below in (part.values() if isinstance(part, dict) else part)]
    return levels


async def answer(send: Send, status: int) -> None:
    """Send an answer without content."""
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def pem_keys(text: str) -> list[str]:
    """Return the keys of a text that contains several, one after another."""
    end = "-----END PUBLIC KEY-----"
    return [f"{part.strip()}\n{end}\n" for part in text.split(end) if part.strip()]


app = receiver(
    pem_keys(os.environ.get("HEARTH_GHL_KEYS", "")), enqueuer(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"))
)
