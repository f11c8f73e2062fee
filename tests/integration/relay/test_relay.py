"""The relay on both databases with a real broker: what waits is published, until it is done."""

import base64
import json
import signal
import subprocess
import sys
import threading
import urllib.request
from datetime import UTC, datetime
from subprocess import PIPE

import pytest
import redis
from celery import Celery

from db.records import OutboxDraft
from db.repositories.jobs import outbox
from db.session import EVERY_TENANT, reading, transaction
from tests.support.broker import ids, queued
from tests.support.processes import ROOT, environment, until
from workers.cluster.addresses import free_port
from workers.delivery.poll_loop import TRANSIENT_ERRORS
from workers.delivery.publishing import Publisher
from workers.delivery.relay import Relay, RelayLimits

NOW = datetime.now(UTC)


def write(count, tenant="acme", queue="inference", **kwargs):
    drafts = [OutboxDraft(task="hearth.toys.step", queue=queue, kwargs={"n": n, **kwargs}) for n in range(count)]
    with transaction(EVERY_TENANT) as session:
        return [row.outbox_id for row in outbox.add(session, tenant, drafts=drafts, now=datetime.now(UTC))]


def waiting():
    with reading(EVERY_TENANT) as session:
        return outbox.lag(session).waiting


@pytest.fixture
def relay(celery):
    """Builds relays that are closed at the end."""
    made = []

    def make(**limits):
        made.append(Relay(celery, RelayLimits(older_than=0.0, **limits)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def settle(one):
    """Step until there is nothing more."""
    while one.step():
        pass


pytestmark = pytest.mark.usefixtures("database")


def test_rows_are_published_once_under_their_ids(relay, broker_url):
    sent = write(3, queue="batch", name="Zoë")
    one = relay()
    settle(one)
    settle(one)
    messages = queued(broker_url, "batch")
    assert [message["headers"]["id"] for message in messages] == sent
    assert json.loads(base64.b64decode(messages[0]["body"]))[1] == {"n": 0, "name": "Zoë"}
    assert messages[0]["headers"]["task"] == "hearth.toys.step"
    assert messages[0]["headers"]["hearth_outbox"] == sent[0]
    assert "Zo" not in json.dumps(messages[0]["headers"])
    assert waiting() == 0


def test_the_fast_path_has_its_time(celery, broker_url):
    write(1)
    one = Relay(celery, RelayLimits(older_than=60.0))
    assert not one.step()
    assert ids(broker_url) == []


def test_a_flood_of_one_tenant_leaves_room_for_the_other(relay, broker_url):
    flood, few = write(50, tenant="flood"), write(3, tenant="small")
    relay(batch=10).step()
    first = ids(broker_url)
    assert len(first) == 10
    assert set(few) < set(first)
    assert first[0] == flood[0]


def test_a_long_queue_gets_no_more_and_holds_up_nobody(relay, broker_url):
    write(5, queue="batch")
    settle(relay(queue_depth=5))
    held_back = write(2, queue="batch")
    others = write(2, queue="inference")
    one = relay(queue_depth=5)
    settle(one)
    assert ids(broker_url, "inference") == others
    assert len(ids(broker_url, "batch")) == 5
    with redis.Redis.from_url(broker_url) as client:
        client.delete("batch")
    settle(one)
    assert set(held_back) <= set(ids(broker_url, "batch"))


@pytest.mark.parametrize("key", ["unacked", "hearth.relay.epoch", "_kombu.binding.inference"])
def test_a_row_that_names_a_key_of_the_broker_goes_by_its_task(relay, broker_url, key):
    sent = write(2, queue=key)
    one = relay()
    settle(one)
    settle(one)
    assert ids(broker_url, "celery") == sent, "where an unknown task goes"
    assert waiting() == 0


def test_what_has_not_ended_is_published_again_but_not_while_it_waits(relay, broker_url):
    done, undone = write(2)
    settle(relay())
    with transaction(EVERY_TENANT) as session:
        outbox.finish(session, "acme", outbox_id=done, now=NOW)
    settle(relay(redo_after=0.0, redo_depth=1))
    assert ids(broker_url) == [done, undone]
    settle(relay(redo_after=0.0, redo_depth=100))
    assert ids(broker_url) == [done, undone, undone]


def test_a_broker_that_lost_its_data_gets_all_that_is_not_done(relay, broker_url):
    done, *undone = write(4)
    one = relay(batch=2)
    settle(one)
    with transaction(EVERY_TENANT) as session:
        outbox.finish(session, "acme", outbox_id=done, now=NOW)
    with redis.Redis.from_url(broker_url) as client:
        client.flushall()
    settle(one)
    assert sorted(ids(broker_url)) == sorted(undone)
    settle(one)
    assert len(ids(broker_url)) == 3


def test_rows_survive_a_broker_that_is_away(relay, broker_url):
    sent = write(3)
    nowhere = Celery("nowhere", set_as_current=False)
    nowhere.config_from_object("celeryconfig")
    nowhere.conf.update(broker_url="redis://127.0.0.1:1/0")
    with pytest.raises(TRANSIENT_ERRORS):
        Relay(nowhere, RelayLimits(older_than=0.0)).step()
    settle(relay())
    assert ids(broker_url) == sent


def test_rows_whose_confirmation_was_lost_are_published_again(celery, relay, broker_url):
    sent = write(2)
    publisher = Publisher(celery)
    with transaction(EVERY_TENANT) as session:
        rows = outbox.claim(session, limit=10, per_tenant=10, older_than=0.0, hold=0.0)
    publisher.publish(rows, {})
    publisher.close()
    settle(relay())
    assert ids(broker_url) == sent + sent


def test_two_relays_publish_each_row_once(relay, broker_url):
    sent = write(400)
    threads = [threading.Thread(target=settle, args=(relay(batch=50),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    settle(relay())
    assert sorted(ids(broker_url)) == sorted(sent)


def test_the_process_recovers_by_itself_and_ends_on_sigterm(celery, broker_url, database, test_keyring, tmp_path):
    port = free_port()
    facts = {"DATABASE_URL": database, "HEARTH_KEYS": test_keyring.dump(), "REDIS_URL": broker_url}
    command, metrics = [sys.executable, "-m", "workers.delivery.relay"], {"HEARTH_METRICS_PORT": str(port)}
    with subprocess.Popen(command, env=environment(tmp_path) | facts | metrics, cwd=ROOT, stderr=PIPE) as process:
        try:
            sent = write(2)
            until(lambda: ids(broker_url) == sent)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                assert b'hearth_queue_depth{queue="inference"} 2.0' in answer.read()
            pause(broker_url, seconds=1.0)
            late = write(1)
            until(lambda: ids(broker_url) == sent + late)
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        finally:
            process.kill()
        assert b"Traceback" not in process.stderr.read()
    assert waiting() == 0


def pause(url, seconds):
    """Make every client of the broker wait, and lose its connection."""
    with redis.Redis.from_url(url) as client:
        client.client_pause(round(seconds * 1000))
        client.client_kill_filter(_type="normal", skipme=True)
