"""The demo and a command of its own cluster, ended in every way: nothing stays running."""

import os
import signal
import subprocess
import time

import pytest

from tests.integration.callers.conftest import HEARTH, ROOT, environment, living, wait_until


def _demo(home, out, *args):
    return subprocess.Popen([*HEARTH, "demo", *args], cwd=ROOT, env=environment(home), stdout=out, stderr=out)


def test_the_demo_ends_with_a_worklist_of_simulated_leads_and_no_process(tmp_path):
    home, log = tmp_path / "home", tmp_path / "demo.log"
    for _ in range(2):  # a second run starts from nothing again
        with log.open("w") as out:
            demo = _demo(home, out)
            assert demo.wait(110) == 0, log.read_text()
        told = log.read_text()
        assert "rows created" in told
        assert "1200" in told
        assert "simulated leads to call today" in told
        assert told.count("lead_score-0001") >= 10
        assert not living(home)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["starting broker", "[1/4]", "[3/4]"])
def test_a_demo_that_is_stopped_leaves_no_process(tmp_path, moment, number):
    home, log = tmp_path / "home", tmp_path / "demo.log"
    with log.open("w") as out:
        demo = _demo(home, out)
        assert wait_until(lambda: moment in log.read_text(), 60), log.read_text()
        time.sleep(0.3)
        demo.send_signal(number)
        code = demo.wait(45)
    # Before it has a cluster, SIGTERM ends it the usual way.
    assert code in {128 + number, -number}, log.read_text()
    assert wait_until(lambda: not living(home), 5), living(home)
    assert "Traceback" not in log.read_text()


def test_a_command_without_a_cluster_brings_its_own_and_takes_it_along(tmp_path):
    home = tmp_path / "home"
    command = [*HEARTH, "tenant", "create", "alone", "--json"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(home), capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith('{"tenant_id": "alone"')
    assert "cluster" in done.stderr
    assert not living(home)


def test_two_commands_at_once_without_a_cluster_both_answer(tmp_path):
    home, null = tmp_path / "home", subprocess.DEVNULL
    both = [
        subprocess.Popen([*HEARTH, "tenant", "create", name], cwd=ROOT, env=environment(home), stdout=null, stderr=null)
        for name in ("one", "two")
    ]
    assert [command.wait(100) for command in both] == [0, 0]
    assert not living(home)


def test_the_demo_leaves_other_brokers_and_databases_alone(tmp_path):
    home = tmp_path / "home"
    elsewhere = {"REDIS_URL": "redis://127.0.0.1:1/0", "DATABASE_URL": f"sqlite:///{tmp_path / 'mine.db'}"}
    log = tmp_path / "demo.log"
    with log.open("w") as out:
        demo = subprocess.Popen([*HEARTH, "demo"], cwd=ROOT, env=environment(home, **elsewhere), stdout=out, stderr=out)
        assert demo.wait(110) == 0, log.read_text()
    assert not (tmp_path / "mine.db").exists()
    assert sorted(os.listdir(home)) == ["demo", "demo.lock"]
