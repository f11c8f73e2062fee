"""The supervisor with real processes: it restarts, gives up, stops warmly and leaves nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from workers.base.errors import ClusterFailed
from workers.cluster import supervisor
from workers.cluster.supervisor import ProcessSpec, Supervisor

pytestmark = pytest.mark.slow

PYTHON = (sys.executable, "-u", "-c")
#: a process that has a deaf child of its own session, and says the child's pid
FAMILY = """
import signal, subprocess, sys, time
deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", deaf])
open(sys.argv[1], "w").write(str(child.pid))
time.sleep(60)
"""
WARM = """
import signal, sys, time
def leave(*_):
    time.sleep(0.3); open(sys.argv[1], "w").write("finished"); sys.exit()
signal.signal(signal.SIGTERM, leave)
open(sys.argv[1], "w").write("up")
time.sleep(60)
"""
DEAF = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGUSR1, lambda *_: (open(sys.argv[1], "w").write("cold"), sys.exit()))
open(sys.argv[1], "w").write("up")
time.sleep(60)
"""


def until(condition, patience=10.0):
    deadline = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return found


def said(path: Path):
    return path.read_text() if path.exists() else ""


@pytest.fixture
def run(tmp_path):
    runner = Supervisor(logs=tmp_path / "logs")
    yield runner
    runner.hasten()
    runner.stop()


def test_a_process_has_its_own_session_and_log(run, tmp_path):
    run.add(ProcessSpec(name="one", argv=(*PYTHON, "print('hello'); import time; time.sleep(60)")))
    pid = until(lambda: run.pids().get("one"))
    until(lambda: "hello" in said(tmp_path / "logs" / "one.log"))
    assert os.getsid(pid) == pid != os.getsid(0)
    assert list(supervisor.session_members(pid)) == [pid]
    run.stop()
    assert not psutil.pid_exists(pid)


def test_a_crashed_process_comes_back(run):
    run.add(ProcessSpec(name="one", argv=("sleep", "60")))
    first = until(lambda: run.pids().get("one"))
    os.kill(first, signal.SIGKILL)
    assert until(lambda: {run.pids().get("one")} - {first, None}) != {first}
    run.check()


def test_it_gives_up_on_what_always_crashes(run, tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "BACKOFF", 0.01)
    run.add(ProcessSpec(name="one", argv=("false",)))

    def failed():
        try:
            run.check()
        except ClusterFailed as failure:
            return str(failure)

    assert until(failed) == f"one ended 5 times in a row (last code 1): see {tmp_path}/logs/one.log"


def test_it_never_gives_up_on_what_once_was_ready(run, tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "BACKOFF", 0.001)
    started, broken = tmp_path / "started", tmp_path / "broken"
    code = """
import pathlib, sys, time
with open(sys.argv[1], "a") as started: started.write("x")
if pathlib.Path(sys.argv[2]).exists(): sys.exit(3)
time.sleep(60)
"""
    run.add(ProcessSpec(name="one", argv=(*PYTHON, code, str(started), str(broken))))
    first = until(lambda: said(started) and run.pids().get("one"))
    run.proven()
    broken.touch()
    os.kill(first, signal.SIGKILL)
    until(lambda: len(said(started)) > supervisor.PATIENCE + 2)
    run.check()
    broken.unlink()
    until(lambda: (pid := run.pids().get("one")) and psutil.Process(pid).status() == psutil.STATUS_SLEEPING)
    run.check()


def test_a_warm_stop_lets_work_finish(run, tmp_path):
    run.add(ProcessSpec(name="one", argv=(*PYTHON, WARM, str(tmp_path / "state"))))
    until(lambda: said(tmp_path / "state") == "up")
    run.stop()
    assert said(tmp_path / "state") == "finished"


def test_phases_end_one_after_the_other(run, tmp_path):
    for phase, name in enumerate(("first", "last")):
        run.add(ProcessSpec(name=name, argv=(*PYTHON, WARM, str(tmp_path / name)), phase=phase))
    until(lambda: said(tmp_path / "first") == said(tmp_path / "last") == "up")
    run.stop()
    gap = (tmp_path / "last").stat().st_mtime - (tmp_path / "first").stat().st_mtime
    assert gap > 0.25


def test_who_is_deaf_gets_the_cold_signal_and_haste_makes_it_soon(run, tmp_path):
    run.add(ProcessSpec(name="one", argv=(*PYTHON, DEAF, str(tmp_path / "s")), cold_signal=signal.SIGUSR1))
    until(lambda: said(tmp_path / "s") == "up")
    run.hasten()
    began = time.monotonic()
    run.stop()
    assert said(tmp_path / "s") == "cold"
    assert time.monotonic() - began < 3


def test_the_whole_session_goes(run, tmp_path):
    run.add(ProcessSpec(name="one", argv=(*PYTHON, FAMILY, str(tmp_path / "child"))))
    child = int(until(lambda: said(tmp_path / "child")))
    run.stop()
    until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)


