"""A program that calls the gateway: keys, a process of the gateway, and connections that stay open."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Literal
from urllib.error import URLError

from db.records import ApiKeyDraft
from db.repositories import api_keys
from db.session import EVERY_TENANT, transaction
from workers.cluster.addresses import free_port
from workers.gateway.access import signatures

psutil: Any = import_module("psutil")

GATEWAY = (sys.executable, "-P", "-m", "workers.gateway")
UPSERT = "/v1/tasks/hearth.leads.upsert"
#: requests a second that a key allows: more than anybody sends here
RATE = 100_000.0
#: seconds until the gateway must answer
READY = 60.0

Auth = Literal["bearer", "signed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key of the gateway, and what proves that we have it."""

    tenant_id: str
    auth: Auth
    key_id: str
    secret: str

    def headers(self, body: bytes, method: str = "POST", target: str = UPSERT) -> str:
        """What a request carries, as lines of HTTP."""
        if self.auth == "bearer":
            return f"Authorization: Bearer {self.secret}\r\n"
        signature = signatures.sign(self.secret, method=method, target=target, body=body, at=int(time.time()))
        return f"X-Hearth-Key: {self.key_id}\r\nX-Hearth-Signature: {signature}\r\n"


def make_key(tenant_id: str, auth: Auth) -> Key:
    """A new key of a tenant that exists."""
    kind: Literal["bearer", "signing"] = "bearer" if auth == "bearer" else "signing"
    draft = ApiKeyDraft(name="benchmark", kind=kind, scopes=("read", "write"), rate=RATE, created_by="benchmark")
    with transaction(EVERY_TENANT) as session:
        issued = api_keys.create(session, tenant_id, draft=draft, now=datetime.now(UTC))
    return Key(tenant_id=tenant_id, auth=auth, key_id=issued.record.key_id, secret=issued.secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A gateway that runs."""

    #: on 127.0.0.1
    port: int
    pid: int

    def cpu(self) -> float:
        """Seconds of processor time that it has used."""
        used = psutil.Process(self.pid).cpu_times()
        return float(used.user + used.system)


@contextmanager
def running(env: Mapping[str, str], log: Path) -> Iterator[Running]:
    """A gateway in a process of its own, until the block ends."""
    port = free_port()
    with log.open("ab") as out:
        process = subprocess.Popen(GATEWAY, env={**env, "HEARTH_GATEWAY_PORT": str(port)}, stdout=out, stderr=out)
    try:
        wait_ready(port, alive=lambda: process.poll() is None)
        yield Running(port=port, pid=process.pid)
    finally:
        process.terminate()
        process.wait(30)


def wait_ready(port: int, seconds: float = READY, alive: Callable[[], bool] = lambda: True) -> None:
    """Return when the gateway is healthy; raises TimeoutError when it is not in time, or has ended."""
    deadline = time.monotonic() + seconds
    while not healthy(port):
        if not alive() or time.monotonic() > deadline:
            raise TimeoutError(f"the gateway has ended, or does not answer after {seconds:.0f} s")
        time.sleep(0.1)


def healthy(port: int) -> bool:
    """Whether the gateway answers, and broker and database answer it."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return bool(json.load(answer)["ok"])
    except (URLError, OSError):
        return False


def upsert_of(external_id: str) -> bytes:
    """The body of an upsert of one lead."""
    lead = {"external_id": external_id, "email": f"{external_id}@example.com", "first_name": "Simulated", "showings": 1}
    return json.dumps({"leads": [lead]}).encode()


class Connection:
    """One connection that stays open, for one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def to(cls, port: int) -> Connection:
        """Connect."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def post(self, key: Key, body: bytes) -> int:
        """Send an upsert; gives the status."""
        head = f"POST {UPSERT} HTTP/1.1\r\nHost: hearth\r\n{key.headers(body)}Content-Length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        told = await self._reader.readuntil(b"\r\n\r\n")
        status = int(told[9:12])
        length = told.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        await self._reader.readexactly(int(length))
        return status

    async def close(self) -> None:
        """Let go."""
        self._writer.close()
        await self._writer.wait_closed()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One upsert: when it was due, and what came of it."""

    external_id: str
    status: int
    #: seconds from the moment it was due to its answer
    seconds: float


async def send(port: int, key: Key, names: Sequence[str], *, connections: int, rate: float | None) -> list[Sent]:
    """Send an upsert of each name over so many connections: as soon as one is free, or `rate` a second, if given.

    At a rate the time counts from the moment at which a request was due, so waiting for a free connection counts.
    """
    waiting = iter(enumerate(names))
    began = time.perf_counter()
    found: list[Sent] = []

    async def work(connection: Connection) -> None:
        for number, name in waiting:
            due = time.perf_counter() if rate is None else began + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            status = await connection.post(key, upsert_of(name))
            found.append(Sent(external_id=name, status=status, seconds=time.perf_counter() - due))

    opened = [await Connection.to(port) for _ in range(connections)]
    began = time.perf_counter()
    await asyncio.gather(*(work(connection) for connection in opened))
    for connection in opened:
        await connection.close()
    return found


def environment(home: Path, database_url: str, redis_url: str, base: Mapping[str, str]) -> dict[str, str]:
    """The environment of a gateway that belongs to a cluster."""
    own = {"HEARTH_HOME": str(home), "DATABASE_URL": database_url, "REDIS_URL": redis_url}
    return {**base, **own, "HEARTH_GATEWAY_WEBHOOKS": "false"}
