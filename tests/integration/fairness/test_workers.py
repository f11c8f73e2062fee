"""Real workers under a flood: who else comes is served soon, and no end of a worker loses what was set aside."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from tasks.runtime.broker import queue_depth
from tests.support.messages import message
from tests.support.processes import ROOT, environment, until
from workers.worker.fair_queue import READY, tenant_of

QUEUE = "inference"
FLOOD = 200


@pytest.fixture
def start(tmp_path, broker_url):
    """Starts a worker with two children and gives its main process; killed with its children at the end."""
    env = environment(tmp_path) | {"REDIS_URL": broker_url, "DATABASE_URL": f"sqlite:///{tmp_path}/hearth.db"}
    worker = ("-m", "workers.cluster.celery_main", "worker", "tests.support.fairness_toys", "--queues", QUEUE)
    options = ("--concurrency", "2", "--prefetch-multiplier", "4", "--without-gossip", "--without-mingle")

    @contextmanager
    def begin(**more):
        command, quiet = [sys.executable, *worker, *options], {"stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, env=env | more, cwd=ROOT, start_new_session=True, **quiet) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)

    return begin


@pytest.fixture
def done(tmp_path):
    """The messages that ran, in order."""
    path = tmp_path / "done"
    path.touch()

    def read():
        return path.read_text().splitlines()

    read.path = str(path)
    return read


def flood(done, seconds=0.01):
    return [message("loud", number, path=done.path, seconds=seconds) for number in range(FLOOD)]


def names(messages):
    return {raw: f"loud-{number}" for number, raw in enumerate(messages)}


def test_who_comes_during_a_flood_does_not_wait_for_it(start, broker, done):
    with start():
        broker.lpush(QUEUE, *flood(done))
        until(lambda: len(done()) > 10)
        before = len(done())
        broker.lpush(QUEUE, *(message("quiet", number, path=done.path) for number in range(3)))
        until(lambda: "quiet-2" in done())
        between = done()[before : done().index("quiet-2")]
        assert len(between) < 60
        until(lambda: len(done()) == FLOOD + 3)
    assert len(set(done())) == FLOOD + 3


def test_without_fair_share_it_waits(start, broker, done):
    broker.lpush(QUEUE, *flood(done, seconds=0.0), message("quiet", path=done.path))
    with start(HEARTH_FAIR_SHARE="false"):
        until(lambda: len(done()) == FLOOD + 1)
    assert done().index("quiet-0") >= FLOOD - 10


def test_a_killed_worker_loses_nothing_that_was_set_aside(start, broker, done):
    sent = flood(done)
    broker.lpush(QUEUE, *sent)
    with start() as worker:
        until(lambda: len(done()) > 10 and broker.zcard(queue_depth.set_aside_key(QUEUE)) > 50)
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
    aside = [raw[16:] for raw in broker.zrange(queue_depth.set_aside_key(QUEUE), 0, -1)]
    assert set(aside) <= set(sent)
    assert len(aside) >= 50
    owed = {names(sent)[raw] for raw in aside}
    with start():
        until(lambda: owed <= set(done()))


def test_a_worker_that_stops_warmly_leaves_its_queue_to_any_version(start, broker, done):
    sent = flood(done)
    broker.lpush(QUEUE, *sent)
    with start() as worker:
        until(lambda: len(done()) > 10 and broker.zcard(queue_depth.set_aside_key(QUEUE)) > 50)
        worker.send_signal(signal.SIGTERM)
        until(lambda: not broker.exists(queue_depth.set_aside_key(QUEUE)))
        # what its children had is done, given back, or still noted as theirs
        until(lambda: broker.llen(QUEUE) + broker.hlen("unacked") + len(done()) >= FLOOD)
    lying = broker.lrange(QUEUE, 0, -1)
    assert len(lying) > READY
    assert {tenant_of(raw) for raw in lying} == {"loud"}
