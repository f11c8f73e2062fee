"""Dealing a list of a real broker: everybody's turn comes, and every message stays as it is."""

import random
import threading
import time

import pytest
import redis

from tasks.runtime.broker import queue_depth
from tests.support.messages import message
from workers.worker import fair_queue
from workers.worker.fair_queue import CLOSE, READY, SHORT, FairQueue, keys_of, tenant_of

QUEUE = "inference"


@pytest.fixture
def dealer(broker):
    return FairQueue(broker, [QUEUE, "celery"])


def settle(dealer):
    """Deal until everything on the lists has been looked at."""
    time.sleep(1.5 * CLOSE)
    while dealer.step().more:
        pass


def pop(broker, dealer, number):
    """Take messages as workers do, one after a look."""
    taken = []
    while len(taken) < number and (raw := broker.rpop(QUEUE)):
        taken.append(raw)
        settle(dealer)
    return taken


def tenants(messages):
    return "".join(map(tenant_of, messages))


def test_each_tenant_has_its_turn_and_its_order(broker, dealer):
    flood = [message("a", number) for number in range(300)]
    few = [message(tenant_id, number) for number in range(3) for tenant_id in "bc"]
    broker.lpush(QUEUE, *flood, *few)
    settle(dealer)
    taken = pop(broker, dealer, 306)
    assert tenants(taken).startswith("abcabcabcaaa")
    assert [raw for raw in taken if raw in flood] == flood
    assert sorted(taken) == sorted(flood + few)
    settle(dealer)
    assert broker.keys() == []


def test_who_comes_later_comes_next(broker, dealer):
    broker.lpush(QUEUE, *(message("a", number) for number in range(50)))
    settle(dealer)
    pop(broker, dealer, 20)
    late = message("b")
    broker.lpush(QUEUE, late)
    settle(dealer)
    assert late in pop(broker, dealer, 2)


def test_those_who_had_nothing_waiting_have_saved_up_nothing(broker, dealer):
    broker.lpush(QUEUE, *(message("a", number) for number in range(60)))
    settle(dealer)
    pop(broker, dealer, 30)
    broker.lpush(QUEUE, *(message("b", number) for number in range(30)))
    settle(dealer)
    assert tenants(pop(broker, dealer, 20)).count("b") in (10, 11)


def test_a_short_list_is_left_alone(broker, dealer):
    short = [message(tenant_id) for tenant_id in "aaab"]
    assert len(short) == SHORT
    broker.lpush(QUEUE, *short)
    found = dealer.step()
    assert (found.waits, found.more, found.following) == (False, False, {"a"})
    assert broker.keys() == [QUEUE.encode()]
    assert broker.lrange(QUEUE, 0, -1) == short[::-1]


def test_equal_messages_are_as_many_as_before(broker, dealer):
    twins = [message("a")] * 40 + [b"not JSON"] * 40
    random.Random(7).shuffle(twins)
    broker.lpush(QUEUE, *twins)
    settle(dealer)
    assert sorted(pop(broker, dealer, 100)) == sorted(twins)


def test_what_a_worker_gives_back_is_next(broker, dealer):
    broker.lpush(QUEUE, *(message("a", number) for number in range(50)))
    settle(dealer)
    given_back = message("a", 99)
    broker.rpush(QUEUE, given_back)
    assert broker.rpop(QUEUE) == given_back
    broker.rpush(QUEUE, given_back)
    settle(dealer)
    assert given_back in pop(broker, dealer, 60)


def test_what_is_aside_counts(broker, dealer):
    broker.lpush(QUEUE, *(message("a", number) for number in range(100)), message("b"))
    settle(dealer)
    assert broker.llen(QUEUE) == READY
    assert queue_depth.depths(broker, [QUEUE, "celery"]) == {QUEUE: 101, "celery": 0}
    assert queue_depth.backlog(broker, QUEUE, "a") == broker.zcard(queue_depth.set_aside_key(QUEUE)) == 101 - READY
    assert queue_depth.backlog(broker, QUEUE, "b") == 0
    assert queue_depth.backlog(broker, QUEUE, "nobody") == queue_depth.backlog(broker, "celery", "a") == 0


def test_all_goes_back_in_the_order_of_turns(broker, dealer):
    sent = [message("a", number) for number in range(1200)] + [message("b")]
    broker.lpush(QUEUE, *sent)
    settle(dealer)
    newest = message("a", 9999)
    broker.lpush(QUEUE, newest)
    dealer.give_back()
    assert broker.keys() == [QUEUE.encode()]
    assert broker.lrange(QUEUE, 0, -1)[::-1] == [sent[0], sent[-1], *sent[1:-1], newest]


def test_a_key_of_another_kind_moves_nothing(broker, dealer):
    sent = [message("a", number) for number in range(20)]
    broker.lpush(QUEUE, *sent)
    broker.set(keys_of(QUEUE)[1], "somebody's")
    with pytest.raises(redis.ResponseError):
        dealer.step()
    assert broker.lrange(QUEUE, 0, -1) == sent[::-1]


def test_long_messages_are_gathered_a_few_at_a_time(broker, dealer):
    sent = [message("a", number, text="x" * 300_000) for number in range(8)] + [message("b")]
    broker.lpush(QUEUE, *sent)
    assert dealer.step().more
    settle(dealer)
    assert sorted(pop(broker, dealer, 9)) == sorted(sent)


def test_many_who_deal_take_and_write_at_once_lose_nothing(broker, broker_url, monkeypatch):
    monkeypatch.setattr(fair_queue, "CLOSE", 0.0)
    sent = [[message(tenant_id, number) for number in range(400)] for tenant_id in "abc"]
    taken, done = [], threading.Event()

    def write(messages):
        with redis.Redis.from_url(broker_url) as client:
            for start in range(0, len(messages), 20):
                client.lpush(QUEUE, *messages[start : start + 20])

    def take():
        with redis.Redis.from_url(broker_url) as client:
            mine = FairQueue(client, [QUEUE])
            while not done.is_set():
                mine.step()
                taken.extend(client.rpop(QUEUE, 3) or ())

    threads = [threading.Thread(target=take) for _ in range(3)]
    writers = [threading.Thread(target=write, args=(messages,)) for messages in sent]
    for thread in threads + writers:
        thread.start()
    for writer in writers:
        writer.join()
    deadline = time.monotonic() + 30
    while queue_depth.depths(broker, [QUEUE])[QUEUE] and time.monotonic() < deadline:
        time.sleep(0.01)
    done.set()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(raw for messages in sent for raw in messages)
