"""How a cluster ends: whichever way, its work is done or given back, and no process is left."""

import json
import signal
import subprocess
import sys
import time

import pytest
import redis

from tests.support.processes import ROOT, environment, of_home, runner, settings_of, until
from workers.app import app
from workers.base.settings import read_cluster
from workers.cluster import broker
from workers.cluster.embedded import attach
from workers.cluster.supervisor import Supervisor

pytestmark = [pytest.mark.cluster(apart=True), pytest.mark.slow]


def begin(home, *, seconds):
    """Start a task of `seconds` in the cluster of `home`; it runs when this returns."""
    assert attach(settings_of(home))
    files = {"started": str(home / "started"), "done": str(home / "done")}
    app.send_task("toys.work", kwargs={**files, "seconds": seconds}, queue="inference")
    until((home / "started").exists)


@pytest.mark.parametrize(
    ("signum", "code", "how", "least"),
    [(signal.SIGTERM, 143, [], 8), (signal.SIGINT, 130, ["lean"], 3)],
    ids=["TERM", "INT"],
)
def test_a_signal_lets_tasks_finish_and_leaves_nothing(tmp_path, signum, code, how, least):
    with runner(tmp_path, *how) as process:
        assert len(of_home(tmp_path)) >= least
        begin(tmp_path, seconds=1.5)
        process.send_signal(signum)
        # Python's own code for an unhandled KeyboardInterrupt is the signal
        assert process.wait(20) in (code, -signum)
    assert (tmp_path / "done").read_text() == "done\n"
    assert of_home(tmp_path) == []
    assert not (tmp_path / "cluster.json").exists()


def waiting(home, queue, url):
    """The tasks that wait in a queue of a stopped cluster: its broker alone is started, at the same address."""
    alone = Supervisor(logs=home / "logs")
    chosen = broker.prepare(settings_of(home))
    assert chosen.url.get_secret_value() == url
    try:
        alone.add(chosen.process)
        broker.wait_for(chosen.url, alone.check)
        with redis.Redis.from_url(chosen.url.get_secret_value()) as client:
            return [json.loads(text)["headers"]["task"] for text in client.lrange(queue, 0, -1)]
    finally:
        alone.stop()


def test_a_second_signal_gives_the_work_back(tmp_path):
    with runner(tmp_path, "lean") as process:
        begin(tmp_path, seconds=60)
        url = read_cluster(settings_of(tmp_path))["redis_url"]
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait(20)
        assert time.monotonic() - began < 8
    assert of_home(tmp_path) == []
    assert not (tmp_path / "done").exists()
    assert waiting(tmp_path, "inference", url) == ["toys.work"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_nothing_outlives_a_killed_runner(tmp_path):
    with runner(tmp_path) as process:
        begin(tmp_path, seconds=60)
        family = of_home(tmp_path)
        names = {part.name() for part in family}
        assert len(family) >= 8
        process.kill()
        process.wait()
        until(lambda: of_home(tmp_path) == [], patience=5)
    assert any("valkey" in name or "redis" in name for name in names)
    assert attach(settings_of(tmp_path)) is None


COMMAND = """
import sys, time
from pathlib import Path
from workers.base.settings import settings
from workers.cluster import embedded
tell = lambda text: print(text, file=sys.stderr)
with embedded.connected(settings(), tell, tasks="tests.support.toys") as connection:
    print(f"private={connection.private}", flush=True)
    if connection.private:
        time.sleep(0.3)
    else:
        time.sleep(1.5)
    print(embedded.app.send_task("toys.echo", kwargs={"a": 1}).get(timeout=10), flush=True)
"""


def test_two_commands_at_once_share_one_private_cluster(tmp_path):
    commands = [
        subprocess.Popen(
            [sys.executable, "-c", COMMAND],
            env=environment(tmp_path),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [command.communicate(timeout=60) for command in commands]
    assert [command.returncode for command in commands] == [0, 0], said
    assert sorted(out.splitlines() for out, _ in said) == [[f"private={p}", "{'a': 1}"] for p in (False, True)]
    assert "waiting for it" in "".join(err for _, err in said)
    assert of_home(tmp_path) == []
