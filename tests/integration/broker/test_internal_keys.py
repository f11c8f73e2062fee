"""Keys of a wrong type in a real broker: whoever meets one moves it aside, whole, and goes on."""

import json
import time
from contextlib import suppress

import pytest
import redis
from kombu import Connection, Queue

from tasks.contracts.base import destinations
from tests.support.broker import app_of, running
from tests.support.transport import TRANSPORT, consuming, php
from workers.base import internal_keys
from workers.base.broker_epoch import EPOCH
from workers.delivery.relay import Relay, RelayLimits
from workers.worker import transport
from workers.worker.fair_queue import FairQueue

KEYS = internal_keys.expected(["inference"])
#: a value of another type than any that is expected, or than a string
MAKE = {
    "list": lambda broker, key: broker.lpush(key, "an event of a tenant"),
    "string": lambda broker, key: broker.set(key, "by hand"),
}


@pytest.fixture(scope="module")
def broker_url(tmp_path_factory):
    with running(tmp_path_factory.mktemp("broker")) as url:
        yield url


@pytest.fixture
def broker(broker_url):
    with redis.Redis.from_url(broker_url) as client:
        client.flushall()
        yield client
        transport._pending.clear()


def wrong(kind):
    return [made for made in MAKE if made != kind]


CASES = [(key, made) for key, kind in KEYS.items() for made in wrong(kind)]


def set_wrong(broker, key, made):
    broker.delete(key)
    MAKE[made](broker, key)
    return broker.dump(key)


@pytest.mark.parametrize(("key", "made"), CASES, ids=ascii)
def test_a_key_of_a_wrong_type_is_moved_aside_whole(broker, key, made):
    kept = set_wrong(broker, key, made)
    assert internal_keys.mend(broker, KEYS) == [key]
    assert broker.type(key).decode() in (KEYS[key], "none")
    (aside,) = internal_keys.moved_aside(broker)
    assert aside.startswith("hearth.broken.")
    assert aside.endswith(f".{key}")
    assert broker.dump(aside) == kept
    assert internal_keys.mend(broker, KEYS) == []


def test_keys_that_are_right_stay(broker):
    make = {
        "list": lambda key: broker.lpush(key, "a"),
        "set": lambda key: broker.sadd(key, "a"),
        "zset": lambda key: broker.zadd(key, {"a": 1}),
        "hash": lambda key: broker.hset(key, "a", "b"),
        "string": lambda key: broker.set(key, "a"),
    }
    for key, kind in KEYS.items():
        make[kind](key)
    before = {key: broker.dump(key) for key in KEYS}
    assert internal_keys.mend(broker, KEYS) == []
    assert {key: broker.dump(key) for key in KEYS} == before


def test_what_workers_hold_comes_back_though_its_index_was_broken(broker, broker_url):
    broker.lpush(*php("inference"))
    with consuming(broker_url, "inference") as door:
        assert len(door.take()) == 1
        set_wrong(broker, "unacked_index", "list")
        assert internal_keys.mend(broker, KEYS) == ["unacked_index"]
        assert broker.zrange("unacked_index", 0, -1) == broker.hkeys("unacked")


MET = ["unacked", "unacked_index", "inference", "inference\x06\x163"]


@pytest.mark.parametrize(("key", "made"), [case for case in CASES if case[0] in MET], ids=ascii)
def test_a_worker_takes_and_acknowledges_again(broker, broker_url, key, made):
    set_wrong(broker, key, made)
    with consuming(broker_url, "inference") as door:
        if key != "inference":
            broker.lpush(*php("inference"))
        door.take()
        assert any(name.endswith(f".{key}") for name in internal_keys.moved_aside(broker)), "named by whoever met it"
        if key == "inference":
            broker.lpush(*php("inference"))
        deadline = time.monotonic() + 20
        while not door.got:
            assert time.monotonic() < deadline
            door.go_on()
            door.take()
        (message,) = door.got
        assert message.delivery_info["routing_key"] == "inference"
        message.ack()
        assert (broker.hlen("unacked"), broker.zcard("unacked_index"), broker.llen("inference")) == (0, 0, 0)


@pytest.mark.parametrize("made", MAKE)
@pytest.mark.parametrize("end", ["ack", "requeue"])
@pytest.mark.parametrize("key", ["unacked", "unacked_index"])
def test_a_key_that_breaks_while_a_message_is_held_ends_nobody(broker, broker_url, key, end, made):
    broker.lpush(*php("inference"))
    with consuming(broker_url, "inference") as door:
        (message,) = door.take()
        set_wrong(broker, key, made)
        getattr(message, end)()
        door.go_on()
        assert door.channel.qos.can_consume(), "nothing is owed"
        broker.lpush(*php("inference"))
        door.take()
        assert len(door.got) > 1


