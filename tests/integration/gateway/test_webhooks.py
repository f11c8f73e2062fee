"""Webhooks at the gateway: who is believed, what is taken and what is kept, over real stores and a real broker."""

import asyncio
import base64
import json
import socket
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
import redis
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import SecretStr
from sqlalchemy import text
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.httputil import HTTPHeaders
from tornado.netutil import bind_sockets

from db import session as sessions
from db.records import ApiKeyDraft
from db.repositories import api_keys
from db.repositories.jobs import quarantine as held
from db.repositories.leads import leads
from db.session import EVERY_TENANT, reading, transaction
from tasks.privacy.rights import forget
from tasks.tenants import configure
from tests.support.broker import queued
from tests.support.working import work_off
from workers.app import app
from workers.base import awaited_messages
from workers.base.errors import WebhookKeysUnusable
from workers.base.settings import Settings
from workers.cluster.embedded import join
from workers.delivery.relay import Relay, RelayLimits
from workers.gateway import process
from workers.gateway.routes.webhooks import REMEMBERED
from workers.gateway.server import make_app, make_server
from workers.gateway.webhook_intake import LIMIT
from workers.gateway.webhook_keys import check_keys

pytestmark = pytest.mark.usefixtures("workspace_folder", "empty_broker")

HIGHLEVEL, WORKFLOW, GENERIC = (f"/v1/webhooks/{name}" for name in ("highlevel", "highlevel/workflow", "generic"))
NOW = datetime.now(UTC)
SIGNER, STRANGER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
OLDER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EMAIL = "zoe.early@example.com"


def pem(key):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


KEYS = pem(SIGNER) + pem(OLDER)


def event(number, location="LOC1", **more):
    told = {"type": "ContactCreate", "locationId": location, "webhookId": f"{location}-w{number}", "id": f"c{number}"}
    return {**told, "email": f"u{number}@example.com", **more}


def signed(document, key=SIGNER):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return HIGHLEVEL, body, {"X-GHL-Signature": base64.b64encode(key.sign(body)).decode()}


@pytest.fixture
def empty_broker(live_broker):
    with redis.Redis.from_url(live_broker) as client:
        client.flushall()
    return live_broker


@asynccontextmanager
async def serving(chosen, ring):
    async with process.opened(chosen, ring) as gateway:
        server = make_server(make_app(gateway))
        sockets = bind_sockets(0, "127.0.0.1")
        server.add_sockets(sockets)
        try:
            yield f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
        finally:
            await process.finish(server, gateway)


async def posted(url, path, body, headers, method="POST"):
    """Status and document of an answer."""
    options = {"headers": headers, "body": None if method == "GET" else body}
    asked = HTTPRequest(url + path, method=method, allow_nonstandard_methods=True, **options)
    answer = await AsyncHTTPClient(max_clients=100).fetch(asked, raise_error=False)
    return answer.code, json.loads(answer.body)


@pytest.fixture
def send(test_keyring):
    """Send requests at once to a gateway of their own; gives (status, document) of each."""

    def call(*requests, **settings):
        async def together():
            async with serving(Settings(**{"ghl_keys": KEYS, **settings}), test_keyring) as url:
                return await asyncio.gather(*(posted(url, *request) for request in requests))

        return asyncio.run(together())

    return call


def codes(answers):
    return [(status, document["error"]["code"]) for status, document in answers]


def events_of(message):
    return json.loads(base64.b64decode(message["body"]))[1]["events"]


def entries(**wanted):
    with reading(EVERY_TENANT) as session:
        return held.entries(session, **wanted)


def known(tenant, contact, source="ghl"):
    with reading(tenant) as session:
        return leads.find(session, tenant, external_id=contact, source_system=source)


def relayed():
    relay = Relay(app, RelayLimits(older_than=0.0))
    while relay.step():
        pass
    relay.close()


@pytest.mark.usefixtures("database")
def test_signed_events_that_come_together_are_one_message_a_location(send, empty_broker):
    configure(tenant_id="LOC1")
    configure(tenant_id="LOC2")
    answers = send(*(signed(event(n, f"LOC{1 + n % 2}")) for n in range(20)))
    assert answers == [(200, {"state": "accepted"})] * 20
    messages = queued(empty_broker, "ingest")
    assert sorted([e["locationId"] for e in events_of(each)] for each in messages) == [["LOC1"] * 10, ["LOC2"] * 10]
    kwargs = json.loads(base64.b64decode(messages[0]["body"]))[1]
    assert (kwargs["provider"], kwargs["signature_verified"]) == ("ghl", True)
    assert abs(datetime.fromisoformat(kwargs["received_at"]) - NOW) < timedelta(hours=1)
    assert [answer["data"]["accepted"] for answer in work_off(empty_broker)] == [10, 10]
    send(signed(event(1, "LOC2")))
    assert [answer["data"]["duplicates"] for answer in work_off(empty_broker)] == [1], "sent again, it counts once"


