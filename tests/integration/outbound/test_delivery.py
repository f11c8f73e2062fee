"""The deliverer with real receivers on both databases: what comes, in which order, and what becomes of failures."""

import base64
import hashlib
import hmac
import json
import subprocess
import sys
import time

import pytest
import redis

from db.records import OutboundDraft
from db.repositories.outbound import circuit_breakers, outbound
from db.session import EVERY_TENANT, database_time, reading, transaction
from tasks.contracts.event_types import OutboundEvent
from tasks.leads.upsert import upsert
from tasks.outbound import pull
from tests.support.broker import app_of, queued, running
from tests.support.outbound import NOW, SECRET, states, subscribe, tell, until, webhook
from tests.support.processes import ROOT, environment
from workers.app import app
from workers.base.internal_keys import moved_aside

pytestmark = pytest.mark.usefixtures("database")
DONE = {"pending": 0, "dead": 0}


def dead(tenant):
    with reading(EVERY_TENANT) as session:
        return [(letter.event.event_id, letter.error) for letter in outbound.dead_letters(session, tenant, limit=100)]


def test_events_arrive_signed_and_in_order(receiver, deliverer):
    subscribe("acme", webhook(receiver.url))
    sent = tell("acme", "L1", "L2", "L1", None)
    one = deliverer()
    until(lambda: states() == DONE, one)
    in_order = [event["event_id"] for event in receiver.got if event["lead_id"] == "L1"]
    assert in_order == [sent[0], sent[2]]
    assert set(receiver.ids()) == set(sent)
    path, headers, body = receiver.requests[0]
    moment, code = (part.partition("=")[2] for part in headers["X-Hearth-Signature"].split(","))
    assert code == hmac.new(SECRET.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    assert abs(int(moment) - time.time()) < 30
    assert path == "/hook"
    assert headers["X-Hearth-Event-Id"] == json.loads(body)["event_id"]
    assert json.loads(body).keys() == set(OutboundEvent.model_fields)
    assert json.loads(body)["data"] == {"band": "hot"}


def test_a_pull_a_webhook_and_a_task_give_an_event_the_same_shape(receiver, deliverer, tmp_path):
    subscribe("acme", webhook(receiver.url))
    (lead_id,) = upsert(tenant_id="acme", leads=[{"external_id": "C-1"}])["data"]["lead_ids"]
    draft = OutboundDraft(type="lead.forgotten", lead_id=lead_id, body={"lead_id": lead_id, "erasure_id": "e"})
    with transaction(EVERY_TENANT) as session:
        outbound.emit(session, "acme", events=[draft], now=NOW)
    tell("acme", None)
    until(lambda: states() == DONE, deliverer())
    pulled = pull(tenant_id="acme")["data"]["events"]
    assert sorted(receiver.got, key=lambda event: event["sequence"]) == pulled
    assert [(event["external_id"], event["source_system"]) for event in pulled] == [("C-1", "crm"), (None, None)]
    for event in pulled:
        OutboundEvent.model_validate(event)
        assert (event["cursor"], event["at"]) == (event["sequence"], event["created_at"])
    subscribe("acme", {"kind": "celery", "task": "crm.told", "queue": "crm"})
    tell("acme", lead_id)
    with running(tmp_path) as url, app_of(url) as celery:
        until(lambda: states() == DONE, deliverer(celery=celery))
        (message,) = queued(url, "crm")
    assert json.loads(base64.b64decode(message["body"]))[1] == pull(tenant_id="acme")["data"]["events"][-1]


def test_a_failure_is_tried_again_and_keeps_the_leads_order(receiver, deliverer):
    subscribe("acme", webhook(receiver.url))
    sent = tell("acme", "L1", "L1", "L2")
    failing = iter([500, 429, 503])
    receiver.plan = lambda event: (next(failing, 204) if event["event_id"] == sent[0] else 204, {})
    until(lambda: states() == DONE, deliverer())
    arrived = receiver.ids()
    assert sorted(arrived) == sorted(sent)
    assert arrived.index(sent[0]) < arrived.index(sent[1])


@pytest.mark.parametrize("status", [400, 404, 410])
def test_a_refusal_is_a_dead_letter_at_once_until_it_is_replayed(receiver, deliverer, status):
    subscribe("acme", webhook(receiver.url))
    refused, later = tell("acme", "L1", "L1")
    receiver.plan = lambda event: (status if event["event_id"] == refused else 204, {})
    one = deliverer()
    until(lambda: states() == {"pending": 0, "dead": 1}, one)
    assert receiver.ids() == [later]
    assert dead("acme") == [(refused, f"http.{status}")]
    receiver.plan = lambda event: (204, {})
    with transaction(EVERY_TENANT) as session:
        assert outbound.replay(session, "acme", event_ids=None, now=NOW) == 1
    until(lambda: states() == DONE, one)
    assert receiver.ids() == [later, refused]


def test_redirects_are_not_followed(receiver, receivers, deliverer):
    elsewhere = receivers()
    subscribe("acme", webhook(receiver.url))
    tell("acme", "L1")
    receiver.plan = lambda event: (307, {"Location": elsewhere.url})
    until(lambda: states()["dead"] == 1, deliverer())
    assert dead("acme")[0][1] == "http.307"
    assert not elsewhere.requests


def test_attempts_end(receiver, deliverer):
    subscribe("acme", webhook(receiver.url))
    tell("acme", "L1")
    receiver.plan = lambda event: (500, {})
    until(lambda: states()["dead"] == 1, deliverer(attempts=3))
    assert len(receiver.requests) == 3


def test_a_receiver_that_says_when_is_not_asked_before(receiver, deliverer):
    subscribe("acme", webhook(receiver.url))
    tell("acme", "L1", "L2")
    asked = []
    receiver.plan = lambda event: (
        asked.append(time.monotonic()) or (429 if len(asked) == 1 else 204),
        {"Retry-After": "1"},
    )
    until(lambda: states() == DONE, deliverer(per_tenant=1))
    assert asked[1] - asked[0] >= 0.9


def test_a_dead_receiver_costs_little(receiver, deliverer):
    subscribe("acme", webhook(receiver.url))
    tell("acme", *(f"L{n}" for n in range(20)))
    receiver.plan = lambda event: (500, {})
    one = deliverer(open_for=60.0)
    until(lambda: len(receiver.requests) >= 5, one)
    for _ in range(20):
        one.step()
        time.sleep(0.01)
    assert len(receiver.requests) == 5
    with reading(EVERY_TENANT) as session:
        assert circuit_breakers.get(session, "acme").open_until is not None


def test_a_receiver_that_is_back_gets_everything(receiver, deliverer):
    subscribe("acme", webhook(receiver.url))
    sent = tell("acme", *(f"L{n}" for n in range(20)))
    receiver.plan = lambda event: (500 if len(receiver.requests) <= 7 else 204, {})
    until(lambda: states() == DONE, deliverer(open_for=0.1))
    assert sorted(receiver.ids()) == sorted(sent)


def test_one_hanging_receiver_does_not_delay_the_others(receiver, receivers, deliverer):
    hanging = receivers()
    hanging.plan, hanging.hang = lambda event: (None, {}), 6.0
    subscribe("slow", webhook(hanging.url))
    subscribe("quick", webhook(receiver.url))
    tell("slow", "L1", "L2")
    sent = tell("quick", *(f"L{n}" for n in range(5)))
    one, began = deliverer(threads=2), time.monotonic()
    until(lambda: len(receiver.got) == len(sent), one)
    assert time.monotonic() - began < 5.5
    assert states()["pending"] >= 2
    hanging.released.set()


def test_what_may_be_pulled_only_is_not_delivered(deliverer):
    tell("acme", "L1")
    until(lambda: states() == DONE, deliverer())
    with reading(EVERY_TENANT) as session:
        assert len(outbound.pull(session, "acme", cursor=0, limit=10)) == 1


def test_events_reach_the_crms_own_queue(deliverer, tmp_path):
    subscribe("acme", {"kind": "celery", "task": "crm.told", "queue": "crm"})
    (sent,) = tell("acme", "L1")
    with running(tmp_path) as url, app_of(url) as celery:
        until(lambda: states() == DONE, deliverer(celery=celery))
        (message,) = queued(url, "crm")
    assert (message["headers"]["task"], message["headers"]["id"]) == ("crm.told", sent)
    assert json.loads(base64.b64decode(message["body"]))[1]["type"] == "band.changed"


@pytest.mark.parametrize(
    ("task", "queue", "code"),
    [
        ("hearth.tenants.configure", "crm", "target.task"),
        ("crm.told", "inference", "target.queue"),
        ("crm.told", "unacked", "target.queue"),
    ],
)
def test_a_setting_from_before_reaches_nothing_of_ours(deliverer, task, queue, code):
    subscribe("acme", {"kind": "celery", "task": task, "queue": queue})
    tell("acme", "L1")
    until(lambda: states()["dead"] == 1, deliverer())
    assert dead("acme")[0][1] == code


def test_a_host_that_cannot_be_read_is_not_tried_again(deliverer):
    subscribe("acme", webhook("https://xn--a/hook"))
    tell("acme", "L1")
    until(lambda: states()["dead"] == 1, deliverer())
    assert dead("acme")[0][1] == "target.url"


def test_what_fails_in_an_unforeseen_way_ends_too(deliverer):
    subscribe("acme", {"kind": "celery", "task": "crm.told", "queue": "crm"})
    tell("acme", "L1")

    class Broken:
        conf = app.conf

        def send_task(self, *args, **options):
            raise LookupError

    until(lambda: states()["dead"] == 1, deliverer(celery=Broken(), attempts=3))
    assert dead("acme")[0][1] == "unexpected"


def test_an_event_that_takes_its_deliverers_with_it_is_given_up(receiver, deliverer):
    subscribe("acme", webhook(receiver.url))
    (sent,) = tell("acme", "L1")
    for _ in range(3):
        with transaction(EVERY_TENANT) as session:
            taken = outbound.due(session, now=database_time(session), limit=1, per_tenant=1, hold=0.0)
            assert [record.event_id for record, _ in taken] == [sent]
    until(lambda: states()["dead"] == 1, deliverer(attempts=3))
    assert dead("acme") == [(sent, "attempts")]
    assert not receiver.requests


def test_a_binding_of_the_crms_queue_that_is_a_list_is_moved_aside(deliverer, tmp_path):
    subscribe("acme", {"kind": "celery", "task": "crm.told", "queue": "crm"})
    with running(tmp_path) as url, app_of(url) as celery, redis.Redis.from_url(url) as broker:
        broker.lpush("_kombu.binding.crm", "x")
        tell("acme", "L1")
        until(lambda: states() == DONE, deliverer(celery=celery))
        assert len(queued(url, "crm")) == 1
        (aside,) = moved_aside(broker)
        assert broker.lrange(aside, 0, -1) == [b"x"]


def test_addresses_inside_are_refused(receiver, deliverer):
    subscribe("acme", webhook(receiver.url))
    tell("acme", "L1")
    until(lambda: states()["dead"] == 1, deliverer(loopback=False))
    assert not receiver.requests


PROCESS = """
from workers.app import app
from workers.delivery import outbound
outbound.DeliveryLimits.__init__.__kwdefaults__["hold"] = 0.5
outbound.main()
"""


def test_a_killed_deliverer_loses_nothing(receiver, deliverer, database, test_keyring, tmp_path):
    subscribe("acme", webhook(receiver.url))
    sent = tell("acme", *(f"L{n % 7}" for n in range(40)))
    receiver.plan = lambda event: (time.sleep(0.02), (204, {}))[1]
    facts = {"DATABASE_URL": database, "HEARTH_KEYS": test_keyring.dump(), "HEARTH_WEBHOOK_LOOPBACK": "1"}
    with subprocess.Popen([sys.executable, "-c", PROCESS], env=environment(tmp_path) | facts, cwd=ROOT) as process:
        try:
            deadline = time.monotonic() + 20
            while len(receiver.got) < 5:
                assert time.monotonic() < deadline
                time.sleep(0.01)
        finally:
            process.kill()
    at_once = len(receiver.got)
    assert at_once < 40
    until(lambda: states() == DONE, deliverer(), patience=15)
    assert set(receiver.ids()) == set(sent)
    assert len(receiver.got) <= len(sent) + 2
    for lead in range(7):
        told = [event["sequence"] for event in receiver.got if event["lead_id"] == f"L{lead}"]
        assert told == sorted(told)
