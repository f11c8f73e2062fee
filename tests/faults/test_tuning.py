"""A search for hyperparameters whose workers are killed in the middle of folds: each fold counts once, none is lost."""

import time

import psutil
import pytest

from tests.support.tuning import leads

pytestmark = [pytest.mark.faults, pytest.mark.slow]


def study_of(site, tenant):
    return site.call("hearth.models.tuning", "inference", tenant_id=tenant, kind="lead_score")["data"]


def search(site, tenant, **more):
    asked = {"tenant_id": tenant, "kind": "lead_score", "trials": 4, "folds": 2, "promote": "never"} | more
    return site.call("hearth.models.tune", "training", **asked)["data"]


def ended(site, tenant, seconds=150):
    deadline = time.monotonic() + seconds
    while (study := study_of(site, tenant))["state"] in ("searching", "training"):
        assert time.monotonic() < deadline, study
        time.sleep(0.5)
    return study


def kill_within_a_fold(site, tenant, *, after):
    """SIGKILL to the worker and its children while it does a fold, `after` so many are done."""
    deadline = time.monotonic() + 60
    while True:
        trials = study_of(site, tenant)["trials"]
        done, begun = (sum(trial[name] for trial in trials) for name in ("done", "attempts"))
        if done >= after and begun > done:
            break
        assert time.monotonic() < deadline, trials
    for process in psutil.process_iter(["cmdline"]):
        if "background@" in " ".join(process.info["cmdline"] or ()) and of_home(process, site.home):
            process.kill()


def of_home(process, home):
    try:
        return process.environ().get("HEARTH_HOME") == str(home)
    except psutil.Error:
        return False


@pytest.mark.timeout(400)
def test_killed_folds_are_done_once_and_the_same_wins(site):
    tenant = site.tenant()
    site.call("hearth.leads.upsert", "ingest", tenant_id=tenant, leads=leads(260))
    as_of = study_moment()
    search(site, tenant, as_of=as_of)
    straight = ended(site, tenant)

    search(site, tenant, as_of=as_of)
    for turn in range(2):
        kill_within_a_fold(site, tenant, after=3 * turn)
    killed = ended(site, tenant)

    assert killed["study_id"] != straight["study_id"]
    assert (killed["state"], killed["stop"]) == ("finished", "all trials were tried")
    assert [trial["done"] for trial in killed["trials"]] == [2] * 4
    assert sum(trial["attempts"] for trial in killed["trials"]) > 8, "no kill came in the middle of a fold"
    assert [(trial["params"], trial["losses"]) for trial in killed["trials"]] == [
        (trial["params"], trial["losses"]) for trial in straight["trials"]
    ]
    assert killed["best_trial"] == straight["best_trial"]


def study_moment():
    """Now, so that both searches learn from the same rows."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