@pytest.mark.usefixtures("sqlite_database")
def test_who_is_not_believed_reaches_no_store(send, empty_broker):
    configure(tenant_id="LOC1")
    path, body, headers = signed(event(1))
    older = base64.b64encode(OLDER.sign(body, padding.PKCS1v15(), hashes.SHA256())).decode()
    twice = HTTPHeaders(headers)
    twice.add("X-GHL-Signature", headers["X-GHL-Signature"])
    answers = send(
        (path, body, {}),
        (path, body + b" ", headers),
        signed(event(1), STRANGER),
        (path, body, {"X-GHL-Signature": "N/A", "X-WH-Signature": older}),
        (path, body, {"X-GHL-Signature": "AAAA", "X-WH-Signature": older}),
        (path, body, twice),
        signed(b"[]", STRANGER),
    )
    assert codes(answers) == [(401, "signature_refused")] * 7
    assert codes(send((path, body, headers), ghl_keys="")) == [(401, "signature_refused")]
    assert codes(send((path, body, headers), gateway_webhooks=False)) == [(404, "not_found")]
    assert (queued(empty_broker, "ingest"), entries()) == ([], [])
    assert send((path, body, {"X-WH-Signature": older}))[0][0] == 200, "the older header counts where it comes alone"


@pytest.mark.usefixtures("sqlite_database")
def test_what_is_no_event_is_refused_and_kept_where_it_is_signed(send, empty_broker):
    deep = b'{"locationId": "LOC1", "a": ' + b"[" * 90 + b"]" * 90 + b"}"
    stale = event(1, timestamp=(NOW - REMEMBERED - timedelta(hours=1)).isoformat())
    bodies = (b"[1]", b"{no json", b'{"locationId": "LOC1", "a": NaN}', b'{"locationId": "LOC1", "a": 1e999}', deep)
    answers = send(*map(signed, (*bodies, {"type": "INSTALL"}, event(1, "../etc"), stale)))
    refusals = ["not_json"] * 4 + ["too_deep", "no_location", "no_location", "stale"]
    assert codes(answers) == [(400, code) for code in refusals]
    path, body, headers = signed(b"x" * (LIMIT + 1))
    assert codes(send((path, body, headers), (path, b"", {}, "GET"))) == [
        (413, "too_large"), (405, "method_not_allowed"),
    ]  # fmt: skip
    assert queued(empty_broker, "ingest") == []
    assert [entry.reason for entry in entries()] == ["no_location"] * 7, "all but the stale one"
    with reading(EVERY_TENANT) as session:
        kept = {held.get(session, "*", quarantine_id=entry.quarantine_id).body for entry in entries()}
    assert kept >= {*bodies, b'{"type": "INSTALL"}'}, "as they came"
    assert codes(send(*map(signed, bodies))) == [(400, code) for code in refusals[:5]]
    assert len(entries()) == 7, "what comes again is kept once"


@pytest.mark.usefixtures("database")
def test_events_of_an_unknown_location_wait_for_it_and_are_read_once(send, empty_broker):
    answers = send(signed(event(1, "NEW", email=EMAIL)), signed(event(2, "NEW")), signed(event(3, "OTHER")))
    assert codes(answers) == [(404, "unknown_location")] * 3
    assert "kept" in answers[0][1]["error"]["message"]
    assert [(entry.tenant_id, entry.reason) for entry in entries()] == [("*", "unknown_tenant")] * 2
    assert queued(empty_broker, "ingest") == []
    with reading(EVERY_TENANT) as session:
        stored = b"".join(map(bytes, session.scalars(text("SELECT content FROM quarantine"))))
    assert EMAIL.encode() not in stored
    configure(tenant_id="NEW")
    assert (awaited_messages.replay_all(), awaited_messages.replay_all()) == (1, 0)
    relayed()
    assert [answer["data"]["accepted"] for answer in work_off(empty_broker)] == [2]
    assert known("NEW", "c1")
    assert send(signed(event(1, "NEW", email=EMAIL)))[0][0] == 200
    assert [answer["data"]["duplicates"] for answer in work_off(empty_broker)] == [1]
    with reading("NEW") as session:
        assert session.scalar(text("SELECT count(*) FROM raw_events WHERE verified")) == 2
    forget(tenant_id="NEW", lead_id=known("NEW", "c1"))
    (moved,) = entries(state="replayed")
    with reading(EVERY_TENANT) as session:
        record = held.get(session, moved.tenant_id, quarantine_id=moved.quarantine_id)
    assert [told["id"] for told in json.loads(record.body)["events"]] == ["c2"], "forgetting reaches what was kept"


