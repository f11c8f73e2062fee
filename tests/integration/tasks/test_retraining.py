"""Retraining: a run lands stage by stage, the champion changes in the last one, and what is lost changes nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from celery import current_app

from db.models import Retraining
from db.records import RetrainingRecord
from db.repositories.models import history, models, retrainings
from db.session import EVERY_TENANT, reading, transaction
from domain.retraining import LONGEST, turn_of
from tasks.leads.upsert import upsert
from tasks.models import (
    challenger_stage,
    compare_stage,
    data_stage,
    promote_stage,
    retrain,
    retrain_start,
    retrain_sweep,
    train_model,
)
from tasks.tenants import configure
from tests.support.training import NOW, closed

pytestmark = pytest.mark.usefixtures("database", "workspace_folder")

T = "acme"


@pytest.fixture
def tenant(database: str) -> str:
    configure(tenant_id=T, settings={"timezone": "America/New_York"})
    upsert(tenant_id=T, leads=[closed(number) for number in range(400)])
    return T


def published(retraining_id: str) -> dict[str, Any]:
    """Publish the stages of a run, each of which is run by who sends it."""
    current_app.conf.task_always_eager = True
    try:
        data: dict[str, Any] = retrain_start(tenant_id=T, retraining_id=retraining_id)["data"]
    finally:
        current_app.conf.task_always_eager = False
    return data


def begun(kind: str = "lead_score", **more: Any) -> str:
    """Start a run; returns its id."""
    (run,) = retrain(tenant_id=T, kinds=[kind], **more)["data"]["runs"]
    retraining_id: str = run["retraining_id"]
    return retraining_id


def run_of(retraining_id: str) -> RetrainingRecord:
    with reading(T) as session:
        return retrainings.require(session, T, retraining_id=retraining_id)


def champion(kind: str = "lead_score") -> str | None:
    with reading(T) as session:
        return models.champion_version(session, T, kind=kind)


def expected(retraining_id: str, *challengers: Any) -> None:
    with transaction(T) as session:
        retrainings.expect(session, T, retraining_id=retraining_id, challengers=challengers)


@pytest.mark.usefixtures("tenant")
def test_a_run_trains_compares_and_promotes_and_the_next_finds_nothing_new() -> None:
    first = begun(cause="drift")
    assert published(first) == {"published": True}
    run = run_of(first)
    assert (run.state, run.cause, run.version) == ("promoted", "drift", "lead_score-0001"), run.reason
    assert champion() == "lead_score-0001"
    assert run.challengers["usual"].state == "trained"
    with reading(T) as session:
        changes = history.changes(session, T, kind="lead_score")
    assert [change.change for change in changes] == ["promotion", "comparison"]
    # the comparison took one look, though it was made in one stage and carried out in another
    assert [change.look for change in changes] == [None, 1]
    second = begun()
    published(second)
    assert run_of(second).state == "refused"
    assert "nothing new" in (run_of(second).reason or "")
    assert champion() == "lead_score-0001"
    # a run that has ended is not published again
    assert published(first) == {"published": False}


@pytest.mark.usefixtures("tenant")
def test_hyperparameters_of_the_champion_are_tried_too() -> None:
    tuned = train_model(tenant_id=T, kind="lead_score", options={"penalty": 0.01})["data"]
    assert tuned["promoted"], tuned["reason"]
    upsert(tenant_id=T, leads=[closed(number) for number in range(400, 420)])
    run_id = begun()
    published(run_id)
    run = run_of(run_id)
    assert {name: each.state for name, each in run.challengers.items()} == {
        "usual": "trained",
        "recent": "trained",
        "as_champion": "trained",
    }
    losses = {each.version: each.newest["400"] for each in run.challengers.values()}
    # all labels are new: the newest rows are all rows, and the same model comes of them
    assert len(losses) == 2
    assert run.version == min(losses, key=lambda version: losses[version])
    with reading(T) as session:
        records = {version: models.get(session, T, version=version or "") for version in losses}
    assert {len(record.report["hyperparameters"]) for record in records.values() if record} == {0, 1}
    # too few labels are new to the champion: whoever was chosen scores beside it
    assert run.state == "shadow"
    assert champion() == tuned["version"]


@pytest.mark.usefixtures("tenant")
def test_a_kind_is_retrained_by_one_run_at_a_time() -> None:
    first = begun()
    (again,) = retrain(tenant_id=T, kinds=["lead_score"], cause="drift")["data"]["runs"]
    assert again == {"retraining_id": first, "kind": "lead_score", "state": "running", "new": False}
    both = retrain(tenant_id=T)["data"]["runs"]
    assert [(run["kind"], run["new"]) for run in both] == [("lead_score", False), ("churn", True)]


@pytest.mark.usefixtures("tenant")
@pytest.mark.parametrize("landed", ["nothing", "data", "challenger", "comparison"])
def test_a_run_that_is_lost_leaves_the_champion_and_does_not_hold_up_the_next(
    landed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train_model(tenant_id=T, kind="lead_score")["data"]["promoted"]
    upsert(tenant_id=T, leads=[closed(number) for number in range(400, 600)])
    lost = begun()
    expected(lost, "usual")
    call = {"tenant_id": T, "retraining_id": lost}
    if landed != "nothing":
        data_stage(**call)
    if landed in {"challenger", "comparison"}:
        challenger_stage(**call, challenger="usual")
    if landed == "comparison":
        compare_stage(**call)
    assert (champion(), run_of(lost).state) == ("lead_score-0001", "running")
    passed(monkeypatch, LONGEST + timedelta(minutes=1))
    retrain_sweep()
    assert run_of(lost).state == "late"
    # a stage that comes late finds the run closed
    for stage in (data_stage, compare_stage, promote_stage):
        stage(**call)
    assert (champion(), run_of(lost).state) == ("lead_score-0001", "late")
    fresh = begun()
    assert fresh != lost
    expected(fresh, "usual")
    for stage in (data_stage, compare_stage, promote_stage):
        if stage is compare_stage:
            challenger_stage(tenant_id=T, retraining_id=fresh, challenger="usual")
        stage(tenant_id=T, retraining_id=fresh)
    # what was trained before the loss and never judged is judged now
    assert run_of(fresh).state == "refused"
    assert "no better than the present champion" in (run_of(fresh).reason or "")


def passed(monkeypatch: pytest.MonkeyPatch, time: timedelta) -> None:
    """As if this time had passed since the runs were started; every sweep has its slot."""
    monkeypatch.setattr("tasks.runtime.schedule.is_due", lambda *_: True)
    monkeypatch.setattr(retrain, "apply_async", lambda **_: None)
    with transaction(EVERY_TENANT) as session:
        for run in session.query(Retraining):
            run.due_at -= time


@pytest.mark.usefixtures("tenant")
def test_a_stage_that_fails_for_good_ends_the_run_and_one_challenger_alone_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_id = begun()
    expected(run_id, "usual", "as_champion")
    call = {"tenant_id": T, "retraining_id": run_id}

    def fails(*_: object) -> None:
        raise ArithmeticError("hidden")

    with monkeypatch.context() as broken:
        broken.setattr("tasks.models.retrain_stages.train_model.body", fails)
        answer = challenger_stage(**call, challenger="as_champion")
    assert answer["status"] == "partial"
    assert run_of(run_id).challengers["as_champion"].state == "failed"
    challenger_stage(**call, challenger="usual")
    compare_stage(**call)
    promote_stage(**call)
    assert run_of(run_id).state == "promoted"

    other = begun("churn")
    with monkeypatch.context() as broken:
        broken.setattr("tasks.models.retrain_stages.model_registry.rival", fails)
        data_stage(tenant_id=T, retraining_id=other)
    assert (run_of(other).state, champion("churn")) == ("failed", None)
    assert "hidden" not in (run_of(other).reason or "")


def test_too_few_labels_end_a_run_before_anything_is_trained(database: str) -> None:
    configure(tenant_id=T)
    upsert(tenant_id=T, leads=[closed(number) for number in range(20)])
    run_id = begun()
    expected(run_id, "usual")
    call = {"tenant_id": T, "retraining_id": run_id}
    assert data_stage(**call)["data"]["missing"]["labelled"] == 180
    assert run_of(run_id).state == "too_few_labels"
    assert challenger_stage(**call, challenger="usual")["data"]["state"] == "ended"
    with reading(T) as session:
        assert models.listed(session, T) == [] if hasattr(models, "listed") else True


@pytest.mark.usefixtures("tenant")
@pytest.mark.parametrize(("promote", "state"), [("ask", "asked"), ("never", "refused")])
def test_who_asked_decides_whether_a_challenger_answers(promote: str, state: str) -> None:
    run_id = begun(promote=promote)
    published(run_id)
    assert run_of(run_id).state == state
    assert champion() is None


def test_each_tenant_has_its_turn_of_the_week_once(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, Any]] = []
    names = [f"t{number}" for number in range(7)]
    for name in names:
        configure(tenant_id=name)
    monkeypatch.setattr("tasks.runtime.schedule.is_due", lambda *_: True)
    monkeypatch.setattr(retrain, "apply_async", lambda **given: sent.append(given["kwargs"]))
    assert retrain_sweep()["data"] == {"starting": 5, "closed": 0}
    for call in sent[:]:
        assert retrain(**call)["data"]["runs"][0]["new"]
    retrain_sweep()
    assert sorted(call["tenant_id"] for call in sent) == names
    for call in sent[5:]:
        retrain(**call)
    assert retrain_sweep()["data"]["starting"] == 0
    # who has begun before its newest turn is due again
    with transaction(EVERY_TENANT) as session:
        for run in session.query(Retraining).filter_by(tenant_id="t3"):
            run.created_at = turn_of("t3", datetime.now(NOW.tzinfo)) - timedelta(minutes=1)
    del sent[:]
    retrain_sweep()
    assert [(call["tenant_id"], call["cause"]) for call in sent] == [("t3", "schedule")]


def test_after_a_turn_of_the_market_the_recent_challenger_answers(tenant: str) -> None:
    """The champion learnt that showings win; since this morning they lose."""
    assert train_model(tenant_id=T, kind="lead_score")["data"]["promoted"]
    configure(tenant_id=T, settings={"max_band_changes": 1.0})
    turned = datetime.now(NOW.tzinfo)
    later = [closed(number) for number in range(400, 760)]
    upsert(tenant_id=T, leads=[{**lead, "showings": 3 - int(str(lead["showings"]))} for lead in later])
    run_id = begun(cause="drift", since=turned.isoformat())
    published(run_id)
    run = run_of(run_id)
    assert run.state == "promoted", run.reason
    assert run.challengers["recent"].version == run.version
    assert run.challengers["recent"].newest["200"] < run.challengers["usual"].newest["200"]
    with reading(T) as session:
        record = models.champion(session, T, kind="lead_score")
    assert record is not None
    assert record.rows == 360
    assert record.report["decision"]["against"] == "the present champion"


def test_too_few_recent_labels_are_no_challenger(tenant: str) -> None:
    since = datetime.now(NOW.tzinfo)
    upsert(tenant_id=T, leads=[closed(number) for number in range(400, 450)])
    run_id = begun(since=since.isoformat())
    published(run_id)
    run = run_of(run_id)
    assert (run.challengers["recent"].state, run.challengers["usual"].state) == ("skipped", "trained")
    assert run.state == "promoted", run.reason
