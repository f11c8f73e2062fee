"""A search for hyperparameters: what it tries depends on no worker, each fold counts once, only complete folds win."""

from __future__ import annotations

import json
import sys
import time
from importlib import util

import pytest
from click.testing import CliRunner
from sqlalchemy import delete

from db.models import ScheduleSlot
from db.records import FoldKey
from db.repositories.models import models
from db.repositories.tuning import folds, studies
from db.session import EVERY_TENANT, reading, transaction
from ml.ensemble.options import EnsembleOptions
from ml.errors import LabelsError
from ml.tuning import FoldResult
from tasks.contracts.answers import tuning as answers
from tasks.errors import InvalidPayload
from tasks.jobs import status
from tasks.leads.upsert import upsert
from tasks.models import tune, tune_end, tune_fold, tune_sweep, tuning
from tasks.runtime.leases import leased
from tasks.services.tuning import fold_lease, search, study_rows
from tasks.tenants import configure
from tests.support.tuning import expire_leases, leads, spend, waiting, work
from workers.base.settings import settings
from workers.cli import main

pytestmark = pytest.mark.usefixtures("workspace_folder", "database")

T = "acme"


@pytest.fixture(autouse=True)
def tenant(database):
    study_rows._kept.clear()
    configure(tenant_id=T)
    upsert(tenant_id=T, leads=leads(260))


