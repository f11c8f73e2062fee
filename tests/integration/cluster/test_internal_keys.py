"""A running cluster whose broker has keys of a wrong type: it answers again by itself, and nothing is thrown away."""

import pytest
import redis

from tasks.contracts.base.destinations import OWN_QUEUES
from workers.app import app
from workers.base import internal_keys
from workers.cluster.embedded import attach

pytestmark = pytest.mark.cluster("cluster")

KEYS = internal_keys.expected(OWN_QUEUES)
CASES = {"held": ["unacked"], "index": ["unacked_index"], "everything": list(KEYS)}


@pytest.mark.parametrize("case", CASES)
def test_messages_are_answered_again(cluster, case):
    assert attach(cluster.settings)
    with redis.Redis.from_url(cluster.facts["redis_url"]) as broker:
        before = set(internal_keys.moved_aside(broker))
        pipeline = broker.pipeline()
        for key in CASES[case]:
            pipeline.delete(key)
            # as an event of a tenant that named the key as its queue, or as a person by hand
            pipeline.lpush(key, "x") if KEYS[key] != "list" else pipeline.set(key, "x")
        pipeline.execute()
        sent = [
            app.send_task("toys.echo", kwargs={"n": n}, queue=q) for n, q in enumerate(("celery", "ingest", "batch"))
        ]
        sent += [app.send_task("toys.echo", kwargs={"n": 3}, queue="inference")]
        assert [one.get(timeout=40) for one in sent] == [{"n": n} for n in range(4)]
        if case != "everything":
            (aside,) = set(internal_keys.moved_aside(broker)) - before
            assert broker.lrange(aside, 0, -1) == [b"x"]
