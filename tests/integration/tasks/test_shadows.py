"""Models that do not answer score beside the one that does; labels and scores take promotions back, judge shadows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from db.models import ModelVersion, OutboundEvent, ShadowScore
from db.records import LeadDraft, PredictionDraft, ShadowScoreRecord, SignalDraft, SnapshotDraft
from db.repositories.leads import leads
from db.repositories.models import history, models, shadow_scores
from db.repositories.online import signals
from db.repositories.predictions import predictions, snapshots
from db.session import EVERY_TENANT, reading, transaction
from domain.promotions import ChallengerState
from ml.features import SCHEMA_VERSION
from ml.profiles import FeatureMatrix
from ml.training.rollback import RollbackRule
from ml.training.score_profile import ScoreProfile
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.models import shadow, train_model, watch
from tasks.privacy.rights import forget
from tasks.services.models import model_registry
from tasks.services.models.model_kinds import LEAD_SCORE
from tasks.tenants import configure
from tests.support.training import NOW, closed, lead

pytestmark = pytest.mark.usefixtures("database", "workspace_folder")

T = "acme"
DAY = timedelta(days=1)


@pytest.fixture
def tenant(database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A tenant with two models: the first was promoted, the second only trained."""
    monkeypatch.setattr("tasks.runtime.schedule.is_due", lambda *_: True)
    configure(tenant_id=T, settings={"timezone": "America/New_York"})
    upsert(tenant_id=T, leads=[closed(number) for number in range(300)])
    assert train_model(tenant_id=T, kind="lead_score")["data"]["promoted"]
    assert train_model(tenant_id=T, kind="lead_score", promote="never", seed=1)["data"]["version"] == SECOND
    return T


FIRST, SECOND = "lead_score-0001", "lead_score-0002"


def aside(state: ChallengerState) -> None:
    with transaction(T) as session:
        record = models.get(session, T, version=SECOND)
        assert record is not None
        models.set_aside(session, T, model_id=record.model_id, state=state)


def promoted(rule: RollbackRule | None) -> None:
    """Promote the second model, with a rule by which that is taken back."""
    with transaction(T) as session:
        record = models.get(session, T, version=SECOND)
        assert record is not None
        detail = {"rule": asdict(rule)} if rule else {}
        models.promote(session, T, model_id=record.model_id, now=datetime.now(NOW.tzinfo), detail=detail)


def served(count: int) -> list[str]:
    made: list[str] = upsert(tenant_id=T, leads=[lead(1000 + number, showings=number % 5) for number in range(count)])[
        "data"
    ]["lead_ids"]
    score(tenant_id=T, lead_ids=made)
    return made


def beside() -> list[Any]:
    with reading(T) as session:
        return list(session.execute(select(ShadowScore).order_by(ShadowScore.snapshot_id)).scalars())


@pytest.mark.usefixtures("tenant")
def test_a_shadow_scores_what_was_served_once_and_nobody_is_told() -> None:
    made = served(6)
    assert shadow()["data"] == {"scored": 0}
    aside("shadow")
    assert shadow()["data"] == {"scored": 6}
    assert shadow()["data"] == {"scored": 0}
    rows = beside()
    assert {row.lead_id for row in rows} == set(made)
    assert {(row.version, row.served_version) for row in rows} == {(SECOND, FIRST)}
    with reading(T) as session:
        opened = model_registry.champion_of_version(session, T, SECOND, LEAD_SCORE)
        kept = snapshots.get(session, T, snapshot_ids=[row.snapshot_id for row in rows])
        said = predictions.latest(session, T, kind="lead_score")
        assert opened is not None
        again = opened.scorer.quick(FeatureMatrix.from_rows([each.features for each in kept])).tolist()
        # nothing but the champion's scores is a prediction, or an event
        assert {record.model_version for record in said} == {FIRST}
        assert SECOND not in str([row.body for row in session.execute(select(OutboundEvent)).scalars()])
    assert [row.probability for row in rows] == again
    assert {row.lead_id: row.served_probability for row in rows} == {
        record.lead_id: record.probability for record in said
    }


@pytest.mark.usefixtures("tenant")
def test_shadow_scores_go_with_a_lead() -> None:
    made = served(3)
    aside("shadow")
    shadow()
    forgotten = forget(tenant_id=T, lead_id=made[0])
    assert forgotten["status"] == "ok"
    assert {row.lead_id for row in beside()} == set(made[1:])


@pytest.mark.usefixtures("tenant")
def test_the_former_champion_scores_beside_the_one_that_replaced_it() -> None:
    served(2)
    promoted(None)
    served(2)
    assert shadow()["data"] == {"scored": 2}
    assert {(row.version, row.served_version) for row in beside()} == {(FIRST, SECOND)}
    with transaction(T) as session:
        long_ago = datetime.now(NOW.tzinfo) - timedelta(days=120)
        session.execute(update(ModelVersion).where(ModelVersion.version == SECOND).values(promoted_at=long_ago))
    served(3)
    assert shadow()["data"] == {"scored": 0}


