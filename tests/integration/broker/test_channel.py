"""What a worker's connection does with a real broker that refuses, goes away, or holds messages of odd producers."""

import json
from contextlib import contextmanager

import pytest
import redis
from kombu import Connection, Queue
from sqlalchemy import make_url

from benchmarks.faults.proxy import Proxy
from tests.support.broker import running
from tests.support.transport import TRANSPORT, consuming, php
from workers.worker import transport


@pytest.fixture(scope="module")
def broker_url(tmp_path_factory):
    with running(tmp_path_factory.mktemp("broker")) as url:
        yield url


@pytest.fixture
def broker(broker_url):
    with redis.Redis.from_url(broker_url) as client:
        client.flushall()
        yield client
        accept(client)
        transport._pending.clear()


@contextmanager
def through_proxy(url):
    """A proxy in front of the broker, and the way through it."""
    proxy = Proxy(("127.0.0.1", make_url(url).port))
    yield proxy, make_url(url).set(port=proxy.port).render_as_string(hide_password=False)
    proxy.close()


def refuse(client):
    """Every write is refused, as by a full disk."""
    client.config_set("min-replicas-to-write", 1)


def accept(client):
    client.config_set("min-replicas-to-write", 0)
    client.config_set("maxmemory", 0)


def unacked(client):
    return client.hlen("unacked")


@pytest.mark.parametrize(
    "told",
    [
        {"exchange": "crm"},
        {"exchange": "crm", "routing_key": "celery", "priority": 0},
        {"exchange": "", "routing_key": ""},
        {"exchange": "", "routing_key": "inference"},
        {},
    ],
)
def test_a_message_goes_back_where_it_came_from(broker, broker_url, told):
    broker.lpush(*php(**told))
    with consuming(broker_url) as door:
        (message,) = door.take()
        assert message.delivery_info["routing_key"] == "batch"
        message.reject(requeue=True)
        assert broker.llen("batch") == 1
        assert (unacked(broker), broker.llen("inference"), broker.llen("celery")) == (0, 0, 0)
        _, again = door.take()
        assert again.headers["redelivered"] is True
    # not acknowledged: given back at the end
    assert (broker.llen("batch"), unacked(broker)) == (1, 0)


@pytest.mark.parametrize(
    ("exchange", "routing_key", "queue"), [("crm", "batch", "batch"), ("crm", "", "celery"), ("", "", "celery")]
)
def test_what_a_stock_worker_noted_with_an_unbound_exchange_does_not_vanish(
    broker, broker_url, exchange, routing_key, queue
):
    raw = json.loads(php()[1])
    broker.hset("unacked", "tag", json.dumps([raw, exchange, routing_key]))
    broker.zadd("unacked_index", {"tag": 1})
    with Connection(broker_url, transport=TRANSPORT) as connection:
        connection.default_channel.qos.restore_visible()
    assert (broker.llen(queue), unacked(broker)) == (1, 0)


def test_a_message_that_a_full_broker_does_not_note_is_kept_for_it(broker, broker_url):
    broker.lpush(*php())
    broker.lpush(*php())
    with consuming(broker_url) as door:
        broker.config_set("maxmemory", 1)
        assert door.take() == []
        assert door.take() == []
        assert broker.llen("batch") == 1, "one was taken, and no other after it"
        assert not door.channel.qos.can_consume()
        assert door.connection.channel().qos.can_consume(), "remote control goes on"
        door.go_on()
        assert door.take() == []
        accept(broker)
        door.go_on()
        assert broker.llen("batch") == 2
        door.take()
        assert len(door.take()) == 2


@pytest.mark.parametrize(("end", "left"), [("ack", 0), ("reject", 0), ("requeue", 1)])
def test_what_became_of_a_message_is_told_when_the_broker_hears_it(broker, broker_url, end, left):
    broker.lpush(*php())
    with consuming(broker_url) as door:
        (message,) = door.take()
        refuse(broker)
        getattr(message, end)()
        door.go_on()
        assert (unacked(broker), broker.llen("batch")) == (1, 0)
        accept(broker)
        door.go_on()
        assert (unacked(broker), broker.llen("batch")) == (0, left)


def test_a_connection_is_closed_while_the_broker_refuses(broker, broker_url):
    broker.lpush(*php())
    broker.lpush(*php())
    with consuming(broker_url) as door:
        door.take()
        broker.config_set("maxmemory", 1)
        assert len(door.take()) == 1
        door.channel.close()
    accept(broker)
    with consuming(broker_url) as door:
        door.go_on()
        assert len(door.take()) == 1, "the one that was not noted outlived its connection"
    assert broker.hlen("unacked") == 1, "the broker brings the other back after its time-out"


def test_a_broker_that_refuses_is_asked_again(broker, broker_url):
    with consuming(broker_url) as door:
        refuse(broker)
        assert door.take() == []
        accept(broker)
        broker.lpush(*php())
        door.go_on()
        assert len(door.take()) == 1


def test_what_became_of_a_message_while_the_broker_was_away_is_told_after(broker, broker_url):
    broker.lpush(*php())
    with through_proxy(broker_url) as (proxy, far):
        with consuming(far) as door:
            (message,) = door.take()
            proxy.close()
            message.ack()
            assert unacked(broker) == 1
            assert not door.channel.qos.can_consume()
        with consuming(broker_url) as door:
            assert door.take() == [], "the first thing that a new connection does is to tell"
    assert (unacked(broker), broker.llen("batch")) == (0, 0)


@pytest.mark.parametrize("end", ["ack", "reject", "requeue"])
def test_what_ends_after_its_connection_was_closed_ends_nobody(broker, broker_url, end):
    """A broker was killed, the worker has a new connection, and a child ends what it took by the old one."""
    broker.lpush(*php())
    with consuming(broker_url) as door:
        (message,) = door.take()
        door.channel.close()
        assert message.channel.connection is None
        getattr(message, end)()
    with consuming(broker_url) as door:
        door.go_on()
        assert unacked(broker) == 0, "what is owed was told by the next connection"


def test_a_broker_that_goes_away_ends_nobody_who_holds_messages(broker, broker_url):
    broker.lpush(*php())
    with through_proxy(broker_url) as (proxy, far), Connection(far, transport=TRANSPORT) as connection:
        got = []
        connection.Consumer(Queue("batch"), callbacks=[lambda _, message: got.append(message)]).consume()
        connection.drain_events(timeout=3)
        (message,) = got
        proxy.close()
        # as a worker does once it has noticed
        connection.collect(socket_timeout=1.0)
        message.channel.close()
    assert unacked(broker) == 1, "the broker brings it back after its time-out"