@pytest.mark.parametrize("made", MAKE)
@pytest.mark.parametrize("part", ["aside", "turns", "ready"])
def test_a_dealer_deals_again(broker, part, made):
    key = f"hearth.fair.inference.{part}"
    dealer = FairQueue(broker, ["inference"])
    for _ in range(8):
        broker.lpush(*php("inference"))
    kept = set_wrong(broker, key, made)
    with pytest.raises(redis.ResponseError) as error:
        dealer.step()
    assert dealer.mend(error.value)
    assert dealer.step().waits
    assert broker.llen("inference") + broker.zcard("hearth.fair.inference.aside") == 8
    (aside,) = internal_keys.moved_aside(broker)
    assert broker.dump(aside) == kept


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("key", [EPOCH, "batch", "hearth.fair.batch.aside", "_kombu.binding.batch", "unacked_mutex"])
def test_the_relay_looks_after_what_only_others_meet(broker_url, key):
    with app_of(broker_url) as celery, redis.Redis.from_url(broker_url) as client:
        kind = internal_keys.expected(["batch"])[key]
        set_wrong(client, key, wrong(kind)[0])
        relay = Relay(celery, RelayLimits(keys_every=0.0))
        try:
            relay.step()
            assert any(name.endswith(key) for name in internal_keys.moved_aside(client))
            relay.step()
        finally:
            relay.close()
        celery.send_task("crm.told", queue="batch", ignore_result=True)
        assert client.llen("batch") == 1


@pytest.mark.parametrize("made", MAKE)
@pytest.mark.parametrize("bound", [True, False])
@pytest.mark.parametrize(
    "key", ["_kombu.binding.inference", "_kombu.binding_permanent.inference", "_kombu.binding.crm"]
)
def test_whoever_publishes_mends_the_bindings(broker, broker_url, key, bound, made):
    name = key.rpartition(".")[2]
    with Connection(broker_url, transport=TRANSPORT) as connection:
        queue = Queue(name, exchange=name, routing_key=name)(connection.default_channel)
        if bound:
            queue.declare()
        set_wrong(broker, key, made)
        queue.declare()
        connection.Producer().publish("x", exchange=name, routing_key=name)
    assert broker.llen(name) == 1
    # a process that has bound its queue does not look at the second set again
    assert len(internal_keys.moved_aside(broker)) == (not bound or key != "_kombu.binding_permanent.inference")


def test_whoever_publishes_mends_the_list_of_a_queue_it_has_declared(broker, broker_url):
    with Connection(broker_url, transport=TRANSPORT) as connection:
        Queue("inference")(connection.default_channel).declare()
        set_wrong(broker, "inference", "string")
        connection.Producer().publish("x", exchange="", routing_key="inference", retry=False)
    assert broker.llen("inference") == 1


def test_an_operation_is_repeated_when_another_process_mended_first(broker, broker_url, monkeypatch):
    mend = internal_keys.mend

    def after_another(client, kinds):
        assert mend(client, kinds)
        return mend(client, kinds)

    monkeypatch.setattr(internal_keys, "mend", after_another)
    set_wrong(broker, "inference", "string")
    with Connection(broker_url, transport=TRANSPORT) as connection:
        connection.Producer().publish("x", exchange="", routing_key="inference", retry=False)
    assert broker.llen("inference") == 1


def test_a_queue_of_the_crms_own_is_never_moved(broker, broker_url):
    broker.set("crm", "the CRM's")
    with Connection(broker_url, transport=TRANSPORT) as connection, pytest.raises(redis.ResponseError):
        connection.Producer().publish("x", exchange="", routing_key="crm", declare=[Queue("crm")], retry=False)
    assert broker.get("crm") == b"the CRM's"


def test_a_broker_that_is_away_is_no_wrong_type(broker):
    assert not internal_keys.mend_after(redis.ConnectionError("gone"), broker, KEYS)
    with redis.Redis(port=1) as nobody:
        assert internal_keys.mend(nobody, KEYS) == []


@pytest.mark.parametrize("key", ["unacked", "unacked_index", "hearth.relay.epoch", "celery-task-meta-1"])
def test_no_message_of_a_worker_lands_on_a_key_that_is_no_queue(broker, broker_url, key):
    with Connection(broker_url, transport=TRANSPORT) as connection:
        producer = connection.Producer()
        producer.publish("x", exchange="", routing_key=key)
        # a binding that somebody planted
        queue = Queue("inference", exchange="inference", routing_key="inference")
        producer.maybe_declare(queue(connection.default_channel))
        broker.sadd("_kombu.binding.inference", destinations.KOMBU_SEPARATORS.join(("inference", "", key)))
        producer.publish("x", exchange="inference", routing_key="inference")
    assert not broker.exists(key)
    assert broker.llen("inference") == 1


@pytest.mark.parametrize("key", ["unacked", "unacked_index", "_kombu.binding.inference"])
def test_what_is_given_back_for_such_a_key_waits_in_the_common_queue(broker, broker_url, key):
    raw = json.loads(php()[1])
    broker.hset("unacked", "tag", json.dumps([raw, "", key]))
    broker.zadd("unacked_index", {"tag": 1})
    with Connection(broker_url, transport=TRANSPORT) as connection, suppress(redis.ResponseError):
        connection.default_channel.qos.restore_visible()
    assert (broker.llen("celery"), broker.hlen("unacked")) == (1, 0)