@pytest.mark.usefixtures("sqlite_database")
def test_while_a_store_is_away_the_sender_is_asked_to_come_again(send, test_keyring, empty_broker):
    configure(tenant_id="LOC1")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        join(SecretStr(f"redis://127.0.0.1:{closed.getsockname()[1]}/0"))
        try:
            assert codes(send(signed(event(1)))) == [(429, "broker_away")]
        finally:
            join(SecretStr(empty_broker))
    sessions.configure("postgresql://nobody@127.0.0.1:1/none", test_keyring)
    answers = send(signed(event(1)), signed({"type": "INSTALL"}))
    assert codes(answers) == [(429, "database_away")] * 2


def key_of(tenant, *scopes):
    draft = ApiKeyDraft(name="hook", kind="bearer", scopes=scopes, rate=20, created_by="ada")
    with transaction(EVERY_TENANT) as session:
        issued = api_keys.create(session, tenant, draft=draft, now=NOW)
    return {"Authorization": f"Bearer {issued.secret}"}


@pytest.mark.usefixtures("database")
def test_a_workflow_sends_with_a_key_of_its_own_location(send, empty_broker):
    configure(tenant_id="LOC1")
    configure(tenant_id="LOC2")
    mine, reader = key_of("LOC1", "write"), key_of("LOC1", "read")
    flow = {"contact_id": "c7", "email": EMAIL, "customData": {"Timeframe": "0-3"}}

    def by(path, document, headers):
        return path, json.dumps(document).encode(), headers

    answers = send(
        by(WORKFLOW, flow, {}),
        by(WORKFLOW, flow, reader),
        by(WORKFLOW, {**flow, "locationId": "LOC2"}, mine),
        by(WORKFLOW, {**flow, "location": {"id": "LOC2"}}, mine),
        by(WORKFLOW, [flow], mine),
        (*signed(event(1))[:2], mine),
    )
    assert codes(answers) == [
        (401, "credentials_missing"), (403, "scope_missing"), (403, "other_tenant"), (403, "other_tenant"),
        (400, "not_json"), (401, "signature_refused"),
    ]  # fmt: skip
    assert (queued(empty_broker, "ingest"), entries()) == ([], [])
    lead = {"source_system": "site", "external_id": "U-77", "email": "ada@example.com"}
    answers = send(
        by(WORKFLOW, flow, mine),
        by(WORKFLOW, {**flow, "contact_id": "c8", "location": {"id": "LOC1"}}, mine),
        by(GENERIC, {"id": "evt-1", "lead": lead, "kind": "listing_view"}, mine),
    )
    assert answers == [(200, {"state": "accepted"})] * 3
    assert sorted(answer["data"]["accepted"] for answer in work_off(empty_broker)) == [1, 2]
    assert known("LOC1", "c7")
    assert known("LOC1", "U-77", "site")
    assert known("LOC2", "c7") is None
    with reading("LOC1") as session:
        assert session.scalar(text("SELECT count(*) FROM raw_events WHERE verified")) == 0


def test_it_does_not_start_without_a_key_that_verifies_unless_told_so():
    for keys, problem in (
        ("", "is empty"),
        ("garbage", "key 1 of"),
        (KEYS + "x", "key 3 of"),
        (pem(SIGNER)[:-40], "key 1"),
    ):
        with pytest.raises(WebhookKeysUnusable, match=problem) as refused:
            check_keys(Settings(ghl_keys=keys))
        assert "HEARTH_GHL_KEYS" in str(refused.value)
        assert "--without-webhooks" in str(refused.value)
        check_keys(Settings(ghl_keys=keys, gateway_webhooks=False))
    check_keys(Settings(ghl_keys=KEYS))
    with pytest.raises(WebhookKeysUnusable):
        process.run(Settings(ghl_keys=""))


@pytest.mark.usefixtures("database")
def test_odd_but_legal_texts_come_through(send, empty_broker):
    configure(tenant_id="LOC1")
    odd = rb'{"type": "ContactCreate", "locationId": "%s", "webhookId": "o", "id": "c1", "firstName": "\ud800\u0000"}'
    assert [status for status, _ in send(signed(odd % b"LOC1"), signed(odd % b"NEW"))] == [200, 404]
    assert [answer["data"]["accepted"] for answer in work_off(empty_broker)] == [1]
    configure(tenant_id="NEW")
    assert awaited_messages.replay_all() == 1
    relayed()
    assert [answer["data"]["accepted"] for answer in work_off(empty_broker)] == [1]
