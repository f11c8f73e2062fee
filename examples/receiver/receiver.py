"""Receive HighLevel's webhooks: raw body, signature, queue, answer. An ASGI application without a framework.

Hearth's gateway does the same and more (docs/receiver.md); this is for a back end of your own.

    HEARTH_GHL_KEYS="$(cat ghl.pem)" REDIS_URL=redis://… uvicorn --app-dir examples/receiver receiver:app

It answers 200 once the broker has the event, and 429 while the broker is down: only after 429 does HighLevel send an
event again (6 times, about 10 minutes apart). Nothing in the body is read before its signature is verified. A signed
body that is no event, or names no location, is answered 400 with a code and kept in the file RECEIVER_KEPT. An event of
a location that is no tenant of Hearth's goes into the queue like any other: Hearth keeps it until there is that tenant.

Without HEARTH_GHL_KEYS it does not start, unless RECEIVER_UNSIGNED=yes: then it takes events that nobody signed, and
says so to Hearth. That is for a trial on your own machine.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from tasks.crm.webhook_signatures import unreadable_keys, verify_highlevel

#: the most bytes of a body, and of the events of one message; Hearth refuses more
LIMIT = 600_000
#: the most levels of objects and lists in an event; Hearth takes a hundred in a message, which adds a few of its own
DEPTH = 90
#: seconds for which events of one location are collected, and the most of them in one message
GATHER, MOST = 0.1, 200
#: the most bytes of the file of events that name no location
KEPT_LIMIT = 20_000_000
#: what a tenant of Hearth's may be called
LOCATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:\-]{0,63}")
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Enqueue = Callable[[Sequence[Message]], None]


class Refused(Exception):  # noqa: N818 - says the fact
    """A body that is no event; `code` is what its sender is told."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def enqueuer(broker_url: str, *, signed: bool = True) -> Enqueue:
    """Return a function that puts events of one location into Hearth's queue, within three seconds or not at all."""
    client = Celery("receiver", broker=broker_url, set_as_current=False)
    timeouts = {"socket_timeout": 3, "socket_connect_timeout": 3, "max_retries": 0}
    client.conf.update(broker_transport_options=timeouts, broker_connection_timeout=3, task_ignore_result=True)

    def enqueue(events: Sequence[Message]) -> None:
        kwargs = {
            "tenant_id": events[0]["locationId"],
            "provider": "ghl",
            "events": list(events),
            "signature_verified": signed,
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


@dataclass(frozen=True)
class Kept:
    """The file of signed bodies that no location could be found in, a line of JSON each, for a person to look at."""

    path: Path

    def add(self, body: bytes, code: str) -> bool:
        """Append a body and return True once the disk has it; False when the file is full, or cannot be written."""
        text = body.decode(errors="surrogateescape")
        line = json.dumps({"received_at": datetime.now(UTC).isoformat(), "code": code, "body": text}) + "\n"
        try:
            opened = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(opened, "a") as file:
                if file.tell() + len(line) > KEPT_LIMIT:
                    return False
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            return False
        return True


def receiver(
    keys: Sequence[str], enqueue: Enqueue, kept: Kept, *, unsigned: bool = False
) -> Callable[[Message, Receive, Send], Awaitable[None]]:
    """Return the application; `keys` are HighLevel's public keys (PEM), and `unsigned` takes what nobody signed."""

    gatherer = Gatherer(enqueue)

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await answer(send, *await handle(scope, receive))

    async def handle(scope: Message, receive: Receive) -> tuple[int, str]:
        if scope["method"] != "POST":
            return 405, "method_not_allowed"
        body = await read(receive)
        if body is None:
            return 413, "too_large"
        if not unsigned and not verify_highlevel(body, scope["headers"], keys):
            return 401, "signature_refused"
        try:
            event = parse(body)
        except Refused as refused:
            # who cannot be told from a stranger fills no disk
            if unsigned or await asyncio.to_thread(kept.add, body, refused.code):
                return 400, refused.code
            return 429, "not_kept"
        return (200, "") if await gatherer.put(event, len(body)) else (429, "broker_away")

    return app


async def read(receive: Receive) -> bytes | None:
    """Return the raw body, or None when it is too long."""
    body, more = b"", True
    while more and len(body) <= LIMIT:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body if len(body) <= LIMIT else None


def parse(body: bytes) -> Message:
    """Return the event.

    Raises:
        Refused: it is no event, it names no location, or Hearth would refuse its numbers or its depth.

    """
    try:
        # half a character, which senders cut off, becomes "?": Hearth would refuse all events of its message
        event = json.loads(json.dumps(json.loads(body), allow_nan=False, ensure_ascii=False).encode(errors="replace"))
    except (ValueError, RecursionError):
        raise Refused("not_json") from None
    if not isinstance(event, dict):
        raise Refused("not_json")
    if depth(event) > DEPTH:
        raise Refused("too_deep")
    if not isinstance(event.get("locationId"), str) or not LOCATION.fullmatch(event["locationId"]):
        raise Refused("no_location")
    return event


def depth(event: object) -> int:
    """Return how many levels of objects and lists are nested."""
    levels, inner = 0, [event]
    while inner := [part for part in inner if isinstance(part, dict | list)]:
        levels += 1
        inner = [below for part in inner for below in (part.values() if isinstance(part, dict) else part)]
    return levels


async def answer(send: Send, status: int, code: str) -> None:
    """Send the status, and the code of an error as JSON."""
    body = json.dumps({"error": {"code": code}}).encode() if code else b""
    headers = [(b"content-length", str(len(body)).encode()), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def pem_keys(text: str) -> list[str]:
    """Return the keys of a text that contains several, one after another; a line end may be written `\\n`."""
    end = "-----END PUBLIC KEY-----"
    return [f"{part.strip()}\n{end}\n" for part in text.replace("\\n", "\n").split(end) if part.strip()]


def from_environment(variables: Mapping[str, str]) -> Callable[[Message, Receive, Send], Awaitable[None]]:
    """Return the application as the environment describes it.

    Raises:
        SystemExit: there is no key, or one that is none, and nobody said that events may come unsigned.

    """
    keys = pem_keys(variables.get("HEARTH_GHL_KEYS", ""))
    unsigned = not keys and variables.get("RECEIVER_UNSIGNED") == "yes"
    if not keys and not unsigned:
        sys.exit(
            "HEARTH_GHL_KEYS is empty, so every webhook would be refused: set it, or try with RECEIVER_UNSIGNED=yes"
        )
    if wrong := unreadable_keys(keys):
        sys.exit(f"key {', '.join(map(str, wrong))} of HEARTH_GHL_KEYS is no public key in PEM")
    broker = variables.get("REDIS_URL", "redis://127.0.0.1:6379/0")
    kept = Kept(Path(variables.get("RECEIVER_KEPT", "kept-webhooks.jsonl")))
    return receiver(keys, enqueuer(broker, signed=not unsigned), kept, unsigned=unsigned)


app = from_environment(os.environ)