def test_a_long_log_is_put_aside(run, tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "LOG_LIMIT", 10)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "one.log").write_text("x" * 11)
    run.add(ProcessSpec(name="one", argv=("sleep", "60")))
    assert (tmp_path / "logs" / "one.log.1").read_text() == "x" * 11


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_nothing_outlives_a_killed_runner(tmp_path):
    code = f"""
import sys, time
from pathlib import Path
from workers.cluster.supervisor import ProcessSpec, Supervisor
run = Supervisor(logs=Path({str(tmp_path)!r}))
run.add(ProcessSpec(name="one", argv=("sleep", "60")))
while not run.pids(): time.sleep(0.01)
time.sleep(0.2)
print(run.pids()["one"], flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as runner:
        pid = int(runner.stdout.readline())
        assert psutil.pid_exists(pid)
        runner.kill()
    until(lambda: not psutil.pid_exists(pid), patience=3)


def test_environments_are_not_shown():
    assert "hunter2" not in repr(ProcessSpec(name="x", argv=("y",), env={"PASSWORD": "hunter2"}))


@pytest.mark.parametrize(("code", "left"), [(WARM, "finished"), (DEAF, "cold")])
def test_a_process_that_does_nothing_is_ended_as_at_a_stop_and_starts_again(run, tmp_path, monkeypatch, code, left):
    monkeypatch.setattr(supervisor, "COLD_GRACE", 0.5)
    run.grace = 0.5
    mark = tmp_path / "mark"
    # what the next one writes must not hide what the first one did
    argv = (*PYTHON, code.replace('"w"', '"a"'), str(mark))
    run.add(ProcessSpec(name="one", argv=argv, cold_signal=signal.SIGUSR1))
    until(lambda: said(mark))
    first = run.pids()["one"]
    run.restart("one", first, code="idle", seconds=130)
    run.restart("one", first, code="idle", seconds=130)
    until(lambda: said(mark).startswith(f"up{left}"))
    second = until(lambda: {run.pids().get("one")} - {None, first}).pop()
    lines = [line for line in said(tmp_path / "logs" / "one.log").splitlines() if line.startswith("{")]
    (told,) = map(json.loads, lines)
    assert told | {"timestamp": 0} == {
        "event": "process_restarted",
        "level": "error",
        "timestamp": 0,
        "pid": first,
        "restarts": 1,
        "code": "idle",
        "seconds": 130,
    }
    run.restart("one", first)
    assert run.pids()["one"] == second, "another process is not ended for the sake of the first"
    run.check()


def test_a_process_that_hears_no_signal_is_killed_and_starts_again(run, monkeypatch):
    monkeypatch.setattr(supervisor, "COLD_GRACE", 0.2)
    run.grace = 0.2
    run.add(ProcessSpec(name="one", argv=("sleep", "60")))
    first = until(lambda: run.pids().get("one"))
    os.kill(first, signal.SIGSTOP)
    run.restart("one", first)
    until(lambda: {run.pids().get("one")} - {None, first})


#: writes numbered lines from two processes until it is told to stop, then says how many each wrote
CHATTER = """
import os, pathlib, sys, time
child = os.fork()
who, number = "ab"[child == 0], 0
while not pathlib.Path(sys.argv[1]).exists():
    sys.stderr.write(f"{who}{number:06d} " + "x" * 90 + "\\n")
    number += 1
    time.sleep(0.0005)
pathlib.Path(sys.argv[1] + who).write_text(str(number))
if child:
    time.sleep(60)
"""


def test_a_log_is_put_aside_while_its_process_writes(run, tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "LOG_LIMIT", 20_000)
    monkeypatch.setattr(supervisor, "LOG_INTERVAL", 0.05)
    log, ended = tmp_path / "logs" / "one.log", tmp_path / "ended"
    run.add(ProcessSpec(name="one", argv=(*PYTHON, CHATTER, str(ended))))
    kept = [log, *(log.with_suffix(f".log.{number}") for number in range(1, supervisor.LOG_KEPT + 1))]
    until(lambda: all(path.exists() for path in kept))
    ended.write_text("")
    until(lambda: (tmp_path / "endedb").exists() and (tmp_path / "endeda").exists())
    run.stop()
    assert sorted(log.parent.iterdir()) == sorted(kept)
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}
    lines = [line for path in reversed(kept) for line in path.read_text().splitlines()]
    assert {len(line) for line in lines} == {98}, "whole lines"
    for who in "ab":
        numbers = [int(line[1:7]) for line in lines if line[0] == who]
        assert numbers == sorted(set(numbers)), "in order, none twice"
        # a line that is written in the instant of the emptying may be lost
        assert numbers[-1] + 1 <= int((tmp_path / f"ended{who}").read_text())


def test_of_a_log_that_grew_beyond_measure_the_end_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "LOG_LIMIT", 1000)
    log = tmp_path / "one.log"
    log.write_text("".join(f"line {number:04d}\n" for number in range(1000)))
    supervisor.rotate(log)
    kept = (tmp_path / "one.log.1").read_text()
    assert (log.stat().st_size, len(kept) // 1000) == (0, 1)
    assert kept.startswith("line ")
    assert kept.endswith("line 0999\n")


def test_a_log_that_cannot_be_put_aside_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "LOG_LIMIT", 10)
    log = tmp_path / "one.log"
    log.write_text("a line that is long enough\n")
    (tmp_path / "one.log.0").mkdir()
    supervisor.rotate(log)
    supervisor.rotate(tmp_path / "none.log")
    assert log.read_text() == "a line that is long enough\n"
    assert not (tmp_path / "one.log.1").exists()
