"""A gateway in this process, on a free port, and a caller of it."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from db.records import ApiKeyDraft
from db.repositories import api_keys, tenants
from db.session import transaction
from domain.access import DEFAULT_SCOPES
from workers.gateway import process
from workers.gateway.access import signatures
from workers.gateway.server import make_app, make_server


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    raw: bytes

    @property
    def json(self):
        return json.loads(self.raw)

    @property
    def code(self):
        return self.json["error"]["code"]


@dataclass(frozen=True)
class Running:
    """A gateway that runs; each call has a connection of its own."""

    url: str
    gateway: process.Gateway
    loop: asyncio.AbstractEventLoop = field(repr=False)
    server: object = field(repr=False)

    def call(self, method, path, body=None, *, key=None, headers=None, timeout=30):
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {key}"} if key else {}
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=timeout)
        try:
            connection.request(method, path, raw, {**sent, **(headers or {})})
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        finally:
            connection.close()
        # a 202 comes before the broker has the message
        deadline = time.monotonic() + timeout
        while self.gateway.submitter.busy and time.monotonic() < deadline:
            time.sleep(0.002)
        return answer

    def post(self, task, body=None, *, key=None, query="", **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.call("POST", f"/v1/tasks/{task}{query}", {} if body is None else body, key=key, headers=named)

    def get(self, path, *, key=None):
        return self.call("GET", path, key=key)

    def run(self, coroutine):
        """Run a coroutine in the gateway's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout=30)


@contextmanager
def running(settings, ring):
    """A gateway over the bound database and the app's broker."""
    loop, stopping, ready = asyncio.new_event_loop(), asyncio.Event(), threading.Event()
    found = []

    async def serve():
        async with process.opened(settings, ring) as gateway:
            server = make_server(make_app(gateway))
            server.listen(0, "127.0.0.1")
            [socket] = server._sockets.values()
            found.append(Running(f"http://127.0.0.1:{socket.getsockname()[1]}", gateway, loop, server))
            ready.set()
            await stopping.wait()
            await process.finish(server, gateway)

    def run():
        try:
            loop.run_until_complete(serve())
        finally:
            ready.set()
            loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait(timeout=60)
    try:
        yield found[0]
    finally:
        if found:
            loop.call_soon_threadsafe(stopping.set)
        thread.join(timeout=30)


def make_tenant(tenant_id, settings=None):
    with transaction(tenant_id) as session:
        tenants.configure(session, tenant_id, settings=settings or {}, actor="test", now=datetime.now(UTC))


def make_key(tenant_id, scopes=DEFAULT_SCOPES, *, kind="bearer", rate=10_000.0):
    """A new key with its secret."""
    draft = ApiKeyDraft(name="test", scopes=tuple(scopes), kind=kind, rate=rate, created_by="test")
    with transaction(tenant_id) as session:
        return api_keys.create(session, tenant_id, draft=draft, now=datetime.now(UTC))


def signed(issued, method, path, body, at=None):
    """The headers of a signed request."""
    at = at or int(datetime.now(UTC).timestamp())
    signature = signatures.sign(issued.secret, method=method, target=path, body=body, at=at)
    return {"X-Hearth-Key": issued.record.key_id, "X-Hearth-Signature": signature}
