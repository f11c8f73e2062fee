"""What goes with an effect goes in its transaction: proofs, events, follow-ups; long work is done by one at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import redis

from db.errors import FenceLost
from db.repositories import audit, tenants
from db.repositories.jobs import leases, outbox
from db.session import EVERY_TENANT, reading, transaction
from tasks.errors import Unavailable
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.models import train_model
from tasks.outbound import pull
from tasks.outcomes import record
from tasks.pipelines import assess
from tasks.runtime.leases import LeaseBusy, leased
from tasks.runtime.schedule import is_due
from tasks.runtime.task import HearthTask
from tasks.tenants import configure

pytestmark = pytest.mark.usefixtures("database", "workspace_folder")

NOW = datetime.now(UTC)
SECRET = "a-secret-of-the-crm-0123456789"


@pytest.fixture
def tenant(database: str) -> str:
    configure(tenant_id="acme")
    return "acme"


@pytest.fixture
def full_broker(live_broker: str) -> Iterator[None]:
    """The broker answers and refuses every write."""
    with redis.Redis.from_url(live_broker) as client:
        client.config_set("maxmemory", 1)
        yield
        client.config_set("maxmemory", 0)


def one_lead(tenant: str, **fields: object) -> str:
    seen = (NOW - timedelta(days=3)).isoformat()
    sent = {"external_id": "a", "email": "a@example.com", "created_at": seen, **fields}
    return str(upsert(tenant_id=tenant, leads=[sent])["data"]["lead_ids"][0])


def proved(tenant: str) -> int:
    with reading(EVERY_TENANT) as session:
        assert audit.verify(session, tenant).ok
        return audit.head(session, tenant).sequence


def test_predictions_and_settings_are_proved_once(tenant: str) -> None:
    lead_id = one_lead(tenant)
    assert proved(tenant) == 1
    score(tenant_id=tenant, lead_id=lead_id)
    score(tenant_id=tenant, lead_id=lead_id)
    assert proved(tenant) == 2, "an unchanged lead in the same interval keeps its answer"


def test_a_refused_effect_leaves_no_proof_and_no_event(tenant: str) -> None:
    lead_id = one_lead(tenant)
    before = proved(tenant)
    score(tenant_id=tenant, lead_id=lead_id, dry_run=True)
    assert proved(tenant) == before
    assert pull(tenant_id=tenant)["data"]["events"] == []


def test_a_changed_band_is_told_in_order_and_pulled_by_cursor(tenant: str) -> None:
    lead_id = one_lead(tenant)
    score(tenant_id=tenant, lead_id=lead_id)
    configure(tenant_id=tenant, settings={"bands": {"hot": 0.011, "warm": 0.010}})
    one_lead(tenant, showings=4, preapproval="cash")
    score(tenant_id=tenant, lead_id=lead_id)
    told = pull(tenant_id=tenant)["data"]
    assert [event["type"] for event in told["events"]] == ["band.changed", "threshold.crossed"]
    assert told["events"][0]["data"]["band"] == "hot"
    assert pull(tenant_id=tenant, cursor=told["cursor"])["data"] == {"events": [], "cursor": told["cursor"]}


def test_an_accepted_assessment_is_in_the_outbox_though_the_broker_takes_nothing(
    tenant: str, full_broker: None
) -> None:
    lead_id = one_lead(tenant)
    answer = assess(tenant_id=tenant, lead_id=lead_id)
    assert answer["status"] == "ok"
    with reading(EVERY_TENANT) as session:
        waiting = outbox.pending(session, limit=10, before=datetime.now(UTC) + timedelta(minutes=1))
    assert [row.task for row in waiting] == ["hearth.pipelines.start"]


def test_a_callbacks_secret_is_sealed_and_comes_back_only_where_it_is_asked_for(tenant: str) -> None:
    callback = {"kind": "webhook", "url": "https://crm.example.com/hook", "secret": SECRET}
    first = configure(tenant_id=tenant, settings={"callback": callback})
    again = configure(tenant_id=tenant, settings={"callback": callback})
    assert (first["data"]["changed"], again["data"]["changed"]) == (True, False)
    with reading(EVERY_TENANT) as session:
        assert SECRET not in str(tenants.require(session, tenant))
        assert (tenants.callback(session, tenant) or {})["secret"] == SECRET


def test_a_lease_is_held_by_one_and_its_successors_fence_stops_the_effect(tenant: str) -> None:
    with leased(tenant, "work", "me") as held:
        with pytest.raises(LeaseBusy), leased(tenant, "work", "you"):
            pass
        with transaction(EVERY_TENANT) as session:
            leases.guard(session, tenant, name=held.name, fence=held.fence)
        with transaction(EVERY_TENANT) as session:  # as after its time ran out
            leases.release(session, tenant, name="work", holder="me", fence=held.fence)
        with leased(tenant, "work", "you"), pytest.raises(FenceLost), transaction(EVERY_TENANT) as session:
            leases.guard(session, tenant, name=held.name, fence=held.fence)


def test_a_slot_is_taken_once_however_many_ask() -> None:
    taken = []
    askers = [threading.Thread(target=lambda: taken.append(is_due("test", 86_400))) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert sorted(taken) == [False, False, False, True]


def test_work_that_another_does_is_unavailable_to_a_direct_call(tenant: str) -> None:
    assert isinstance(train_model, HearthTask)
    with leased(tenant, "hearth.models.train:lead_score:tenant", "other"), pytest.raises(Unavailable):
        train_model(tenant_id=tenant, kind="lead_score")


def test_outcomes_are_idempotent_by_their_own_id(tenant: str) -> None:
    one_lead(tenant)
    item = {"subject": {"external_id": "a"}, "type": "won", "at": NOW.isoformat(), "outcome_id": "o1"}
    assert record(tenant_id=tenant, outcomes=[item, item])["data"]["duplicates"] == 1
