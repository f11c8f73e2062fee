"""A model of churn from stored histories: labelled as known then, trained once, promoted if it earns it."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from db.models import Lead
from db.records import EventDraft, ModelDraft, SnapshotDraft
from db.repositories.events import events
from db.repositories.leads import archives, leads
from db.repositories.models import models
from db.repositories.predictions import predictions, snapshots
from db.session import EVERY_TENANT, reading, transaction
from ml import artifacts
from ml.features import extract
from ml.leads import Scorecard
from tasks import churn
from tasks.errors import InvalidPayload
from tasks.leads.upsert import upsert
from tasks.models import train_model
from tasks.privacy.rights import restrict
from tasks.services.leads.explanation import explain_prediction
from tasks.services.models import churn_training_data, model_registry
from tasks.services.models.model_kinds import CHURN
from tasks.system import ping
from tasks.tenants import configure, readiness

pytestmark = pytest.mark.usefixtures("workspace_folder")

T = "acme"
NOW = datetime.now(UTC)
DAY = timedelta(days=1)
#: how long the brokerage has been there
DAYS = 75


def event(kind: str, days: float, direction: str | None, recorded: float | None = None) -> EventDraft:
    at = NOW - days * DAY
    return EventDraft(
        kind=kind,
        occurred_at=at,
        recorded_at=NOW - recorded * DAY if recorded is not None else at,
        direction=direction,
        source_id=f"{kind}:{direction}:{days:.4f}",
    )


def history(number: int) -> list[EventDraft]:
    """Every other one slows down and goes; all of them were contacted."""
    chance = random.Random(number)
    pace, gone = chance.uniform(1.5, 5), chance.uniform(20, 75) if number % 2 else 0.0
    moments = [DAYS - pace * step for step in range(int(DAYS / pace))]
    slow = [day for day in moments if day > gone + 12 or (day > gone and chance.random() < 0.4)]
    ours = [event("sms", day - 0.2, "outbound") for day in moments[::3] if day > 1]
    return [*(event("sms", day, "inbound") for day in slow if day > 0.1), *ours]


def brokerage(count: int, tenant_id: str = T) -> list[str]:
    configure(tenant_id=tenant_id, settings={"timezone": "America/New_York"})
    told = [
        {"external_id": f"L{number}", "lead_type": "buyer", "created_at": (NOW - DAYS * DAY).isoformat()}
        for number in range(count)
    ]
    made: list[str] = upsert(tenant_id=tenant_id, leads=told)["data"]["lead_ids"]
    with transaction(EVERY_TENANT) as session:
        drafts = {lead_id: history(number) for number, lead_id in enumerate(made)}
        events.add_many(session, tenant_id, drafts=drafts)
    return made


@pytest.fixture
def tenant(database: str) -> str:
    brokerage(220)
    return T


def train(**more: Any) -> dict[str, Any]:
    data: dict[str, Any] = train_model(tenant_id=T, kind="churn", **more)["data"]
    return data


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # three trainings take long
def test_histories_train_a_model_that_answers_and_goes_back(tenant: str) -> None:
    trained = train()
    assert trained["promoted"], trained["reason"]
    assert "better than the scorecard" in trained["reason"]
    assert trained["version"] == "churn-0001"
    assert trained["metrics"]["auc"] > 0.7
    assert ping(tenant_id=T)["data"]["models"] == {"churn": "churn-0001"}
    again = train()
    assert (again["version"], again["promoted"]) == ("churn-0001", True)
    assert again["reason"].startswith("the same data was trained before")

    with reading(EVERY_TENANT) as session:
        some = leads.ids(session, T)[:40]
    answer = churn.predict(tenant_id=T, lead_ids=some)
    assert (answer["model"]["version"], answer["model"]["scope"]) == ("churn-0001", "tenant")
    one = churn.predict(tenant_id=T, lead_id=some[0])["data"]
    assert set(one["members"]) == {"lr", "gb", "rf"}
    with reading(EVERY_TENANT) as session:
        told = explain_prediction(session, T, one["prediction_id"])
    assert told is not None
    assert told.reproduced, told.evidence["replay"]
    assert told.evidence["model"]["metrics"]["auc"] == trained["metrics"]["auc"]

    refused = train(seed=1)
    assert (refused["version"], refused["promoted"]) == ("churn-0002", False)
    assert "new to the champion" in refused["reason"]
    with transaction(EVERY_TENANT) as session:
        second = models.get(session, T, version="churn-0002")
        assert second is not None
        models.promote(session, T, model_id=second.model_id, now=NOW)
        assert model_registry.champion(session, T, {}, CHURN).version == "churn-0002"
        models.rollback(session, T, kind="churn", now=NOW)
        assert model_registry.champion(session, T, {}, CHURN).version == "churn-0001"


def test_a_training_needs_two_hundred_leads_and_says_what_is_missing(database: str) -> None:
    configure(tenant_id=T)
    nothing = train_model(tenant_id=T, kind="churn")
    assert nothing["status"] == "insufficient_data"
    assert nothing["data"]["missing"] == {"labelled": 200, "gone_cold": 40, "kept": 40}
    assert "40 more gone cold" in nothing["data"]["reason"]
    brokerage(30)
    some = train()["missing"]
    assert some["labelled"] == 170
    told = readiness(tenant_id=T)["data"]["answers"]["churn"]
    assert (told["possible"], told["scored_by"], told["rung"]) == (True, "churn-scorecard-1", "scorecard")
    assert (told["own_model_possible"], told["missing"]["labelled"]) == (False, 170)
    assert "170 more labelled" in told["ladder"][0]["missing"]


def test_churn_is_learnt_from_a_tenants_own_leads(database: str) -> None:
    configure(tenant_id=T)
    with pytest.raises(InvalidPayload) as caught:
        train(scope="pooled")
    assert caught.value.code == "unknown_value"


def rows(later: timedelta = timedelta(0)) -> churn_training_data.LabelledSnapshots:
    with reading(EVERY_TENANT) as session:
        return churn_training_data.rows_of(session, T, as_of=datetime.now(UTC) + later, thresholds={})


def test_what_came_or_was_known_later_changes_no_row(database: str) -> None:
    made = brokerage(6)
    before = rows()
    assert len(before.labels) > 10
    late = [event("showing", 50, "inbound", recorded=0.0), event("sms", 0.0, "inbound")]
    with transaction(EVERY_TENANT) as session:
        events.add_many(session, T, drafts=dict.fromkeys(made, late))
    upsert(tenant_id=T, leads=[{"external_id": "L0", "stage": "offer", "budget_max": 900_000}])
    after = rows()
    assert after.labels == before.labels
    assert extract(after.profiles).to_rows() == extract(before.profiles).to_rows()


def test_features_do_not_tell_to_whom_nothing_happened_later(database: str) -> None:
    made = brokerage(4)
    given = {"stage": "engaged", "source": "Website", "budget_max": 500_000}
    upsert(tenant_id=T, leads=[{"external_id": f"L{number}", **given} for number in range(4)])
    with transaction(EVERY_TENANT) as session:
        session.execute(update(Lead).values(observed_at=NOW - 70 * DAY))
    before = rows()
    upsert(tenant_id=T, leads=[{"external_id": "L0", "budget_max": 900_000}])
    after = rows()
    assert {label.lead_id for label in after.labels} == set(made)
    assert extract(after.profiles).to_rows() == extract(before.profiles).to_rows()


def test_a_lead_is_learnt_from_until_it_ended_and_nobody_is_who_objects(database: str) -> None:
    won, objecting, gone, deleted, *_ = made = brokerage(6)
    closed = NOW - 50 * DAY
    upsert(
        tenant_id=T,
        leads=[{"external_id": "L0", "opportunity_status": "won", "closed_at": closed.isoformat()}],
    )
    restrict(tenant_id=T, lead_id=objecting, objected=True)
    with transaction(EVERY_TENANT) as session:
        # deleted before anybody kept when
        session.execute(update(Lead).where(Lead.lead_id == gone).values(status="archived"))
        archives.archive(session, T, lead_ids=[deleted], at=closed)
    left = rows(7 * DAY)  # in a week from now all of this is known
    assert left.blocked == 1
    assert {label.lead_id for label in left.labels} == set(made) - {objecting, gone}
    for lead_id, outcome in ((won, "won"), (deleted, "gone")):
        own = [label for label in left.labels if label.lead_id == lead_id]
        assert {label.outcome for label in own if closed - 30 * DAY < label.as_of < closed} == {outcome}
    assert max(label.as_of for label in left.labels if label.lead_id == won) < closed


def test_where_a_lead_stood_then_is_told_by_its_snapshots(database: str) -> None:
    (lead_id, *_) = brokerage(2)
    upsert(tenant_id=T, leads=[{"external_id": "L0", "stage": "nurture", "timeline": "12+"}])
    taken = NOW - 55 * DAY
    draft = SnapshotDraft(
        lead_id=lead_id,
        lead_version=1,
        as_of=taken,
        bucket=taken,
        feature_schema="1",
        features={"stage": "offer", "timeline": "0-3"},
    )
    with transaction(EVERY_TENANT) as session:
        snapshots.save(session, T, drafts=[draft])
    stood = {label.as_of > taken: label.snapshot for label in rows().labels if label.lead_id == lead_id}
    assert (stood[False].stage, stood[False].threshold) == (None, 7)
    assert (stood[True].stage, stood[True].timeline, stood[True].threshold) == ("offer", "0-3", 5)


def test_a_champion_whose_artifact_does_not_open_is_passed_over(database: str) -> None:
    lead_id = brokerage(1)[0]
    draft = ModelDraft(
        kind="churn",
        scope="tenant",
        artifact=artifacts.dump(Scorecard()),
        feature_schema="1",
        metrics={},
        report={},
        rows=1,
        fingerprint="f",
        trained_at=NOW,
    )
    with transaction(EVERY_TENANT) as session:
        models.promote(session, T, model_id=models.add(session, T, draft=draft).model_id, now=NOW)
    answer = churn.predict(tenant_id=T, lead_id=lead_id)
    assert answer["model"]["version"] == "churn-scorecard-1"
    with reading(EVERY_TENANT) as session:
        (row,) = predictions.latest(session, T, kind="churn")
    assert (row.model_id, row.scope) == (None, "scorecard")
