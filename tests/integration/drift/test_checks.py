"""A model is checked: what labels, scores and features say, each finding told once, and what it sets in motion."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from db.models import Lead, OutboxEntry
from db.records import LeadDraft, ModelDraft, PredictionDraft, SignalDraft, SnapshotDraft
from db.repositories import tenants
from db.repositories.leads import leads
from db.repositories.models import models
from db.repositories.monitoring import scores, windows
from db.repositories.online import signals
from db.repositories.outbound import outbound
from db.repositories.predictions import predictions, snapshots
from db.repositories.privacy import erasure
from db.session import EVERY_TENANT, reading, transaction
from ml import artifacts
from ml.features import SCHEMA_VERSION
from ml.leads import Scorecard
from ml.monitoring.reference import reference_of
from ml.profiles import FeatureMatrix
from tasks.contracts import answers
from tasks.drift import check, check_model, close, report

pytestmark = pytest.mark.usefixtures("database")

T, KIND, VERSION = "drift", "lead_score", "lead_score-0001"
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


def features(draw: random.Random, *, more: int = 0) -> dict[str, float | str | None]:
    return {"showings": float(draw.randrange(4) + more), "source": draw.choice(["portal", "referral"])}


def probability(row: dict[str, float | str | None]) -> float:
    """A calibrated model of a world in which showings decide."""
    return 0.1 + 0.2 * min(float(row["showings"] or 0), 4.0)


@pytest.fixture
def champion(database: str) -> str:
    """A tenant with a model whose reference is that of 2,000 rows."""
    draw = random.Random(0)
    rows = [features(draw) for _ in range(2000)]
    said = [probability(row) for row in rows]
    reference = reference_of(FeatureMatrix.from_rows(rows), [draw.random() < p for p in said], said)
    draft = ModelDraft(
        kind=KIND,
        scope="tenant",
        artifact=artifacts.dump(Scorecard()),
        feature_schema=SCHEMA_VERSION,
        metrics={},
        report={"reference": reference.to_json()},
        rows=2000,
        fingerprint="f",
        trained_at=NOW - 60 * DAY,
    )
    with transaction(EVERY_TENANT) as session:
        tenants.configure(session, T, settings={"zone": "UTC"}, actor="test", now=NOW)
    with transaction(T) as session:
        record = models.add(session, T, draft=draft)
        models.promote(session, T, model_id=record.model_id, now=NOW - 50 * DAY)
    return T


def tell(
    count: int, *, first: int = 0, begins: datetime, more: int = 0, changed: bool = False, labelled: bool = True
) -> list[str]:
    """Score leads a minute apart, and have the outcome of each a day later; `changed` turns outcomes round."""
    draw = random.Random(first + 1)
    rows = [features(draw, more=more) for _ in range(count)]
    moments = [begins + timedelta(minutes=place) for place in range(count)]
    with transaction(T) as session:
        drafts = [LeadDraft(external_id=f"x{first + place}") for place in range(count)]
        ids = [str(made.lead_id) for made in leads.upsert(session, T, drafts=drafts, policy="fill_blanks", now=NOW)]
        taken = snapshots.save(
            session,
            T,
            drafts=[
                SnapshotDraft(
                    lead_id=lead_id, lead_version=1, as_of=at, bucket=at, feature_schema=SCHEMA_VERSION, features=row
                )
                for lead_id, at, row in zip(ids, moments, rows, strict=True)
            ],
        )
        _score(session, ids, taken, moments, rows)
    if labelled:
        _label(ids, taken, moments, [(draw.random() < probability(row)) != changed for row in rows], rows)
    return ids


def _score(session, ids, taken, moments, rows) -> None:
    drafts = [
        PredictionDraft(
            lead_id=lead_id,
            snapshot_id=snapshot_id,
            kind=KIND,
            model_id=None,
            model_version=VERSION,
            scope="tenant",
            probability=probability(row),
            band="warm",
            detail={},
            as_of=at,
        )
        for lead_id, snapshot_id, at, row in zip(ids, taken, moments, rows, strict=True)
    ]
    predictions.save(session, T, drafts=drafts, now=NOW)


def _label(ids, taken, moments, came: Sequence[bool], rows) -> None:
    for lead_id, snapshot_id, at, label, row in zip(ids, taken, moments, came, rows, strict=True):
        draft = SignalDraft(
            target="won",
            lead_id=lead_id,
            snapshot_id=snapshot_id,
            label=label,
            origin="outcome",
            occurred_at=at + DAY,
            as_of=at,
            served_probability=probability(row),
            served_version=VERSION,
        )
        with transaction(T) as session:
            signals.add(session, T, drafts=[draft], now=at + DAY)


def asked(**given):
    data = check(tenant_id=T, kinds=[KIND], **given)["data"]
    assert not answers.faults("hearth.drift.check", data)
    return data["checks"][0]


def events() -> list[dict[str, object]]:
    with reading(T) as session:
        told = outbound.pull(session, T, cursor=0, limit=100)
    return [event.body for event in told if event.type == "model.drifted"]


def follow_ups(task: str) -> list[dict[str, object]]:
    with reading(T) as session:
        return [row.kwargs for row in session.scalars(select(OutboxEntry).where(OutboxEntry.task == task))]


def test_a_model_that_does_as_in_training_asks_for_nothing(champion):
    tell(400, begins=NOW - 3 * DAY)
    found = asked()
    assert (found["action"], found["direction"], found["version"]) == ("none", None, VERSION)
    assert (found["scored"], found["labels"], found["features"]) == (400, 400, 2)
    assert found["performance"]["brier"] == pytest.approx(found["training"]["brier"], abs=0.03)
    assert found["estimate"]["brier"] == pytest.approx(found["performance"]["brier"], abs=0.03)
    assert {shift["shifted"] for shift in [*found["inputs"], found["score"]]} == {"none"}
    assert found["label_delay"]["p50_hours"] == 24.0
    assert (events(), follow_ups("hearth.models.retrain")) == ([], [])


def test_outcomes_that_turn_round_are_found_told_once_and_have_the_model_trained_again(champion):
    tell(400, begins=NOW - 6 * DAY)
    tell(400, first=400, begins=NOW - 3 * DAY, changed=True)
    found = asked()
    assert (found["action"], found["direction"]) == ("retrain", "worse")
    assert found["alerts"][0]["series"] == "performance"
    assert found["alerts"][0]["effect"] > 0.1
    [told] = events()
    assert (told["action"], told["series"], told["level"]) == ("retrain", "performance", "retrain")
    [again] = follow_ups("hearth.models.retrain")
    assert (again["kinds"], again["cause"], again["since"]) == ([KIND], "drift", found["worse_since"])
    # the same drift, looked at again
    asked()
    assert len(events()) == 1
    with reading(T) as session:
        since = [each.since for each in windows.findings(session, T) if each.level == "retrain"]
        assert len(windows.history(session, T)) == 1, "a day has one row"
    turned = NOW - 2 * DAY
    assert len(since) == 1
    assert abs(since[0] - turned) < timedelta(hours=2)


def test_improvement_is_told_and_trains_nothing(champion):
    tell(400, begins=NOW - 6 * DAY, changed=True)
    tell(400, first=400, begins=NOW - 3 * DAY)
    found = asked(window=3)
    assert found["action"] == "none"
    assert "better" in {alert["direction"] for alert in found["alerts"]}
    assert follow_ups("hearth.models.retrain") == []


def test_a_population_that_moved_is_told_before_any_label(champion):
    tell(400, begins=NOW - 3 * DAY, more=3, labelled=False)
    found = asked()
    moved = {shift["feature"]: shift for shift in found["inputs"]}
    assert moved["showings"]["shifted"] == "new"
    assert moved["showings"]["psi"] > 0.25
    assert moved["source"]["shifted"] == "none"
    assert found["score"]["shifted"] == "new"
    assert found["performance"] is None
    assert found["action"] in {"none", "warn"}, "a population that moves does not say that the model is worse"
    assert follow_ups("hearth.models.retrain") == []


def test_what_was_so_from_the_start_or_a_year_ago_is_no_news(champion):
    tell(300, begins=NOW - 49 * DAY, more=3, labelled=False)
    tell(300, first=300, begins=NOW - 3 * DAY, more=3, labelled=False)
    assert {shift["feature"]: shift["shifted"] for shift in asked()["inputs"]}["showings"] == "standing"


def test_a_season_is_known_again(champion):
    tell(300, begins=NOW - timedelta(weeks=52) - 3 * DAY, more=3, labelled=False)
    tell(300, first=300, begins=NOW - 3 * DAY, more=3, labelled=False)
    assert {shift["feature"]: shift["shifted"] for shift in asked()["inputs"]}["showings"] == "seasonal"


def test_several_models_are_checked_apart_and_ended_together(champion):
    tell(400, begins=NOW - 6 * DAY)
    tell(400, first=400, begins=NOW - 3 * DAY, changed=True)
    begun = datetime.now(UTC)
    for kind in (KIND, "churn", "online_won"):
        check_model(tenant_id=T, kind=kind, window=7, until=NOW.isoformat())
    ended = close(tenant_id=T, begun_at=begun.isoformat())["data"]
    assert ended == {"checked": 1, "retrain": [KIND]}
    read = report(tenant_id=T)["data"]
    assert not answers.faults("hearth.drift.report", read)
    assert [found["kind"] for found in read["checks"]] == [KIND]
    assert read["findings"][-1]["series"] == "performance"


def test_nothing_to_look_at_is_no_error(champion):
    answer = check(tenant_id=T, kinds=["churn"])
    assert (answer["status"], answer["data"]["checks"]) == ("no_model", [])


def test_an_erased_lead_leaves_no_row_and_no_place_in_the_next_check(champion):
    ids = tell(50, begins=NOW - 3 * DAY)
    assert asked()["scored"] == 50
    with transaction(T) as session:
        subject = erasure.for_leads(session, T, lead_ids=ids[:1])
        erasure.erase(session, T, subject=subject, now=NOW)
    assert (asked()["scored"], asked()["labels"]) == (49, 49)
    with reading(T) as session:
        assert ids[0] not in str([record.body for record in windows.history(session, T)])


def test_where_positives_come_first_labels_are_played_from_the_first_whose_horizon_passed(champion):
    ids = tell(200, begins=NOW - 6 * DAY, labelled=False)
    with reading(T) as session:
        taken = scores.scored(session, T, kind=KIND, version=VERSION, since=NOW - 7 * DAY, until=NOW, limit=500)
    with transaction(T) as session:
        for place, (lead_id, score) in enumerate(zip(ids, taken, strict=True)):
            matured = place >= 150
            draft = SignalDraft(
                target="won",
                lead_id=lead_id,
                snapshot_id=score.snapshot_id,
                label=not matured,
                origin="matured" if matured else "outcome",
                occurred_at=NOW - DAY,
                as_of=score.as_of,
                served_probability=score.probability,
                served_version=VERSION,
            )
            signals.add(session, T, drafts=[draft], now=NOW - DAY)
    found = asked()
    assert (found["labels"], found["performance"]["positives"]) == (50, 0)


def test_detectors_play_the_newest_labels_from_a_place_that_stays():
    assert [scores.begin_of(last, 10) for last in (9, 10, 11, 14, 15, 19, 20)] == [0, 0, 5, 5, 10, 10, 15]


def test_who_restricted_or_objected_counts_nowhere(champion):
    ids = tell(60, begins=NOW - 3 * DAY)
    with transaction(T) as session:
        for lead_id, column in zip(ids, ("restricted_at", "objected_at"), strict=False):
            session.execute(update(Lead).where(Lead.tenant_id == T, Lead.lead_id == lead_id).values({column: NOW}))
    assert (asked()["scored"], asked()["labels"]) == (58, 58)
