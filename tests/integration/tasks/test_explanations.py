"""What would change a score and what became of similar leads: true when done, and never of the erased."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from db.models import AuditEntry
from db.repositories import audit
from db.repositories.predictions import predictions, snapshots
from db.session import EVERY_TENANT, reading
from ml.explain.applied import apply
from ml.explain.levers import builtin
from ml.profiles import FeatureMatrix
from tasks.churn import predict
from tasks.errors import InvalidPayload
from tasks.leads.card import card
from tasks.leads.explain import explain
from tasks.leads.personalize import personalize
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.leads.worklist import worklist
from tasks.models import train_model
from tasks.privacy.rights import forget, restrict
from tasks.services.explanations.explainers import EXPLAINERS
from tasks.services.explanations.importance_view import importance_view
from tasks.services.leads.explanation import explain_prediction
from tasks.tenants import configure
from tests.support.training import closed, lead

pytestmark = pytest.mark.usefixtures("database", "workspace_folder")
NOW = datetime.now(UTC)
T = "acme"


@pytest.fixture(autouse=True)
def tenant(database: str) -> None:
    configure(tenant_id=T, settings={"timezone": "America/New_York"})


def one(number: int = 9000, **fields: object) -> str:
    given = lead(number, created_at=(NOW - timedelta(days=9)).isoformat(), **fields)
    lead_id = str(upsert(tenant_id=T, leads=[given])["data"]["lead_ids"][0])
    score(tenant_id=T, lead_id=lead_id)
    return lead_id


def history(count: int = 240) -> list[str]:
    return list(upsert(tenant_id=T, leads=[closed(number) for number in range(count)])["data"]["lead_ids"])


def explained(lead_id: str, **more: Any) -> dict[str, Any]:
    data: dict[str, Any] = explain(tenant_id=T, lead_id=lead_id, **more)["data"]
    return data


def test_what_is_named_brings_the_lead_into_the_band_when_it_is_done() -> None:
    lead_id = one(showings=1, listing_views=4, sms_in=1, sms_out=2)
    found = explained(lead_id)
    assert found["score"]["band"] == "cold"
    what_if = found["what_if"]
    assert what_if["goal"] == {"band": "warm", "border": 0.3}
    assert what_if["steps"]
    with reading(EVERY_TENANT) as session:
        (stored,) = predictions.get(session, T, prediction_ids=[found["score"]["prediction_id"]])
        (snapshot,) = snapshots.get(session, T, snapshot_ids=[stored.snapshot_id])
        answerer = EXPLAINERS["lead_score"].open(session, T, stored)  # type: ignore[misc]
    times = {step["lever"]: step["times"] for step in what_if["steps"]}
    row = FeatureMatrix.from_rows([snapshot.features])
    after = apply(row, np.array([[times.get(each.name, 0) for each in builtin().levers]]), builtin())
    assert answerer.log_odds(after)[0] >= np.log(0.3 / 0.7)  # type: ignore[union-attr]
    assert what_if["probability"] >= 0.3


def test_the_tenants_own_borders_count() -> None:
    configure(tenant_id=T, settings={"bands": {"warm": 0.05, "hot": 0.2}})
    found = explained(one(showings=1))
    assert found["what_if"]["goal"]["band"] in {"warm", "hot"}
    assert found["what_if"]["goal"]["border"] in {0.05, 0.2}


def test_who_refused_a_channel_is_not_to_be_contacted_by_it() -> None:
    lead_id = one(showings=1, dnd_all=True)
    told = explained(lead_id)["what_if"]
    assert all(step["by"] == "lead" for step in (*told["steps"], *told["alone"]))


def test_similar_leads_are_closed_ones_of_the_own_tenant() -> None:
    closed_ids = set(history())
    configure(tenant_id="other", settings={})
    upsert(tenant_id="other", leads=[closed(number) for number in range(60)])
    train_model(tenant_id=T, kind="lead_score")
    similar = explained(one(showings=3, listing_views=5), similar=7)["similar"]
    assert len(similar["leads"]) == 7
    assert {each["lead_id"] for each in similar["leads"]} <= closed_ids
    assert similar["compared"] == 240
    assert similar["interval"][0] <= similar["won"] / similar["of"] <= similar["interval"][1]
    distances = [each["distance"] for each in similar["leads"]]
    assert distances == sorted(distances)
    assert {each["external_id"] for each in similar["leads"]} <= {f"L{number}" for number in range(240)}


def test_who_is_forgotten_or_restricted_is_never_among_them() -> None:
    history(60)
    lead_id = one(showings=3, listing_views=5)
    nearest = [each["lead_id"] for each in explained(lead_id)["similar"]["leads"]]
    forget(tenant_id=T, lead_id=nearest[0], reason="asked")
    restrict(tenant_id=T, lead_id=nearest[1], restricted=True)
    again = explained(lead_id)["similar"]
    assert not {nearest[0], nearest[1]} & {each["lead_id"] for each in again["leads"]}
    assert again["compared"] == 58


def test_with_few_closed_leads_nobody_is_compared() -> None:
    history(12)
    assert explained(one(showings=1))["similar"] is None


def test_of_whom_nothing_may_be_computed_nothing_is() -> None:
    lead_id = one(showings=1)
    restrict(tenant_id=T, lead_id=lead_id, restricted=True)
    answer = explain(tenant_id=T, lead_id=lead_id)
    assert (answer["status"], answer["data"]["what_if"], answer["data"]["similar"]) == ("blocked", None, None)
    assert "restricted" in answer["data"]["why_not"]
    with reading(T) as session:
        evidence = explain_prediction(session, T, answer["data"]["score"]["prediction_id"])
    assert evidence is not None
    assert evidence.evidence["what_if"] is None


def test_it_leaves_a_row_in_the_audit_chain_without_the_others() -> None:
    history(60)
    lead_id = one(showings=3)
    found = explained(lead_id)
    with reading(EVERY_TENANT) as session:
        rows = session.scalars(
            select(AuditEntry).where(AuditEntry.tenant_id == T, AuditEntry.kind == "explanation")
        ).all()
        assert audit.verify(session, T).ok
    (row,) = rows
    body = json.loads(row.body)
    assert body["prediction_id"] == found["score"]["prediction_id"]
    assert body["similar"] == len(found["similar"]["leads"])
    assert not [each["lead_id"] for each in found["similar"]["leads"] if each["lead_id"] in row.body]


def test_nothing_computed_yet_is_said() -> None:
    lead_id = str(upsert(tenant_id=T, leads=[lead(1)])["data"]["lead_ids"][0])
    answer = explain(tenant_id=T, lead_id=lead_id)
    assert (answer["status"], answer["data"]["score"]) == ("insufficient_data", None)


@pytest.mark.parametrize("given", [{"kind": "weather"}, {"prediction_id": "nothing"}, {"similar": 21}])
def test_what_is_wrong_is_named(given: dict[str, Any]) -> None:
    lead_id = one()
    with pytest.raises(InvalidPayload) as caught:
        explain(tenant_id=T, lead_id=lead_id, **given)
    assert caught.value.code in {"unknown_value", "range"}


def test_a_prediction_of_another_lead_is_not_explained() -> None:
    first, second = one(), one(9001)
    stored = explained(second)["score"]["prediction_id"]
    with pytest.raises(InvalidPayload):
        explain(tenant_id=T, lead_id=first, prediction_id=stored)


def test_card_and_list_say_it_only_where_they_are_asked() -> None:
    lead_id = one(showings=1, sms_in=1)
    assert card(tenant_id=T, lead_id=lead_id)["data"]["score"].get("what_if") is None
    told = card(tenant_id=T, lead_id=lead_id, what_if=True)["data"]["score"]["what_if"]
    assert told == explained(lead_id)["what_if"]
    assert worklist(tenant_id=T)["data"]["leads"][0]["what_if"] is None
    row = worklist(tenant_id=T, what_if=True)["data"]["leads"][0]
    assert row["what_if"]["probability"] == told["probability"]


def test_rules_say_that_they_cannot_be_asked() -> None:
    lead_id = one(showings=1)
    personalize(tenant_id=T, lead_id=lead_id)
    found = explained(lead_id, kind="personalization")
    assert (found["what_if"], found["similar"]) == (None, None)
    assert "rules" in found["why_not"]


def test_a_risk_says_what_would_calm_it() -> None:
    """The written scorecard's: a sign of life ends the silence, and its risk of before is what was stored."""
    ago = (NOW - timedelta(days=15)).isoformat()
    lead_id = one(showings=1, last_activity_at=ago, last_contacted_at=ago, stage="engaged")
    predict(tenant_id=T, lead_id=lead_id)
    found = explained(lead_id, kind="churn")
    assert found["similar"] is None
    assert found["what_if"]["probability"] < found["what_if"]["goal"]["border"] <= found["score"]["probability"]
    assert {step["by"] for step in found["what_if"]["steps"]} == {"lead"}
    with reading(EVERY_TENANT) as session:
        (stored,) = predictions.get(session, T, prediction_ids=[found["score"]["prediction_id"]])
        (snapshot,) = snapshots.get(session, T, snapshot_ids=[stored.snapshot_id])
        answerer = EXPLAINERS["churn"].open(session, T, stored)  # type: ignore[misc]
    again = answerer.log_odds(FeatureMatrix.from_rows([snapshot.features]))[0]  # type: ignore[union-attr]
    assert 1 / (1 + np.exp(-again)) == pytest.approx(stored.probability, abs=1e-9)
    assert card(tenant_id=T, lead_id=lead_id, what_if=True)["data"]["risk"]["what_if"] == found["what_if"]
    assert card(tenant_id=T, lead_id=lead_id)["data"]["risk"].get("what_if") is None