def landed(version: str, served_by: str, pairs: Sequence[tuple[bool, float, float]], *, labels: bool = True) -> None:
    """Store labels of leads, each with what was served before and what the other model said."""
    now = datetime.now(NOW.tzinfo)
    with transaction(T) as session:
        drafts = [LeadDraft(external_id=f"j{number}") for number in range(len(pairs))]
        ids = [each.lead_id or "" for each in leads.upsert(session, T, drafts=drafts, policy="fill_blanks", now=now)]
        taken = snapshots.save(
            session,
            T,
            drafts=[
                SnapshotDraft(
                    lead_id=each, lead_version=1, as_of=now, bucket=now, feature_schema=SCHEMA_VERSION, features={}
                )
                for each in ids
            ],
        )
        places = list(zip(ids, taken, pairs, strict=True))
        records = [
            ShadowScoreRecord(
                version=version, snapshot_id=snapshot, kind="lead_score", lead_id=each, probability=other,
                served_probability=said, served_version=served_by, as_of=now,
            )
            for each, snapshot, (_, said, other) in places
        ]  # fmt: skip
        shadow_scores.add(session, T, records=records, now=now)
        if labels:
            known = [
                SignalDraft(
                    target="won", lead_id=each, snapshot_id=snapshot, label=label, origin="outcome", occurred_at=now,
                    as_of=now, served_probability=said, served_version=served_by,
                )
                for each, snapshot, (label, said, _) in places
            ]  # fmt: skip
            signals.add(session, T, drafts=known, now=now)


def alternating(count: int, good: float, bad: float) -> list[tuple[bool, float, float]]:
    """Labels with a served score and another's; `good` and `bad` are how sure each is of the truth."""
    return [(bool(n % 2), good if n % 2 else 1 - good, bad if n % 2 else 1 - bad) for n in range(count)]


def rule(scores: Sequence[float]) -> RollbackRule:
    return RollbackRule(promoted=ScoreProfile.of(scores), former=ScoreProfile.of(scores))


@pytest.mark.usefixtures("tenant")
def test_labels_take_a_promotion_back() -> None:
    promoted(rule([0.1, 0.9] * 100))
    landed(FIRST, SECOND, alternating(60, 0.3, 0.8))
    assert watch()["data"] == {"rolled_back": 1, "judged": 0}
    with reading(T) as session:
        assert models.champion_version(session, T, kind="lead_score") == FIRST
        newest = history.changes(session, T, kind="lead_score", limit=1)[0]
        told = [row.type for row in session.execute(select(OutboundEvent)).scalars()]
    assert (newest.change, newest.from_version, newest.to_version) == ("rollback", SECOND, FIRST)
    assert "better on" in newest.reason
    assert "model.rolled_back" in told
    # who answers again was watched before: nothing more is taken back
    assert watch()["data"]["rolled_back"] == 0


@pytest.mark.usefixtures("tenant")
def test_scores_that_shifted_take_a_promotion_back_before_any_label() -> None:
    promoted(rule([0.1, 0.3, 0.5, 0.7] * 60))
    steady = (0.1, 0.3, 0.5, 0.7)
    landed(FIRST, SECOND, [(True, 0.95, steady[n % 4]) for n in range(220)], labels=False)
    assert watch()["data"]["rolled_back"] == 1
    with reading(T) as session:
        assert "PSI" in history.changes(session, T, kind="lead_score", limit=1)[0].reason


@pytest.mark.usefixtures("tenant")
def test_a_promotion_that_does_as_well_stands_and_so_does_one_without_a_rule() -> None:
    promoted(rule([0.2, 0.8] * 100))
    landed(FIRST, SECOND, alternating(220, 0.8, 0.7))
    assert watch()["data"] == {"rolled_back": 0, "judged": 0}
    with reading(T) as session:
        assert models.champion_version(session, T, kind="lead_score") == SECOND


@pytest.mark.usefixtures("tenant")
@pytest.mark.parametrize(("sure", "state"), [(0.85, "champion"), (0.3, "candidate")])
def test_a_shadow_is_judged_once_labels_landed(sure: float, state: str) -> None:
    aside("shadow")
    landed(SECOND, FIRST, alternating(60, 0.6, sure))
    assert watch()["data"]["judged"] == 0  # too few labels
    with transaction(T) as session:
        session.execute(update(ShadowScore).values(version="gone"))
    with transaction(EVERY_TENANT) as session:
        for change in session.query(history.ModelChange):
            change.at -= 8 * DAY
        session.execute(
            update(ModelVersion).where(ModelVersion.version == SECOND).values(trained_at=NOW - timedelta(hours=1))
        )
    landed(SECOND, FIRST, alternating(160, 0.6, sure))
    assert watch()["data"]["judged"] == 1
    with reading(T) as session:
        record = models.get(session, T, version=SECOND)
        assert record is not None
        # nobody said whether it may answer unasked: a person is asked
        assert record.state == ("waiting" if state == "champion" else state)
    # it is compared again a week later, not an hour
    assert watch()["data"]["judged"] == 0


def test_a_prediction_of_another_schema_is_not_scored_beside(tenant: str) -> None:
    aside("shadow")
    now = datetime.now(NOW.tzinfo)
    with transaction(T) as session:
        (stored,) = leads.upsert(session, T, drafts=[LeadDraft(external_id="old")], policy="fill_blanks", now=now)
        draft = SnapshotDraft(
            lead_id=stored.lead_id or "", lead_version=1, as_of=now, bucket=now, feature_schema="0", features={}
        )
        (snapshot_id,) = snapshots.save(session, T, drafts=[draft])
        said = PredictionDraft(
            lead_id=stored.lead_id or "", snapshot_id=snapshot_id, kind="lead_score", model_id=None,
            model_version="scorecard-1", scope="scorecard", probability=0.4, band="warm", detail={}, as_of=now,
        )  # fmt: skip
        predictions.save(session, T, drafts=[said], now=now)
    assert shadow()["data"] == {"scored": 0}
