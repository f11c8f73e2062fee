"""The demo and a command with a cluster of its own, ended in every way: nothing stays running."""

import importlib.util
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.commands import HEARTH, ROOT, environment, living, wait_until

pytestmark = [pytest.mark.cluster(apart=True), pytest.mark.slow]


def _demo(home, log, **more):
    with log.open("w") as out:
        return subprocess.Popen([*HEARTH, "demo"], cwd=ROOT, env=environment(home, **more), stdout=out, stderr=out)


@pytest.mark.timeout(240)
def test_the_demo_ends_with_a_worklist_of_simulated_leads_and_no_process(tmp_path):
    home, log = tmp_path / "home", tmp_path / "demo.log"
    (home / "demo").mkdir(parents=True)
    # what an earlier run left behind: a run starts from nothing
    (home / "demo" / "hearth.db").write_text("not a database")
    mine = {"REDIS_URL": "redis://127.0.0.1:1/0", "DATABASE_URL": f"sqlite:///{tmp_path / 'mine.db'}"}
    demo = _demo(home, log, **mine)
    assert demo.wait(110) == 0, log.read_text()
    told = log.read_text()
    assert "rows created                   1200" in told
    assert "simulated leads to call today, as of today" in told
    assert told.count("lead_score-0001") >= 10
    assert re.search(r"^and \d,\d{3} SIMULATED messages from them and to them$", told, re.MULTILINE)
    _check_how_to_speak(told.partition("[5/6]")[2].partition("[6/6]")[0])
    plans = told.partition("[4/6]")[2].partition("[5/6]")[0]
    assert "the written scorecard judged" in plans
    assert "a first plan waits for a person's yes" in plans
    # a lead for whom something is done is told in full, the others in a line each
    first, _, others = plans.partition("and others, in short")
    assert first.count("simulated lead ") == first.count("risk of going cold\n") == 1
    assert "communication gaps  " in first
    assert "handed to the CRM" in first or "planned, not due yet" in first or "waits for a person's approval" in first
    assert "gates  " in first
    assert others.count("simulated lead ") >= 1
    _check_learning(told.partition("[6/6]")[2])
    _check_end(told)
    assert not living(home)
    assert not (tmp_path / "mine.db").exists()
    assert sorted(path.name for path in home.iterdir()) == ["demo", "demo.lock"]


def _check_how_to_speak(told):
    """The list tells of each lead how to speak to it, and of one that wrote everything, with where it comes from."""
    assert "stands at" in told
    assert "tone: " in told
    assert re.search(r"\d\d:00 to \d\d:00 New York time \((own|tenant's) habit\): \w", told)
    shown = told.partition("how to speak to it\n")[2]
    assert re.search(r"^  tone +\w+, \d+ % of late .*\[model\]$", shown, re.MULTILINE)
    assert re.search(r"^  stage of its journey +.*\[rule\]$", shown, re.MULTILINE)
    assert re.search(r"^  best time +\d\d:00 to \d\d:00 New York time, .*\[model\]$", shown, re.MULTILINE)
    assert re.search(r"^  suggestion +.*\[rule\]$", shown, re.MULTILINE)


def _check_learning(told):
    """In a market that turns, the blend follows, the check says retrain, and a challenger answers."""
    outcomes = re.findall(r"^(\d+) +\d+ % +0\.\d{3} +(\w[\w ]+ \d+ %)", told, re.MULTILINE)
    assert [int(count) for count, _ in outcomes] == [90, 180, 270, 360, 450, 513]
    assert outcomes[0][1] != outcomes[-1][1]
    assert re.search(
        r"^the check of lead_score-0001 says retrain: the squared error of scores went from", told, re.MULTILINE
    )
    assert re.search(r"^(promoted|asked): better than the present champion: Brier", told, re.MULTILINE)
    assert re.search(r"and lead_score-000[23] answers instead of lead_score-0001\.$", told, re.MULTILINE)


def _check_end(told):
    """What the demo prints last: commands that run when they are pasted, and what it brought."""
    assert re.search(
        r"\nWhat it brought, on SIMULATED leads: calling the best tenth first finds \d\.\d times as many", told
    )
    commands = re.findall(r"^  [a-z ]+?  +((?:env |HEARTH_HOME=|\S*\.venv/bin/hearth).*)$", told, re.MULTILINE)
    assert len(commands) == 5
    for command in commands:
        there = command.replace(".venv/bin/hearth", shlex.join(HEARTH))
        done = subprocess.run(there, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, ""), command
        assert done.stdout


def _faked_clock(days):
    """The variables under which every program believes in another day; skips where the library does not work."""
    found = importlib.util.find_spec("libfaketime")
    library = Path(found.origin).parent / "vendor/libfaketime/src/libfaketime.so.1" if found and found.origin else None
    if library is None or not library.exists():
        pytest.skip("there is no libfaketime: `.venv/bin/pip install libfaketime` brings one")
    faked = {"LD_PRELOAD": str(library), "FAKETIME": f"{days:+}d", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    look = "import time; time.sleep(0.01); print(time.time())"
    looked = subprocess.run(
        [sys.executable, "-c", look],
        env={**os.environ, **faked},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if looked.returncode or abs(float(looked.stdout) - time.time() - days * 86_400) > 60:
        pytest.skip("this libfaketime does not work with this Python")
    return faked


@pytest.mark.timeout(400)
@pytest.mark.parametrize("days", [-365, 365])
def test_the_demo_works_a_year_ago_and_in_a_year(tmp_path, days):
    faked = _faked_clock(days)
    home, log = tmp_path / "home", tmp_path / "demo.log"
    assert _demo(home, log, **faked).wait(300) == 0, log.read_text()
    told = log.read_text()
    assert "rows created                   1200" in told
    assert "20 of " in told.partition("[5/6]")[2]
    assert "What it brought" in told
    assert not living(home)


@pytest.mark.parametrize(
    ("moment", "number"),
    [("starting broker", signal.SIGTERM), ("[2/6]", signal.SIGINT)],
)
def test_a_demo_that_is_stopped_leaves_no_process(tmp_path, moment, number):
    home, log = tmp_path / "home", tmp_path / "demo.log"
    demo = _demo(home, log)
    assert wait_until(lambda: moment in log.read_text(), 60), log.read_text()
    demo.send_signal(number)
    code = demo.wait(45)
    # before there is a cluster to stop, a signal ends the command the usual way
    assert code in {128 + number, -number}, log.read_text()
    assert wait_until(lambda: not living(home), 5), living(home)
    assert "Traceback" not in log.read_text()