def test_the_same_answer_comes_again_after_another_model_took_over() -> None:
    """A stored score is explained by the model that gave it."""
    lead_id = one(showings=1, listing_views=4)
    before = explained(lead_id)
    history()
    train_model(tenant_id=T, kind="lead_score")
    again = explained(lead_id, prediction_id=before["score"]["prediction_id"])
    assert (again["what_if"], again["score"]) == (before["what_if"], before["score"])


def test_a_model_says_what_it_needs_to_know() -> None:
    history()
    train_model(tenant_id=T, kind="lead_score")
    with reading(T) as session:
        found = importance_view(session, T, "lead_score")
        risk = importance_view(session, T, "churn")
    assert (found["rows"], found["learnt_from"], found["why_not"]) == (240, True, None)
    first = found["meanings"][0]
    assert "showings" in first["features"]
    assert first["interval"][0] > 0
    assert first["interval"][0] <= first["log_loss"] <= first["interval"][1]
    assert risk["meanings"] == []
    assert "written table" in risk["why_not"]


def test_with_few_outcomes_a_model_says_nothing() -> None:
    history(20)
    with reading(T) as session:
        found = importance_view(session, T, "lead_score")
    assert (found["meanings"], found["why_not"]) == ([], "too few leads with a known outcome to tell")
