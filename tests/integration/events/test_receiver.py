"""The receiver of docs/receiver.md, called as an ASGI server calls it, with a real broker behind it."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import redis
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tasks.events import ingest
from tasks.tenants import configure
from tests.support.broker import queued, running
from tests.support.working import work_off
from workers.base import awaited_messages
from workers.base.settings import Settings

KEY = Ed25519PrivateKey.generate()
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
EVENT = {"type": "ContactCreate", "locationId": "LOC1", "webhookId": "w1", "id": "c1", "firstName": "Zoë"}


@pytest.fixture(scope="module")
def broker_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("broker")) as url:
        yield url


FOLDER = Path(__file__).parents[3] / "examples" / "receiver"


def loaded(name: str) -> ModuleType:
    spec = util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def example() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HEARTH_GHL_KEYS", PEM)
        yield loaded("receiver")


@pytest.fixture
def app_of(example: ModuleType, tmp_path: Path) -> Callable[..., Any]:
    """The application over a broker; what it keeps is in `kept.jsonl`."""

    def make(broker_url: str, keys: Sequence[str] = (PEM,)) -> Any:
        return example.receiver(keys, example.enqueuer(broker_url), example.Kept(tmp_path / "kept.jsonl"))

    return make


def post(app: Any, body: bytes, headers: dict[str, str], method: str = "POST") -> int:
    return asyncio.run(posted(app, body, headers, method))[0]


def told(app: Any, body: bytes) -> tuple[int, str]:
    """Status and code of the answer to a signed body."""
    status, text = asyncio.run(posted(app, body, signed(body)))
    return status, json.loads(text)["error"]["code"]


async def posted(app: Any, body: bytes, headers: dict[str, str], method: str = "POST") -> tuple[int, bytes]:
    """What an ASGI server does: the body in two pieces, headers in small letters."""
    pieces = [{"body": body[:10], "more_body": True}, {"body": body[10:], "more_body": False}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", **pieces.pop(0)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    named = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await app({"type": "http", "method": method, "headers": named}, receive, send)
    assert dict(sent[0]["headers"])[b"content-length"] == str(len(sent[1]["body"])).encode()
    return int(sent[0]["status"]), sent[1]["body"]


def signed(body: bytes) -> dict[str, str]:
    return {"Content-Type": "application/json", "X-GHL-Signature": base64.b64encode(KEY.sign(body)).decode()}


def nested(levels: int) -> str:
    return '{"locationId": "L", "a": ' + "[" * (levels - 1) + "]" * (levels - 1) + "}"


@pytest.mark.usefixtures("sqlite_database")
def test_a_signed_webhook_is_queued_and_taken_in(app_of: Callable[..., Any], broker_url: str) -> None:
    app = app_of(broker_url)
    body = json.dumps(EVENT).encode()
    assert post(app, body, signed(body)) == 200
    message = queued(broker_url, "ingest")[-1]
    assert message["headers"]["task"] == "hearth.events.ingest"
    args, kwargs, _ = json.loads(base64.b64decode(message["body"]))
    assert (args, kwargs["tenant_id"], kwargs["events"], kwargs["signature_verified"]) == ([], "LOC1", [EVENT], True)
    configure(tenant_id="LOC1")
    assert ingest(**kwargs)["data"]["accepted"] == 1
    assert ingest(**kwargs)["data"]["duplicates"] == 1


def test_what_is_not_signed_or_no_event_reaches_no_queue(
    example: ModuleType, app_of: Callable[..., Any], broker_url: str, tmp_path: Path
) -> None:
    app = app_of(broker_url)
    before, body = len(queued(broker_url, "ingest")), json.dumps(EVENT).encode()
    assert post(app, body, {}) == 401
    assert post(app, body + b" ", signed(body)) == 401
    assert post(app_of(broker_url, keys=[]), body, signed(body)) == 401
    assert post(app, body, signed(body), method="GET") == 405
    long = b"x" * (example.LIMIT + 1)
    assert told(app, long) == (413, "too_large")
    assert not (tmp_path / "kept.jsonl").exists(), "only what is signed is kept"
    codes = {
        b"[1, 2, 3, 4, 5]": "not_json",
        b"\xff\xfe{not json at all": "not_json",
        b'{"locationId": "L", "a": NaN}': "not_json",
        b'{"locationId": "L", "a": 1e999}': "not_json",
        nested(91).encode(): "too_deep",
        nested(20_000).encode(): "not_json",
        b'{"type": "INSTALL"}': "no_location",
        b'{"locationId": "../etc"}': "no_location",
    }
    assert {refused: told(app, refused) for refused in codes} == {body: (400, code) for body, code in codes.items()}
    assert len(queued(broker_url, "ingest")) == before
    kept = [json.loads(line) for line in (tmp_path / "kept.jsonl").read_text().splitlines()]
    assert {each["body"].encode(errors="surrogateescape"): each["code"] for each in kept} == codes, "as they came"
    assert stat.S_IMODE((tmp_path / "kept.jsonl").stat().st_mode) == 0o600


def test_what_cannot_be_kept_is_asked_for_again(
    example: ModuleType, app_of: Callable[..., Any], broker_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, body = app_of(broker_url), b'{"type": "INSTALL"}'
    monkeypatch.setattr(example, "KEPT_LIMIT", 150)
    assert [told(app, body)[0] for _ in range(3)] == [400, 429, 429]
    assert len((tmp_path / "kept.jsonl").read_text()) <= 150
    (tmp_path / "kept.jsonl").unlink()
    (tmp_path / "kept.jsonl").mkdir()
    assert told(app, body) == (429, "not_kept")


def test_what_comes_together_is_one_message_a_location(app_of: Callable[..., Any], broker_url: str) -> None:
    app, before = app_of(broker_url), len(queued(broker_url, "ingest"))
    bodies = [json.dumps({**EVENT, "locationId": f"LOC{n % 2}", "webhookId": f"w{n}"}).encode() for n in range(30)]

    async def together() -> list[tuple[int, bytes]]:
        return list(await asyncio.gather(*(posted(app, body, signed(body)) for body in bodies)))

    assert asyncio.run(together()) == [(200, b"")] * 30
    messages = queued(broker_url, "ingest")[before:]
    events = [json.loads(base64.b64decode(message["body"]))[1]["events"] for message in messages]
    assert sorted(len(batch) for batch in events) == [15, 15]
    assert all(len({event["locationId"] for event in batch}) == 1 for batch in events)


def test_while_the_broker_is_down_the_sender_is_asked_to_come_again(app_of: Callable[..., Any]) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        app = app_of(f"redis://127.0.0.1:{closed.getsockname()[1]}/0")
        assert told(app, json.dumps(EVENT).encode()) == (429, "broker_away")


@pytest.mark.usefixtures("sqlite_database")
def test_events_of_a_location_that_is_no_tenant_wait_for_it(app_of: Callable[..., Any], broker_url: str) -> None:
    with redis.Redis.from_url(broker_url) as client:
        client.flushall()
    body = json.dumps({**EVENT, "locationId": "NEW"}).encode()
    assert post(app_of(broker_url), body, signed(body)) == 200
    (refused,) = work_off(broker_url)
    assert refused.code == "unknown_tenant"
    configure(tenant_id="NEW")
    assert awaited_messages.replay_all() == 1


def test_half_a_character_loses_no_event_beside_it(app_of: Callable[..., Any], broker_url: str) -> None:
    body = rb'{"type": "ContactCreate", "locationId": "LOC1", "id": "c1", "firstName": "\ud83d"}'
    assert post(app_of(broker_url), body, signed(body)) == 200
    kwargs = json.loads(base64.b64decode(queued(broker_url, "ingest")[-1]["body"]))[1]
    assert kwargs["events"][0]["firstName"] == "?"


def test_keys_are_taken_apart_as_the_settings_do(example: ModuleType) -> None:
    assert example.pem_keys(f"{PEM}\n{PEM}") == list(Settings(ghl_keys=f"{PEM}{PEM}").highlevel_keys()) == [PEM, PEM]
    line = (PEM + PEM).replace("\n", "\\n")
    assert example.pem_keys(line) == list(Settings(ghl_keys=line).highlevel_keys()) == [PEM, PEM]


def test_it_does_not_start_without_a_key_unless_told_so(
    example: ModuleType, broker_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for variables in ({}, {"HEARTH_GHL_KEYS": " "}, {"RECEIVER_UNSIGNED": "no"}, {"HEARTH_GHL_KEYS": "garbage"}):
        with pytest.raises(SystemExit, match="HEARTH_GHL_KEYS"):
            example.from_environment(variables)
    app = example.from_environment({"RECEIVER_UNSIGNED": "yes", "REDIS_URL": broker_url})
    body = json.dumps(EVENT).encode()
    assert post(app, body, {}) == 200
    kwargs = json.loads(base64.b64decode(queued(broker_url, "ingest")[-1]["body"]))[1]
    assert kwargs["signature_verified"] is False
    assert post(app, b'{"type": "INSTALL"}', {}) == 400
    assert list(tmp_path.iterdir()) == [], "what nobody signed fills no disk"
    keyed = example.from_environment({"RECEIVER_UNSIGNED": "yes", "HEARTH_GHL_KEYS": PEM, "REDIS_URL": broker_url})
    assert post(keyed, body, {}) == 401, "with a key, all must be signed"


def test_the_sample_is_signed_with_the_key_whose_export_it_prints(
    example: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    sender = loaded("send_sample")
    assert sender.keys() == sender.keys(), "the key pair stays"
    assert stat.S_IMODE((tmp_path / "sample-key.pem").stat().st_mode) == 0o600
    command = [sys.executable, str(FOLDER / "send_sample.py"), "keys"]
    line = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    script = f'{line}\nprintf %s "$HEARTH_GHL_KEYS"'
    pem = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert example.unreadable_keys(example.pem_keys(pem)) == []
    body = sender.sample("LOC1")
    signature = base64.b64encode(sender.private_key().sign(body)).decode()
    assert example.verify_highlevel(body, {"X-GHL-Signature": signature}, example.pem_keys(pem))
    assert example.parse(body)["locationId"] == "LOC1"
    assert subprocess.run([*command[:-1], "help"], capture_output=True, check=False).returncode == 2
    sent = subprocess.run([*command[:-1], "send", "http://127.0.0.1:1/"], capture_output=True, text=True, check=False)
    assert (sent.returncode, sent.stderr.startswith("nobody answers at")) == (1, True)
