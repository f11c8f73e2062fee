"""The demo and a command with a cluster of its own, ended in every way: nothing stays running."""

import signal
import subprocess

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
    assert "simulated leads to call today" in told
    assert told.count("lead_score-0001") >= 10
    plans = told.partition("[4/5]")[2].partition("[5/5]")[0]
    assert "the written scorecard judged" in plans
    assert plans.count("simulated lead ") == plans.count("risk of going cold\n") >= 2
    assert "communication gaps  " in plans
    assert "gates  " in plans
    assert not living(home)
    assert not (tmp_path / "mine.db").exists()
    assert sorted(path.name for path in home.iterdir()) == ["demo", "demo.lock"]


@pytest.mark.parametrize(
    ("moment", "number"),
    [("starting broker", signal.SIGTERM), ("[2/5]", signal.SIGINT)],
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