@pytest.fixture
def quick(monkeypatch):
    """A trial's loss is how far its penalty is from one that is best; nothing is fitted."""

    def judge(problem, options, *, fold, folds, seed):
        penalty = options.penalty or 9.0
        return FoldResult(loss=abs(penalty - 0.3) + fold / 100, auc=0.5, rows=len(problem.labels) // folds)

    monkeypatch.setattr("ml.tuning.judge", judge)


def start(**more):
    return tune(tenant_id=T, kind="lead_score", **{"trials": 8, "folds": 3} | more)["data"]


def found(study_id=None):
    told = tuning(tenant_id=T, kind="lead_score", study_id=study_id)["data"]
    answers.Study.model_validate(told)
    return told


def tried(told):
    return [(trial["params"], trial["losses"], trial["loss"]) for trial in told["trials"]]


def test_the_winner_is_trained_on_all_rows_and_promoted_as_any_challenger():
    started = start(trials=4)
    answers.StartedStudy.model_validate(started)
    assert (started["new"], started["rows"], started["space"]) == (True, 260, ["penalty"])
    assert set(work(T)) == {"done", "training"}

    told = found()
    assert (told["state"], told["stop"]) == ("finished", search.ALL_TRIED)
    assert [trial["done"] for trial in told["trials"]] == [3] * 4
    assert [trial["attempts"] for trial in told["trials"]] == [3] * 4
    assert told["trials"][0]["params"] == {}
    best = min(told["trials"], key=lambda trial: trial["loss"])
    assert told["best_trial"] == best["number"]
    with reading(T) as session:
        model = models.get(session, T, version=told["version"])
    assert model.report["hyperparameters"] == best["params"]
    assert (model.state == "champion", told["reason"]) == (told["promoted"], model.report["decision"]["reason"])


def test_the_fold_of_a_trial_is_what_fitting_with_its_hyperparameters_gives(monkeypatch):
    given = []
    judge = search.tuning.judge

    def noted(problem, options, **more):
        given.append((options, more["fold"]))
        return judge(problem, options, **more)

    monkeypatch.setattr("ml.tuning.judge", noted)
    start(trials=2, folds=2)
    work(T)
    params = found()["trials"][1]["params"]
    assert given[2:4] == [(EnsembleOptions(**params), 0), (EnsembleOptions(**params), 1)]
    assert len({loss for trial in found()["trials"] for loss in trial["losses"]}) == 4


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_order_the_folds_are_done_in_and_however_often_the_same_is_tried(seed):
    start()
    work(T)
    straight = found()
    start()
    assert found()["study_id"] != straight["study_id"]
    work(T, seed=seed, twice=True)
    shuffled = found()
    assert tried(shuffled) == tried(straight)
    assert shuffled["best_trial"] == straight["best_trial"]
    assert shuffled["best_trial"] > 0
    assert sum(trial["done"] for trial in shuffled["trials"]) == 24
    assert sum(trial["attempts"] for trial in shuffled["trials"]) == 24


@pytest.mark.usefixtures("quick")
def test_another_seed_tries_something_else():
    start(seed=0)
    work(T)
    first = found()
    start(seed=1)
    work(T)
    assert [each[0] for each in tried(found())][1:] != [each[0] for each in tried(first)][1:]


@pytest.mark.usefixtures("quick")
def test_a_fold_whose_worker_died_is_sent_again_and_what_the_dead_bring_later_does_not_count():
    study_id = start()["study_id"]
    with transaction(T) as session:
        dead = folds.lease(session, T, FoldKey(study_id=study_id, trial=0, fold=1), holder="dead", seconds=30)
    one = {"tenant_id": T, "study_id": study_id, "trial": 0, "fold": 1}
    assert tune_fold(**one)["data"]["state"] == "not_free"

    expire_leases(T)
    assert tune_fold(tenant_id=T, study_id=study_id, trial=0, fold=0)["data"]["state"] == "done"
    again = [kwargs for _, _, kwargs in waiting(T, set()) if (kwargs.get("trial"), kwargs.get("fold")) == (0, 1)]
    assert len(again) == 2, "a fold that ends sends those again whose lease ran out"

    assert tune_fold(**one)["data"]["state"] == "done"
    late = {"loss": 0.0, "auc": None, "rows": 1, "seconds": 0.0}
    with transaction(T) as session:
        taken = folds.finish(session, T, FoldKey(study_id=study_id, trial=0, fold=1), fence=dead.attempts, **late)
    assert not taken
    work(T)
    trial = found()["trials"][0]
    assert trial["attempts"] == 4
    assert 0.0 not in trial["losses"]


@pytest.mark.usefixtures("quick")
def test_the_message_of_a_killed_process_takes_its_own_lease_again(database):
    study_id = start()["study_id"]
    with transaction(T) as session:
        first = folds.lease(session, T, FoldKey(study_id=study_id, trial=0, fold=0), holder="me", seconds=30)
        second = folds.lease(session, T, FoldKey(study_id=study_id, trial=0, fold=0), holder="me", seconds=30)
        other = folds.lease(session, T, FoldKey(study_id=study_id, trial=0, fold=0), holder="you", seconds=30)
    assert (first.attempts, second.attempts, other) == (1, 2, None)


@pytest.mark.usefixtures("quick")
def test_a_fold_that_kills_every_worker_fails_its_trial_and_the_search_goes_on():
    study_id = start()["study_id"]
    for _ in range(5):
        with transaction(T) as session:
            folds.lease(session, T, FoldKey(study_id=study_id, trial=2, fold=2), holder="dead", seconds=0)
    assert "failed" in work(T)
    told = found()
    assert (told["trials"][2]["state"], told["trials"][2]["errors"]) == ("failed", ["Poisonous"])
    assert told["trials"][2]["loss"] is None
    assert (told["state"], len(told["trials"])) == ("finished", 8)


def test_only_complete_folds_may_win(monkeypatch):
    def judge(problem, options, *, fold, folds, seed):
        if options.penalty and fold == 2:
            raise LabelsError("too few")
        return FoldResult(loss=0.5 if options.penalty is None else 0.01, auc=None, rows=50)

    monkeypatch.setattr("ml.tuning.judge", judge)
    start(trials=3)
    work(T)
    told = found()
    assert [trial["state"] for trial in told["trials"]] == ["complete", "failed", "failed"]
    assert told["best_trial"] == 0
    with reading(T) as session:
        assert models.get(session, T, version=told["version"]).report["hyperparameters"] == {}


@pytest.mark.usefixtures("quick")
def test_the_budget_ends_a_search_with_the_best_that_is_complete():
    start(budget=1)
    work(T, most=4)
    spend(T)
    assert "done" not in work(T), "what waited is not begun"
    told = found()
    assert (told["state"], told["stop"], told["best_trial"]) == ("finished", search.SPENT, 0)
    assert {trial["state"] for trial in told["trials"]} == {"complete", "cut"}
    assert len(told["trials"]) < 8


@pytest.mark.usefixtures("quick")
def test_a_budget_within_which_nothing_is_complete_ends_without_a_model():
    study_id = start()["study_id"]
    spend(T)
    assert tune_end(tenant_id=T, study_id=study_id)["data"]["state"] == "failed"
    told = found()
    assert (told["version"], told["best_trial"], told["reason"]) == (
        None,
        None,
        "no trial was complete when the search ended",
    )
    assert status(tenant_id=T, job_id=study_id)["data"]["error"] == told["reason"]


@pytest.mark.usefixtures("quick")
def test_a_search_ends_where_its_leads_change():
    study_id = start()["study_id"]
    work(T, most=3)
    study_rows._kept.clear()
    upsert(tenant_id=T, leads=[{**leads(1)[0], "listing_views": 99}], policy="overwrite")
    work(T)
    told = found()
    assert (told["stop"], told["best_trial"]) == (search.CHANGED, 0)
    assert told["study_id"] == study_id
    assert status(tenant_id=T, job_id=study_id)["data"]["state"] == "finished"


@pytest.mark.usefixtures("quick")
def test_one_search_of_a_kind_at_a_time():
    first = start()
    assert start(seed=5) == {**first, "new": False}
    work(T)
    assert start()["new"]


@pytest.mark.usefixtures("quick")
def test_a_search_that_was_sent_twice_starts_once():
    first = tune(tenant_id=T, kind="lead_score", idempotency_key="k", trials=2)["data"]
    work(T)
    again = tune(tenant_id=T, kind="lead_score", idempotency_key="k", trials=2)
    assert (again["duplicate"], again["data"]["study_id"]) == (True, first["study_id"])


def test_a_trial_run_starts_nothing():
    tune(tenant_id=T, kind="lead_score", dry_run=True)
    with pytest.raises(InvalidPayload, match="unknown_value"):
        found()


def test_where_the_sampler_is_missing_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    with pytest.raises(InvalidPayload) as refused:
        start()
    assert "hearth[automl]" in refused.value.errors[0]["msg"]


def test_too_few_leads_start_nothing():
    configure(tenant_id="small")
    upsert(tenant_id="small", leads=leads(20))
    told = tune(tenant_id="small", kind="lead_score")
    assert told["status"] == "insufficient_data"
    assert (told["data"]["study_id"], told["data"]["missing"]["labelled"]) == (None, 180)


@pytest.mark.usefixtures("quick")
def test_another_tenant_sees_nothing_of_it():
    study_id = start()["study_id"]
    configure(tenant_id="other")
    with pytest.raises(InvalidPayload, match="unknown_value"):
        tuning(tenant_id="other", kind="lead_score", study_id=study_id)
    with reading("other") as session:
        assert studies.trials(session, "other", study_id=study_id) == []


@pytest.mark.usefixtures("quick")
def test_a_lease_is_renewed_while_a_fold_is_done(monkeypatch):
    monkeypatch.setattr(fold_lease, "LEASE", 0.2)
    study_id = start()["study_id"]
    call = {"study_id": study_id, "trial": 0, "fold": 0}
    with fold_lease.held(fold_lease.FoldCall(tenant_id=T, **call), "me") as fold:
        deadline = fold.leased_until
        for _ in range(100):
            with transaction(T) as session:
                trials = studies.trials(session, T, study_id=study_id)
            if trials[0].folds[0].leased_until > deadline:
                break
            time.sleep(0.05)
        assert trials[0].folds[0].leased_until > deadline


@pytest.mark.usefixtures("quick", "live_broker")
def test_the_sweep_sends_lapsed_folds_and_the_ends_of_searches_whose_time_is_up():
    study_id = start()["study_id"]
    with transaction(T) as session:
        folds.lease(session, T, FoldKey(study_id=study_id, trial=1, fold=2), holder="dead", seconds=0)
        assert folds.stalled(session, older_than=search.STILL, limit=10) == [(T, study_id, 1, 2)]
    assert swept() == {"folds": 1, "endings": 0}
    assert swept() == {"folds": 0, "endings": 0}
    spend(T)
    assert swept() == {"folds": 0, "endings": 1}
    assert swept() == {"folds": 0, "endings": 0}, "it is not sent again at once"


@pytest.mark.usefixtures("quick", "live_broker")
def test_a_fold_that_a_worker_took_and_lost_before_it_began_is_sent_again(monkeypatch):
    study_id = start()["study_id"]
    tune_fold(tenant_id=T, study_id=study_id, trial=0, fold=1)
    assert swept()["folds"] == 0, "it may be about to begin"
    monkeypatch.setattr("db.repositories.tuning.folds.OVERTAKEN", 0.0)
    assert swept()["folds"] == 1
    assert swept()["folds"] == 0
    tune_fold(tenant_id=T, study_id=study_id, trial=0, fold=2)
    assert swept()["folds"] == 0


@pytest.mark.usefixtures("quick", "live_broker")
def test_a_training_whose_worker_was_lost_is_sent_again_once_nobody_works_on_it(monkeypatch):
    study_id = start(trials=2)["study_id"]
    with transaction(T) as session:
        studies.begin_training(session, T, study_id=study_id, best_trial=0)
        studies.mark_end_enqueued(session, T, study_id=study_id)
    assert swept()["endings"] == 0
    monkeypatch.setattr(sys.modules["tasks.models.tune_sweep"], "AGAIN", 0.0)
    with leased(T, f"hearth.models.tune_end:{study_id}", "somebody"):
        assert swept()["endings"] == 0
    assert swept()["endings"] == 1


def swept():
    """What a sweep of a new slot sends."""
    with transaction(EVERY_TENANT) as session:
        session.execute(delete(ScheduleSlot))
    return tune_sweep()["data"]


@pytest.fixture
def hearth(database, test_keyring, tmp_path, monkeypatch):
    """Run a command on this test's database, without a cluster."""
    for name, value in {
        "DATABASE_URL": database,
        "HEARTH_KEYS": test_keyring.dump(),
        "HEARTH_HOME": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    yield lambda *args: CliRunner().invoke(main, ["tune", "lead_score", "--tenant", T, *args], prog_name="hearth")
    settings.cache_clear()


@pytest.mark.usefixtures("quick")
def test_the_command_shows_a_search_and_writes_its_page(hearth, tmp_path):
    assert "there was no search of this kind" in hearth("--show").output
    start()
    work(T)
    told = found()
    page = tmp_path / "tuning.html"
    shown = json.loads(hearth("--show", "--html", str(page), "--json").stdout)
    assert (shown["state"], shown["best_trial"], len(shown["trials"])) == ("finished", told["best_trial"], 8)
    assert "<h1" in page.read_text()
    said = hearth("--show").output
    assert f"penalty {told['trials'][told['best_trial']]['params']['penalty']:g}" in said
    assert "the usual ones" in said
    assert told["version"] in said


@pytest.mark.usefixtures("quick")
def test_the_command_fails_where_no_model_came_of_the_search(hearth):
    study_id = start()["study_id"]
    spend(T)
    tune_end(tenant_id=T, study_id=study_id)
    done = hearth("--show")
    assert done.exit_code == 1
    assert "nothing was trained: no trial was complete" in done.output
