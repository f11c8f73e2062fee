"""What the broker keeps: answers that name a person go, others' stay; the append-only file is written anew, or told."""

import warnings
from datetime import UTC, datetime, timedelta

import pytest
import redis
from pydantic import SecretStr

from db.data_subject import DataSubject
from tasks.errors import InvalidPayload
from tasks.leads.card import card
from tasks.leads.upsert import upsert
from tasks.privacy.retention import purge
from tasks.privacy.rights import compact, forget
from tasks.services.privacy import broker_data
from tasks.tenants import configure
from tests.support.privacy import CANARY, EMAIL, EXTERNAL, answered, written
from workers.app import app
from workers.cluster.embedded import join

ROLE = ("allkeys", "allchannels", "+@all", "-@dangerous", "+info")


def kept(url):
    with redis.Redis.from_url(url) as client:
        return {key.decode().removeprefix("celery-task-meta-") for key in client.scan_iter("celery-task-meta-*")}


def test_answers_that_name_somebody_go_and_all_others_stay(tenant, canary, other, broker):
    configure(tenant_id="neighbour")
    theirs = upsert(tenant_id="neighbour", leads=[CANARY])["data"]["lead_ids"][0]
    answered("mine", card(tenant_id=tenant, lead_id=canary), "SUCCESS")
    answered("others", card(tenant_id=tenant, lead_id=other), "SUCCESS")
    answered("neighbours", card(tenant_id="neighbour", lead_id=theirs), "SUCCESS")
    answered("failed", InvalidPayload.at("type", f"custom.{EMAIL}", "must be a number"), "FAILURE")
    answered("failed-other", InvalidPayload.at("type", "custom.dog", "must be a number"), "FAILURE")
    for number in range(2 * broker_data.STEP):
        answered(f"about-{number}", {"tenant_id": tenant, "data": {"external_id": EXTERNAL}}, "SUCCESS")
    mine = 2 + 2 * broker_data.STEP
    assert forget(tenant_id=tenant, lead_id=canary, dry_run=True)["data"]["results"] == mine
    assert len(kept(broker)) == mine + 3, "a trial removes nothing"
    assert forget(tenant_id=tenant, lead_id=canary)["data"]["results"] == mine
    assert kept(broker) == {"others", "neighbours", "failed-other"}


@pytest.fixture
def as_role(broker):
    """Lets the app talk to the broker as a role with the given rights."""
    with redis.Redis.from_url(broker) as admin:

        def become(*rights):
            admin.execute_command("ACL", "SETUSER", "worker", "on", ">secret", *rights)
            join(SecretStr(f"redis://worker:secret@{broker.rpartition('@')[2]}"))

        yield become
        join(SecretStr(broker))
        admin.execute_command("ACL", "DELUSER", "worker")


def test_a_role_that_may_not_rewrite_is_told_in_the_answer(tenant, canary, as_role):
    as_role(*ROLE)
    answer = forget(tenant_id=tenant, lead_id=canary)
    assert [warning["code"] for warning in answer["warnings"]] == ["broker_log_kept"]
    assert "BGREWRITEAOF" in answer["warnings"][0]["path"]
    assert purge()["data"]["log"] == "refused"


def test_the_documented_role_may(tenant, canary, as_role):
    as_role(*ROLE, "+bgrewriteaof")
    assert forget(tenant_id=tenant, lead_id=canary)["warnings"] == []


def test_a_broker_that_writes_already_is_asked_again(tenant, broker, broker_files):
    answered("mine", {"tenant_id": tenant, "data": {"external_id": EXTERNAL}}, "SUCCESS")
    written(broker)
    since = datetime.now(UTC)
    with redis.Redis.from_url(broker) as client:
        client.mset({f"k{number}": "v" for number in range(10)})
        client.config_set("rdb-key-save-delay", 100_000)  # microseconds a key, so that it is at work for a second
        client.bgrewriteaof()
        client.config_set("rdb-key-save-delay", 0)
        subject = DataSubject(identities=frozenset({(None, EXTERNAL)}))
        assert broker_data.forget_results(tenant, subject) == 1
        assert compact(since=since.isoformat())["data"] == {"log": "later"}
        assert client.llen("ingest") == 1, "it is sent again"
    assert broker_files(), "what was begun before holds the answer still"
    assert not broker_data.rewritten_since(since)
    assert compact(since=since.isoformat())["data"] == {"log": "begun"}
    assert broker_files() == []
    assert broker_data.rewritten_since(since)
    assert not broker_data.rewritten_since(datetime.now(UTC) + timedelta(seconds=1))


def test_one_rewriting_is_enough_for_many_erasures(tenant, broker):
    since = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    with redis.Redis.from_url(broker) as client:
        assert compact(since=since)["data"] == {"log": "begun"}
        written(broker)
        assert compact(since=since)["data"] == {"log": "begun"}
        facts = client.info("persistence")
    assert (facts["aof_rewrite_in_progress"], facts["aof_rewrite_scheduled"]) == (0, 0)


def test_a_broker_that_is_away_stops_no_erasure(tenant, canary, broker):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        join(SecretStr("redis://127.0.0.1:1/0"))
        try:
            answer = forget(tenant_id=tenant, lead_id=canary)
        finally:
            join(SecretStr(broker))
    assert answer["data"]["leads"] == 1
    assert [warning["code"] for warning in answer["warnings"]] == ["results_kept"]
    assert app.conf.broker_url == broker
