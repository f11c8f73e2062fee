"""Workers that live and take nothing are started again; busy ones, and those whose broker is away, are not."""

import json
import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr

from tests.support import toys
from tests.support.processes import settings_of, until
from workers.app import app
from workers.base.settings import settings
from workers.cluster.embedded import attach, start
from workers.cluster.watchdog import Patience, Watch, main

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

PATIENCE = Patience(look=0.5, idle=4.0, silent=8.0)
HOST = socket.gethostname()


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A cluster that is watched closely."""
    home = settings_of(tmp_path_factory.mktemp("watched"))
    with start(home, tasks=toys.__name__, fold=True, flower=False, patience=PATIENCE) as running:
        running.wait_ready()
        assert attach(home)
        yield running


@pytest.fixture
def alone(watched, monkeypatch):
    """Run the watch by itself beside the cluster's, faster than that; gives its exit code to come."""
    monkeypatch.setenv("REDIS_URL", watched.facts["redis_url"])
    settings.cache_clear()
    with ThreadPoolExecutor(1) as pool:
        yield lambda name: pool.submit(main, [name], Patience(look=0.2, idle=1.0, silent=60.0))
    settings.cache_clear()


def restarts(cluster, name):
    lines = (cluster.settings.home / "logs" / f"{name}.log").read_text().splitlines()
    # Celery itself says a plain line when it stops
    told = [json.loads(line) for line in lines if line.startswith("{")]
    return [one for one in told if one["event"] == "process_restarted"]


def anew(cluster, name, before):
    """Wait for another main process."""
    return until(lambda: {cluster.pids().get(name)} - {None, before}, 60).pop()


def test_who_is_busy_for_long_is_left_alone(watched, tmp_path):
    before = watched.pids()["background"]
    files = {"started": str(tmp_path / "started"), "done": str(tmp_path / "done")}
    app.send_task("toys.work", kwargs={**files, "seconds": 2 * PATIENCE.idle}, queue="batch")
    waiting = app.send_task("toys.echo", kwargs={"a": 1}, queue="batch")
    assert waiting.get(timeout=60) == {"a": 1}
    assert (tmp_path / "done").read_text() == "done\n"
    assert watched.pids()["background"] == before
    assert not restarts(watched, "background")


@pytest.mark.parametrize(("name", "queue"), [("background", "batch"), ("interactive", "inference")])
def test_who_has_lost_the_places_of_its_pool_is_started_again_and_loses_no_message(watched, alone, name, queue):
    before = watched.pids()[name]
    by_itself = alone(f"{name}@{HOST}")
    (reply,) = app.control.broadcast("swallow", destination=[f"{name}@{HOST}"], reply=True, timeout=10)
    assert reply == {f"{name}@{HOST}": {"places": 0}}
    # more than it takes in advance: some stay in the broker
    sent = [app.send_task("toys.echo", kwargs={"n": n}, queue=queue) for n in range(12)]
    assert app.control.ping(destination=[f"{name}@{HOST}"], timeout=10), "it lives and answers"
    assert by_itself.result(60) == 1, "the watch for other supervisors ends when its worker has stopped"
    anew(watched, name, before)
    assert [result.get(timeout=60) for result in sent] == [{"n": n} for n in range(12)]
    (told,) = restarts(watched, name)
    assert (told["pid"], told["code"], told["restarts"]) == (before, "idle", 1)
    watched.check()


def test_who_does_not_answer_is_started_again(watched, tmp_path):
    before = watched.pids()["background"]
    hangs = tmp_path / "hangs"
    # it hears no signal, so there is no use in waiting for it
    watched._supervisor.grace = 1.0
    arguments = {"seconds": 600, "started": str(hangs)}
    app.control.broadcast("hang", arguments=arguments, destination=[f"background@{HOST}"])
    until(hangs.exists, 60)

    def replaced():
        # something has to wait; what was sent before the worker hung may have been done
        app.send_task("toys.echo", kwargs={"n": 1}, queue="batch", ignore_result=True)
        time.sleep(0.5)
        return {watched.pids().get("background")} - {None, before}

    until(replaced, 60)
    # what the first one had in its hands comes back only when its time is over, as after a crash
    assert app.send_task("toys.echo", kwargs={"a": 1}, queue="batch").get(timeout=60) == {"a": 1}
    assert restarts(watched, "background")[-1]["code"] == "silent"


def test_while_the_broker_is_away_nobody_is_judged(watched):
    watch = Watch(SecretStr(watched.facts["redis_url"]), [f"background@{HOST}"], PATIENCE)
    until(lambda: not watch.look() and watch._observations[f"background@{HOST}"].pid)
    broker = watched.pids()["broker"]
    os.kill(broker, signal.SIGSTOP)
    try:
        assert watch.look() == []
    finally:
        os.kill(broker, signal.SIGCONT)
    observation = watch._observations[f"background@{HOST}"]
    assert (observation.pid, observation._last_state) == (watched.pids()["background"], ())


def test_the_watch_by_itself_wants_a_name():
    assert main([]) == 2
