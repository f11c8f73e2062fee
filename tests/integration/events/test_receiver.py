"""The receiver of docs/receiver.md, called as an ASGI server calls it, with a real broker behind it."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import sys
from collections.abc import Iterator
from importlib import util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tasks.events import ingest
from tasks.tenants import configure
from tests.support.broker import queued, running
from workers.base.settings import Settings

KEY = Ed25519PrivateKey.generate()
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
EVENT = {"type": "ContactCreate", "locationId": "LOC1", "webhookId": "w1", "id": "c1", "firstName": "Zoë"}


@pytest.fixture(scope="module")
def broker_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("broker")) as url:
        yield url


@pytest.fixture(scope="module")
def example() -> ModuleType:
    path = Path(__file__).parents[3] / "examples" / "receiver" / "receiver.py"
    spec = util.spec_from_file_location("receiver", path)
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    sys.modules["receiver"] = module
    spec.loader.exec_module(module)
    return module


def post(app: Any, body: bytes, headers: dict[str, str], method: str = "POST") -> int:
    return asyncio.run(posted(app, body, headers, method))


async def posted(app: Any, body: bytes, headers: dict[str, str], method: str = "POST") -> int:
    """What an ASGI server does: the body in two pieces, headers in small letters."""
    pieces = [{"body": body[:10], "more_body": True}, {"body": body[10:], "more_body": False}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", **pieces.pop(0)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    named = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await app({"type": "http", "method": method, "headers": named}, receive, send)
    return int(sent[0]["status"])


def signed(body: bytes) -> dict[str, str]:
    return {"Content-Type": "application/json", "X-GHL-Signature": base64.b64encode(KEY.sign(body)).decode()}


def nested(levels: int) -> str:
    return '{"locationId": "L", "a": ' + "[" * (levels - 1) + "]" * (levels - 1) + "}"


@pytest.mark.usefixtures("sqlite_database")
def test_a_signed_webhook_is_queued_and_taken_in(example: ModuleType, broker_url: str) -> None:
    app = example.receiver([PEM], example.enqueuer(broker_url))
    body = json.dumps(EVENT).encode()
    assert post(app, body, signed(body)) == 200
    message = queued(broker_url, "ingest")[-1]
    assert message["headers"]["task"] == "hearth.events.ingest"
    args, kwargs, _ = json.loads(base64.b64decode(message["body"]))
    assert (args, kwargs["tenant_id"], kwargs["events"], kwargs["signature_verified"]) == ([], "LOC1", [EVENT], True)
    configure(tenant_id="LOC1")
    assert ingest(**kwargs)["data"]["accepted"] == 1
    assert ingest(**kwargs)["data"]["duplicates"] == 1


def test_what_is_not_signed_or_no_event_reaches_no_queue(example: ModuleType, broker_url: str) -> None:
    app = example.receiver([PEM], example.enqueuer(broker_url))
    before, body = len(queued(broker_url, "ingest")), json.dumps(EVENT).encode()
    assert post(app, body, {}) == 401
    assert post(app, body + b" ", signed(body)) == 401
    assert post(example.receiver([], example.enqueuer(broker_url)), body, signed(body)) == 401
    assert post(app, b"[1, 2, 3, 4, 5]", signed(b"[1, 2, 3, 4, 5]")) == 400
    assert post(app, b"{not json at all", signed(b"{not json at all")) == 400
    for refused in ('{"locationId": "L", "a": NaN}', '{"locationId": "L", "a": 1e999}', nested(91), nested(20_000)):
        assert post(app, refused.encode(), signed(refused.encode())) == 400
    assert post(app, body, signed(body), method="GET") == 405
    long = b"x" * (example.LIMIT + 1)
    assert post(app, long, signed(long)) == 413
    assert len(queued(broker_url, "ingest")) == before


def test_what_comes_together_is_one_message_a_location(example: ModuleType, broker_url: str) -> None:
    app, before = example.receiver([PEM], example.enqueuer(broker_url)), len(queued(broker_url, "ingest"))
    bodies = [json.dumps({**EVENT, "locationId": f"LOC{n % 2}", "webhookId": f"w{n}"}).encode() for n in range(30)]

    async def together() -> list[int]:
        return list(await asyncio.gather(*(posted(app, body, signed(body)) for body in bodies)))

    assert asyncio.run(together()) == [200] * 30
    messages = queued(broker_url, "ingest")[before:]
    events = [json.loads(base64.b64decode(message["body"]))[1]["events"] for message in messages]
    assert sorted(len(batch) for batch in events) == [15, 15]
    assert all(len({event["locationId"] for event in batch}) == 1 for batch in events)


def test_while_the_broker_is_down_the_sender_is_asked_to_come_again(example: ModuleType) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        app = example.receiver([PEM], example.enqueuer(f"redis://127.0.0.1:{closed.getsockname()[1]}/0"))
        body = json.dumps(EVENT).encode()
        assert post(app, body, signed(body)) == 429


def test_keys_are_taken_apart_as_the_settings_do(example: ModuleType) -> None:
    assert example.pem_keys(f"{PEM}\n{PEM}") == list(Settings(ghl_keys=f"{PEM}{PEM}").highlevel_keys()) == [PEM, PEM]
