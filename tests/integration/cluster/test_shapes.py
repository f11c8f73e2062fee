"""Whatever lies in a queue: no worker ends, what cannot run is held with its reason, and the next task is answered."""

from collections import Counter

import pytest
import redis
from kombu.utils.uuid import uuid
from sqlalchemy import text

from benchmarks.attacks.shapes import shapes
from db import session
from db.repositories.jobs import quarantine as held
from db.session import EVERY_TENANT, reading, transaction
from tests.support.malformed import push
from tests.support.processes import until
from workers.app import app
from workers.base import database, malformed
from workers.cluster.embedded import attach

pytestmark = pytest.mark.cluster("cluster")


@pytest.fixture
def bound(cluster):
    """This process on the cluster's broker and database."""
    assert attach(cluster.settings)
    database.bind(cluster.settings)
    yield cluster
    session.dispose()


@pytest.fixture
def broker(bound):
    with redis.Redis.from_url(bound.facts["redis_url"]) as client:
        yield client


def entries():
    with reading(EVERY_TENANT) as opened:
        return held.entries(opened, limit=1_000_000)


@pytest.mark.parametrize("queue", ["celery", "inference"])
def test_no_shape_ends_a_worker_or_vanishes(bound, broker, queue):
    before, workers = {entry.quarantine_id for entry in entries()}, main_processes(bound)
    noted = set(broker.hkeys("unacked"))
    told = list(shapes("toys.echo", queue))
    for shape in told:
        broker.lpush(queue, shape.raw)
    sent = [app.send_task("toys.echo", kwargs={"a": number}, queue=queue) for number in range(20)]
    assert [each.get(timeout=60)["a"] for each in sent] == list(range(20))

    wanted = Counter(shape.end for shape in told if shape.end != "worked_on")
    until(lambda: Counter(e.reason for e in entries() if e.quarantine_id not in before) == wanted)
    until(lambda: not left_over(broker, queue, noted))
    assert main_processes(bound) == workers


def test_a_caller_is_told_that_his_message_cannot_be_read(bound, broker):
    deep = '[[], {"x": ' + "[" * 500 + "]" * 500 + "}, {}]"
    task_id = uuid()
    push(bound, body=deep, headers={"lang": "py", "task": "toys.echo", "id": task_id})
    with pytest.raises(Exception, match="was put aside"):
        app.AsyncResult(task_id).get(timeout=20)


def test_a_message_over_which_workers_died_is_held_untouched(bound, broker):
    """As often as that, a main process took it and had no time to say what became of it."""
    tag, again = uuid(), uuid()
    broker.hset("hearth.starts", mapping={tag: 5, again: 4})
    before = {entry.quarantine_id for entry in entries()}
    for each in (tag, again):
        delivery = {"exchange": "", "routing_key": "batch", "redelivered": True}
        facts = {"correlation_id": "x", "delivery_tag": each, "delivery_info": delivery, "priority": 0}
        push(bound, body="[[], {}, {}]", properties=facts)
    until(lambda: [e.reason for e in entries() if e.quarantine_id not in before] == ["attempts"])
    until(lambda: not broker.hexists("hearth.starts", again))


def test_a_request_that_the_pool_cannot_take_keeps_no_place(bound):
    """The background worker has one: a single one that is kept would stop it for ever."""
    before = {entry.quarantine_id for entry in entries()}
    for _ in range(3):
        app.send_task("toys.unsendable", queue="batch")
    assert app.send_task("toys.echo", kwargs={"a": 1}, queue="batch").get(timeout=20) == {"a": 1}
    held_now = [(e.task, e.reason) for e in entries() if e.quarantine_id not in before]
    assert held_now == [("toys.unsendable", "invalid")] * 3


def test_a_full_quarantine_starves_nobody(bound, broker):
    """What finds no room lies in the broker and keeps no prefetch credit; it comes back when there is room."""
    with transaction(EVERY_TENANT) as opened:
        full = "INSERT INTO quarantine_tallies (tenant_id, held, overflowed) VALUES ('*', 10000, 0) ON CONFLICT"
        opened.execute(text(f"{full} (tenant_id) DO UPDATE SET held = held + 10000"))
    noted = set(broker.hkeys("unacked"))
    for number in range(50):
        app.send_task("toys.nobody_knows", kwargs={"a": number}, queue="batch")
    assert app.send_task("toys.echo", kwargs={"a": 1}, queue="batch").get(timeout=20) == {"a": 1}
    until(lambda: broker.llen(malformed.parked_key("batch")) == 50)
    until(lambda: not set(broker.hkeys("unacked")) - noted)
    with transaction(EVERY_TENANT) as opened:
        opened.execute(text("UPDATE quarantine_tallies SET held = held - 10000 WHERE tenant_id = '*'"))
    assert malformed.bring_back(broker, ["batch"]) == 50
    until(lambda: sum(entry.task == "toys.nobody_knows" for entry in entries()) == 50)
    until(lambda: not left_over(broker, "batch", noted))


def main_processes(cluster):
    return {name: pid for name, pid in cluster.pids().items() if name in cluster.facts["workers"]}


def left_over(broker, queue, noted):
    """What would meet a fresh worker, but for what others left before."""
    lists = broker.llen(queue) + broker.llen(malformed.MALFORMED) + broker.llen(malformed.parked_key(queue))
    return lists + len(set(broker.hkeys("unacked")) - noted)
