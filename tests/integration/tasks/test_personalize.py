"""How to speak to a lead is stored once a snapshot, replayed from it, answered, erased and exported with the lead."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from db.models import Assessment, Prediction
from db.records import PredictionRecord
from db.repositories import audit
from db.repositories.predictions import assessments, predictions
from db.session import EVERY_TENANT, reading, transaction
from domain.journey import JOURNEY_STAGES
from tasks import pipelines
from tasks.contracts import answers
from tasks.errors import InvalidPayload
from tasks.leads.assessment_stages import personalize_stage, snapshot_stage
from tasks.leads.card import card
from tasks.leads.personalize import personalize
from tasks.leads.rescoring import rescore
from tasks.leads.upsert import upsert
from tasks.privacy.rights import export, forget, restrict
from tasks.services.leads.explanation import explain_prediction
from tasks.services.personalization.personalize import version
from tasks.services.privacy.person_page import render
from tests.support.interventions import DAY, T, at_risk, brokerage, happened, only, proofs
from tests.support.statements import counted
from workers.cli.leads.explain import show_explanation

pytestmark = pytest.mark.usefixtures("database", "workspace_folder")
NOW = datetime.now(UTC)
#: what no row and no answer may repeat
WORDS = "Could we see the yellow house on Saturday? Our budget is at most $450,000 and we are pre-approved."


@pytest.fixture(autouse=True)
def tenant(database: str) -> None:
    brokerage()


def asked(**what: Any) -> dict[str, Any]:
    """An answer as it goes over the wire, held against its model."""
    envelope: dict[str, Any] = json.loads(json.dumps(personalize(tenant_id=T, **what), allow_nan=False))
    assert answers.faults("hearth.leads.personalize", envelope["data"]) == []
    return envelope


def rows(lead_id: str) -> list[PredictionRecord]:
    """Newest first."""
    with reading(T) as session:
        return predictions.history(session, T, lead_id=lead_id, kind="personalization", limit=50)


def writing_lead() -> str:
    lead_id = at_risk(at=NOW)
    happened(1, "sms", NOW - timedelta(hours=5), "inbound", WORDS)
    return lead_id


def test_an_answer_says_all_of_it_and_names_the_message_by_its_event() -> None:
    lead_id = writing_lead()
    envelope = asked(lead_id=lead_id, purpose="sms")
    data = envelope["data"]
    assert envelope["status"] == "ok"
    assert (envelope["model"]["name"], envelope["model"]["version"]) == ("personalization", version())
    assert data["stage"] == data["journey"]["stage"] in JOURNEY_STAGES
    points = {point["code"]: point for point in data["talking_points"]}
    assert points["budget"]["fact"] == {"kind": "budget", "value": [None, 450_000], "bound": "max"}
    assert set(points["budget"]["source"]) == {"event_id"}
    assert data["channels"]
    assert data["send_window"]["zone"] == "America/New_York"
    assert [advice["code"] for advice in data["guide"]["do"]][-1] == "one_line", "what an SMS takes comes last"
    assert data["suggestion"]["by"] == "rule"
    told = json.dumps(envelope)
    assert not [word for word in ("yellow", "Could we", "Saturday?") if word in told]
    assert asked(lead_id=lead_id)["data"]["guide"]["do"] == data["guide"]["do"][:-1]


def test_unchanged_within_the_scoring_interval_nothing_is_written() -> None:
    lead_id = writing_lead()
    as_of = NOW.isoformat()
    first = asked(lead_id=lead_id, as_of=as_of)["data"]
    with counted() as statements:
        again = asked(lead_id=lead_id, as_of=as_of, purpose="call")["data"]
    assert again["prediction_id"] == first["prediction_id"]
    assert not [text for text in statements if "INTO predictions" in text or "INTO audit" in text]
    row = only(rows(lead_id))
    assert (row.band, row.probability, row.scope) == (first["stage"], first["journey"]["probability"], "rules")
    assert row.model_version == version()
    with reading(EVERY_TENANT) as session:
        assert audit.verify(session, T).ok
    assert [proof["of"] for proof in proofs("prediction")] == ["personalization"]


def test_the_stage_is_computed_again_from_snapshot_and_stage_before() -> None:
    lead_id = writing_lead()
    asked(lead_id=lead_id)
    for days in (3, 2):
        happened(1, "showing", NOW - days * DAY)
        asked(lead_id=lead_id)
    newest, *_, oldest = rows(lead_id)
    assert (oldest.detail["journey"]["before"], oldest.detail["journey"]["moved"]) == (None, "first")
    assert newest.detail["journey"]["before"] == rows(lead_id)[1].band
    for row in rows(lead_id):
        with reading(T) as session:
            explained = explain_prediction(session, T, row.prediction_id)
        assert explained is not None
        assert explained.evidence["replay"]["same"] is True
        assert explained.evidence["replay"]["computed"] == row.detail["journey"]


def test_it_is_explained_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    lead_id = writing_lead()
    asked(lead_id=lead_id)
    row = only(rows(lead_id))
    with reading(T) as session:
        explained = explain_prediction(session, T, row.prediction_id)
    assert explained is not None
    show_explanation(explained)
    shown = " ".join(capsys.readouterr().out.split())
    assert "the journey stage of this lead" in shown
    assert row.detail["journey"]["evidence"][0]["text"] in shown
    assert "replay: the same bit for bit, probability" in shown


def test_another_figure_in_the_row_is_noticed() -> None:
    lead_id = writing_lead()
    asked(lead_id=lead_id)
    row = only(rows(lead_id))
    changed = {**row.detail, "journey": {**row.detail["journey"], "expected": 3.9}}
    with transaction(EVERY_TENANT) as session:
        session.execute(update(Prediction).values(detail=changed))
    with reading(T) as session:
        explained = explain_prediction(session, T, row.prediction_id)
    assert explained is not None
    assert not explained.reproduced
    assert explained.evidence["replay"]["why"] == "another value of expected"


def test_showings_and_an_offer_bring_it_forward_and_a_fall_is_told() -> None:
    lead_id = at_risk(at=NOW)
    stages = [asked(lead_id=lead_id)["data"]["stage"]]
    for kind, days in (("showing", 4), ("showing", 3), ("offer", 2)):
        happened(1, kind, NOW - days * DAY)
        stages.append(asked(lead_id=lead_id)["data"]["stage"])
    places = [JOURNEY_STAGES.index(stage) for stage in stages]
    assert places == sorted(places)
    assert places[-1] > places[0]
    with transaction(EVERY_TENANT) as session:
        detail = rows(lead_id)[0].detail
        higher = {**detail, "journey": {**detail["journey"], "stage": "ready_to_buy"}}
        session.execute(
            update(Prediction).where(Prediction.prediction_id == rows(lead_id)[0].prediction_id).values(detail=higher)
        )
    happened(1, "listing_view", NOW - timedelta(hours=1))
    journey = asked(lead_id=lead_id)["data"]["journey"]
    assert (journey["before"], journey["moved"]) == ("ready_to_buy", "down")


def test_a_moment_of_the_past_is_answered_by_what_stood_before_it() -> None:
    lead_id = writing_lead()
    asked(lead_id=lead_id)
    past = asked(lead_id=lead_id, as_of=(NOW - 3 * DAY).isoformat())["data"]
    assert past["journey"]["before"] is None
    assert not [point for point in past["talking_points"] if point["source"].get("event_id")]


def test_a_lead_that_is_sent_along_is_answered_and_not_stored() -> None:
    lead = {"created_at": (NOW - DAY).isoformat(), "showings": 3, "preapproval": "cash", "budget_max": 500_000}
    envelope = asked(lead=lead, purpose="call")
    assert envelope["status"] == "ok"
    assert (envelope["data"]["lead_id"], envelope["data"]["prediction_id"]) == (None, None)
    assert envelope["data"]["tone"]["why_not"] == "no_messages"
    assert envelope["data"]["suggestion"]["code"] == "ask_timeline"
    assert asked(lead={"first_name": "Ada"})["status"] == "insufficient_data"
    assert asked(lead={**lead, "dnd_all": True})["data"]["suggestion"] is None
    assert asked(lead={**lead, "opportunity_status": "lost"})["data"] == {"lead_id": None, "ended": "lost"}
    with reading(EVERY_TENANT) as session:
        assert not list(session.scalars(select(Prediction)))


def test_who_is_restricted_or_ended_is_told_nothing_about() -> None:
    first, second = at_risk(1, NOW), at_risk(2, NOW)
    restrict(tenant_id=T, lead_id=first, restricted=True)
    assert asked(lead_id=first)["status"] == "blocked"
    upsert(
        tenant_id=T,
        leads=[{"external_id": "ct2", "source_system": "ghl", "stage": "lost", "opportunity_status": "lost"}],
    )
    assert asked(lead_id=second)["data"]["ended"] == "lost"
    assert rows(first) == rows(second) == []
    with pytest.raises(InvalidPayload):
        personalize(tenant_id=T, lead_id=first, purpose="threaten")


def test_a_lead_that_refused_contact_keeps_its_stage_and_gets_no_suggestion() -> None:
    lead_id = writing_lead()
    refused = {"dnd_call": True, "dnd_sms": True, "dnd_email": True, "dnd_all": True}
    upsert(tenant_id=T, leads=[{"external_id": "ct1", "source_system": "ghl", **refused}])
    data = asked(lead_id=lead_id)["data"]
    assert data["suggestion"] is None
    assert data["send_window"]["status"] == "blocked"
    assert {channel["allowed"] for channel in data["channels"]} == {False}


def test_what_others_at_the_address_refuse_counts_at_once() -> None:
    lead_id = writing_lead()
    before = asked(lead_id=lead_id)["data"]
    assert before["suggestion"] is not None
    assert any(channel["allowed"] for channel in before["channels"])
    spouse = {"external_id": "ct2", "source_system": "ghl", "email": "l1@example.com", "last_name": "Other"}
    upsert(tenant_id=T, leads=[{**spouse, "dnd_all": True}])
    for told in (asked(lead_id=lead_id)["data"], card(tenant_id=T, lead_id=lead_id)["data"]["personalization"]):
        assert told["suggestion"] is None
        assert told["send_window"]["status"] == "blocked"
        # by e-mail both are reached; the rule is the refusal's
        assert next(channel for channel in told["channels"] if channel["channel"] == "email")["why_not"]
        assert {channel["allowed"] for channel in told["channels"]} == {False}
    assert len(rows(lead_id)) == 1


def started(lead_ids: list[str], stages: list[str]) -> dict[str, str]:
    with transaction(T) as session:
        run = assessments.create(session, T, lead_ids=lead_ids, as_of=NOW, due_at=NOW + DAY, stages=stages, now=NOW)
    return {"tenant_id": T, "assessment_id": run.assessment_id}


def test_the_stage_of_an_assessment_stores_it_and_lands() -> None:
    lead_ids = [writing_lead(), at_risk(2, NOW)]
    call = started(lead_ids, ["snapshot", *pipelines.STAGES])
    assert personalize_stage(**call)["data"] == {"stage": "personalize", "state": "failed"}
    snapshot_stage(**call)
    assert personalize_stage(**call)["data"] == {"stage": "personalize", "state": "ok"}
    assert [len(rows(lead_id)) for lead_id in lead_ids] == [1, 1]
    snapshots = {row.snapshot_id for lead_id in lead_ids for row in rows(lead_id)}
    with reading(EVERY_TENANT) as session:
        assert snapshots == set(only(list(session.scalars(select(Assessment.snapshot_ids)))))


def test_an_assessment_that_an_earlier_version_started_gets_the_stages_it_knows_and_closes() -> None:
    earlier = [name for name in pipelines.STAGES if name != "personalize"]
    call = started([writing_lead()], ["snapshot", *earlier])
    snapshot_stage(**call)
    with reading(T) as session:
        record = assessments.get(session, T, assessment_id=call["assessment_id"])
    assert record is not None
    assert [stage(**call)["data"]["stage"] for stage in pipelines.stages_of(record)] == earlier
    assert pipelines.finish(**call)["status"] == "ok"


def test_it_goes_with_the_lead_and_its_copy_holds_it(tmp_path: Path) -> None:
    lead_id = writing_lead()
    asked(lead_id=lead_id)
    copy = json.loads(Path(export(tenant_id=T, lead_id=lead_id)["data"]["file"]).read_text())
    kinds = [row["kind"] for row in copy["stores"]["predictions"]]
    assert kinds == ["personalization"]
    page = render(copy)
    assert "how far you have come, and how to speak to you" in page
    assert copy["stores"]["predictions"][0]["detail"]["journey"]["evidence"][0]["text"] in page
    forget(tenant_id=T, lead_id=lead_id, reason="asked")
    with reading(EVERY_TENANT) as session:
        assert not list(session.scalars(select(Prediction)))
        assert audit.verify(session, T).ok


def test_the_live_window_stores_it_too() -> None:
    lead_id = writing_lead()
    assert rescore(tenant_id=T)["data"]["scored"] == 1
    assert only(rows(lead_id)).detail["talking_points"]
