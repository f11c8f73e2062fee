"""What is kept of a message and how it is sent again, on both databases with a real broker behind the relay."""

import json
from datetime import UTC, datetime

import pytest
from kombu import Connection
from kombu.asynchronous.timer import Timer

from db import session as sessions
from db.records import QuarantineDraft
from db.repositories import tenants
from db.repositories.jobs import quarantine as held
from db.session import EVERY_TENANT, reading, transaction
from tests.support.broker import app_of, queued, running
from workers.base import quarantine
from workers.delivery.relay import Relay, RelayLimits
from workers.worker.consumer import Consumer

NOW = datetime.now(UTC)
SECRET = "ann.secret@example.com"
HEADERS = {"task": "crm.new", "id": "0190c0de-1111", "lang": "py", "retries": 2, "expires": None}
BODY = json.dumps([[], {"tenant_id": "acme", "note": SECRET}, {"callbacks": None}])


@pytest.fixture(scope="module")
def broker_url(tmp_path_factory):
    with running(tmp_path_factory.mktemp("broker")) as url:
        yield url


@pytest.fixture
def celery(broker_url):
    with app_of(broker_url) as app:
        yield app


@pytest.fixture
def channel():
    with Connection("memory://") as connection:
        yield connection.default_channel
        connection.transport.state.clear()


@pytest.fixture
def receive(channel):
    """Sends a message over a transport of this process and takes it out again, unacknowledged."""

    def take(body=BODY, content_type="application/json", **headers):
        producer = channel.connection.client.Producer(channel)
        queue = channel.connection.client.SimpleQueue("batch").queue(channel)
        queue.declare()
        facts = {"content_encoding": "utf-8", "correlation_id": "0190c0de-1111"}
        producer.publish(body, routing_key="batch", content_type=content_type, headers={**HEADERS, **headers}, **facts)
        return queue.get(accept=["json"])

    return take


@pytest.fixture
def acme(database):
    with transaction(EVERY_TENANT) as session:
        tenants.configure(session, "acme", settings={}, actor="test", now=NOW)


def entries(**wanted):
    with reading(EVERY_TENANT) as session:
        return held.entries(session, **wanted)


def relayed(celery):
    relay = Relay(celery, RelayLimits(older_than=0.0))
    while relay.step():
        pass
    relay.close()


def test_a_message_is_kept_whole_and_sealed(acme, receive):
    assert quarantine.hold(receive(), "unknown_task")
    (entry,) = entries()
    assert (entry.tenant_id, entry.task, entry.queue) == ("acme", "crm.new", "batch")
    assert (entry.reason, entry.attempts) == ("unknown_task", 0)
    with reading(EVERY_TENANT) as session:
        record = held.get(session, "acme", quarantine_id=entry.quarantine_id)
    assert json.loads(record.body) == json.loads(BODY)
    assert record.headers["headers"]["id"] == "0190c0de-1111"


def test_foreign_names_make_no_quarantines_and_no_odd_columns(acme, receive):
    body = json.dumps([[{"tenant_id": "someone"}], {}, {}])
    quarantine.hold(receive(body, task="x\x00\n'; DROP", id=["a"], odd=float("inf")), "invalid")
    quarantine.hold(receive(b"\xff\x00{", content_type="application/x-nonsense"), "undecodable")
    assert [(entry.tenant_id, entry.task) for entry in entries()] == [("*", None), ("*", "crm.new")]


def test_a_body_that_is_too_long_is_noted_without_it(acme, receive, monkeypatch):
    monkeypatch.setattr(quarantine, "BODY_LIMIT", 10)
    quarantine.hold(receive(), "poison")
    with reading(EVERY_TENANT) as session:
        record = held.get(session, "acme", quarantine_id=entries()[0].quarantine_id)
    assert record.body == b""
    with pytest.raises(ValueError, match="too long"):
        quarantine.raw_message(record, outbox_id="1", fresh=True)


def test_a_parked_message_is_sent_once_its_task_is_known(acme, receive, celery, broker_url):
    quarantine.hold(receive(), "unknown_task")
    quarantine.hold(receive(task="crm.newer"), "unknown_task")
    quarantine.hold(receive(), "poison")
    assert quarantine.replay_known({"crm.new"}) == 1
    assert quarantine.replay_known({"crm.new"}) == 0
    relayed(celery)
    (message,) = queued(broker_url, "batch")
    assert message["headers"]["id"] == message["properties"]["correlation_id"] == "0190c0de-1111"
    assert (message["headers"]["retries"], message["headers"]["hearth_parked"]) == (2, 1)
    assert [entry.reason for entry in entries()] == ["unknown_task", "poison"]


def test_who_is_parked_again_and_again_waits_for_a_person(acme, receive):
    quarantine.hold(receive(hearth_parked=quarantine.PARKED_LIMIT), "unknown_task")
    assert quarantine.replay_known({"crm.new"}) == 0


def test_what_a_task_held_by_itself_is_written_anew(acme, celery, broker_url):
    draft = QuarantineDraft(
        task="hearth.x",
        queue="batch",
        reason="attempts",
        headers={"id": "j1"},
        body=b'{"tenant_id":"acme"}',
        attempts=6,
    )
    with transaction(EVERY_TENANT) as session:
        held.hold(session, "acme", draft=draft, now=NOW)
    with transaction(EVERY_TENANT) as session:
        assert quarantine.replay(session, held.entries(session)[0], now=NOW, by_hand=True)
    relayed(celery)
    (message,) = queued(broker_url, "batch")
    assert (message["headers"]["task"], message["headers"]["id"]) == ("hearth.x", "j1")


@pytest.mark.parametrize("key", ["unacked", "unacked_index", "hearth.fair.batch.aside"])
def test_a_message_that_was_held_for_a_key_of_the_broker_comes_back_by_the_common_queue(acme, celery, broker_url, key):
    draft = QuarantineDraft(
        task="hearth.x", queue=key, reason="attempts", headers={"id": "j1"}, body=b'{"tenant_id":"acme"}', attempts=6
    )
    with transaction(EVERY_TENANT) as session:
        held.hold(session, "acme", draft=draft, now=NOW)
    with transaction(EVERY_TENANT) as session:
        assert quarantine.replay(session, held.entries(session)[0], now=NOW, by_hand=True)
    relayed(celery)
    (message,) = queued(broker_url, "celery")
    assert message["headers"]["id"] == "j1"


def door(channel):
    """A consumer without a worker around it."""
    consumer = Consumer.__new__(Consumer)
    consumer.timer, consumer.connection, consumer.connection_errors = Timer(), channel.connection.client, ()
    return consumer


def test_the_door_acknowledges_what_the_database_has(acme, receive, channel):
    message = receive()
    door(channel).on_unknown_task(None, message, KeyError("crm.new"))
    assert message._state == "ACK"
    assert len(entries()) == 1


def test_the_door_gives_back_what_it_cannot_keep(receive, channel, test_keyring):
    sessions.configure("postgresql://nobody@127.0.0.1:1/none", test_keyring)
    message, consumer = receive(), door(channel)
    consumer.on_invalid_task(None, message, ValueError("kwargs"))
    assert message._state == "RECEIVED"
    (entry,) = consumer.timer.queue
    entry.entry()
    assert message._state == "REJECTED"
    assert channel.connection.client.SimpleQueue("batch").qsize() == 1
