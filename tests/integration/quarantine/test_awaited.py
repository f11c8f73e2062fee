"""Events that came before their tenant: kept, bounded, and read once there is that tenant; on both databases."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from db.records import QuarantineDraft
from db.repositories.jobs import awaited_tenants, outbox
from db.repositories.jobs import quarantine as held
from db.repositories.leads import leads
from db.session import EVERY_TENANT, reading, transaction
from tasks.errors import InvalidPayload
from tasks.events.ingest import ingest
from tasks.privacy.rights import forget
from tasks.services.privacy import offboarding
from tasks.system import AWAITED, purge
from tasks.tenants import configure
from tests.support.broker import app_of, queued, running
from tests.support.working import work_off
from workers.base import awaited_messages
from workers.base.settings import settings
from workers.cli import main
from workers.delivery.relay import Relay, RelayLimits

pytestmark = pytest.mark.usefixtures("database", "workspace_folder")

NOW = datetime.now(UTC)
EMAIL = "zoe.early@example.com"


@pytest.fixture(scope="module")
def broker_url(tmp_path_factory):
    with running(tmp_path_factory.mktemp("broker")) as url:
        yield url


@pytest.fixture
def celery(broker_url):
    with app_of(broker_url) as app:
        yield app


def event(number, location="LOC1", **more):
    told = {"type": "ContactCreate", "locationId": location, "webhookId": f"{location}-w{number}", "id": f"c{number}"}
    return {**told, "email": f"u{number}@example.com", **more}


def send(celery, *events, tenant="LOC1", task_id=None, **options):
    kwargs = {"tenant_id": tenant, "provider": "ghl", "events": list(events), "signature_verified": True}
    celery.send_task("hearth.events.ingest", kwargs=kwargs, queue="ingest", task_id=task_id, **options)


def relayed(celery):
    relay = Relay(celery, RelayLimits(older_than=0.0))
    while relay.step():
        pass
    relay.close()


def entries(**wanted):
    with reading(EVERY_TENANT) as session:
        return held.entries(session, **wanted)


def tally():
    with reading(EVERY_TENANT) as session:
        return {count.tenant_id: (count.held, count.overflowed) for count in held.count(session)}


def known(tenant, contact):
    with reading(tenant) as session:
        return leads.find(session, tenant, external_id=contact, source_system="ghl")


def test_events_wait_for_their_tenant_and_are_read_once(celery, broker_url):
    send(celery, event(1), event(2), task_id="m1", expires=NOW + timedelta(seconds=90))
    send(celery, event(3), task_id="m2")
    send(celery, event(4, "LOC2"), tenant="LOC2", task_id="m3")
    errors = work_off(broker_url)
    assert [(error.code, error.errors[0]["loc"]) for error in errors] == [("unknown_tenant", "tenant_id")] * 3
    assert "kept" in errors[0].errors[0]["msg"]
    assert [(e.tenant_id, e.reason, e.task) for e in entries()] == [("*", "unknown_tenant", "hearth.events.ingest")] * 3
    assert awaited_messages.replay_all() == 0, "there is no such tenant yet"
    configure(tenant_id="LOC1")
    assert (awaited_messages.replay_all(), awaited_messages.replay_all()) == (2, 0)
    relayed(celery)
    first, second = queued(broker_url, "ingest")
    assert [first["headers"]["id"], second["headers"]["id"]] == ["m1", "m2"], "in the order in which they came"
    assert first["headers"]["expires"] is None, "its time was for a tenant that was there"
    assert [answer["data"]["accepted"] for answer in work_off(broker_url)] == [2, 1]
    assert known("LOC1", "c1")
    assert known("LOC1", "c3")
    assert tally()["*"] == (1, 0)
    with reading("LOC1") as session:
        assert outbox.pending(session, limit=9, before=NOW + timedelta(days=1)) == [], "no row sends them again"


def test_other_tasks_of_unknown_tenants_are_refused_as_before(celery, broker_url):
    celery.send_task("hearth.outcomes.record", kwargs={"tenant_id": "LOC1", "outcomes": []}, queue="ingest")
    send(celery, event(1), tenant="not a name")
    work_off(broker_url)
    assert entries() == []


def test_the_same_message_waits_once(celery, broker_url):
    for _ in range(2):
        send(celery, event(1), task_id="m1")
    work_off(broker_url)
    assert len(entries()) == 1


def keep(number, tenant="LOC1", now=NOW, limit=awaited_tenants.MOST, **facts):
    kwargs = {"tenant_id": tenant, "provider": "ghl", "events": [event(number, tenant, **facts)]}
    draft = QuarantineDraft(
        task="hearth.events.ingest",
        queue="ingest",
        reason=held.AWAITS_TENANT,
        headers={"id": f"{tenant}-{number}"},
        body=json.dumps(kwargs).encode(),
        message_id=f"{tenant}-{number}",
        awaited_tenant=tenant,
    )
    with transaction(EVERY_TENANT) as session:
        return awaited_tenants.keep(session, draft=draft, now=now, limit=limit)


def test_they_are_bounded_and_leave_room_for_others():
    assert [keep(number, limit=2) for number in range(3)] == ["kept", "kept", "full"]
    assert tally()["*"] == (2, 1)
    other = QuarantineDraft(task=None, queue="ingest", reason="undecodable", headers={}, body=b"{")
    with transaction(EVERY_TENANT) as session:
        assert held.hold(session, held.UNKNOWN_TENANT, draft=other, now=NOW)


def test_they_wait_no_longer_than_thirty_days_and_not_for_tenants_that_left():
    keep(1, now=NOW - AWAITED - timedelta(hours=1))
    keep(2)
    configure(tenant_id="gone")
    keep(3, "gone")
    offboarding.delete("gone", actor="me", task_id="t", now=NOW)
    assert keep(4, "gone") == "deleted", "nothing of a tenant that left is kept"
    assert purge()["data"]["awaited"] == 2
    assert [entry.created_at for entry in entries()] == [NOW]
    assert tally()["*"] == (1, 0)


def test_forgetting_reaches_what_waits_for_this_tenant_and_no_other(celery, broker_url):
    keep(1, email=EMAIL)
    keep(2, email="other@example.com")
    keep(3, "LOC2", email=EMAIL)
    configure(tenant_id="LOC1")
    send(celery, event(9, email=EMAIL))
    work_off(broker_url)
    forget(tenant_id="LOC1", lead_id=known("LOC1", "c9"))
    assert sorted(waiting_addresses()) == ["other@example.com", EMAIL]
    assert awaited_messages.replay_all() == 1
    relayed(celery)
    work_off(broker_url)
    assert (known("LOC1", "c1"), known("LOC1", "c2") is None) == (None, False)


def waiting_addresses():
    with reading(EVERY_TENANT) as session:
        records = [held.get(session, "*", quarantine_id=e.quarantine_id) for e in held.entries(session, "*")]
    return [told["email"] for record in records for told in json.loads(record.body)["events"]]


def test_forgetting_reaches_what_was_sent_to_the_tenant(celery, broker_url):
    keep(1, email=EMAIL)
    configure(tenant_id="LOC1")
    assert awaited_messages.replay_all() == 1
    (moved,) = entries(state="replayed")
    assert moved.tenant_id == "LOC1"
    relayed(celery)
    work_off(broker_url)
    forget(tenant_id="LOC1", lead_id=known("LOC1", "c1"))
    assert entries(state="replayed") == []


@pytest.fixture
def hearth(database, test_keyring, tmp_path, monkeypatch):
    for name, value in {"DATABASE_URL": database, "HEARTH_KEYS": test_keyring.dump(), "HEARTH_HOME": tmp_path}.items():
        monkeypatch.setenv(name, str(value))
    settings.cache_clear()

    def run(*args):
        done = CliRunner().invoke(main, ["quarantine", *args, "--json"], prog_name="hearth")
        return done.exit_code, json.loads(done.stdout) if done.stdout else done.stderr

    yield run
    settings.cache_clear()


def test_the_commands_say_for_whom_they_wait_and_send_them_once_there_is_one(hearth):
    keep(1)
    keep(2)
    keep(3, "LOC2")
    one, *_ = hearth("list")[1]["messages"]
    assert (one["tenant_id"], one["reason"]) == ("*", "unknown_tenant")
    assert hearth("show", one["id"])[1]["awaits"] in ("LOC1", "LOC2")
    code, told = hearth("replay", one["id"])
    assert (code, "create it first" in told) == (1, True)
    assert hearth("replay", "--all") == (0, {"replayed": 0})
    configure(tenant_id="LOC1")
    assert hearth("replay", "--all", "--task", "hearth.events.ingest") == (0, {"replayed": 2})
    assert hearth("replay", "--all") == (0, {"replayed": 0})


def test_refusals_of_callers_stay_refusals():
    with pytest.raises(InvalidPayload, match="create it first"):
        ingest(tenant_id="LOC1", provider="ghl", events=[event(1)])
    assert entries() == []
