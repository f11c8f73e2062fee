"""The risk that leads go cold: asked for, as a stage of an assessment, and looked at again by itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import pytest
from celery import current_app
from sqlalchemy import select, update

from db.models import Lead, RescoreDue, RiskCheck
from db.records import EventDraft, ThresholdCrossing
from db.repositories import audit
from db.repositories.due_queues.queues import risk_queue
from db.repositories.events import events
from db.repositories.jobs import outbox
from db.repositories.leads import leads as lead_rows
from db.repositories.overrides import threshold_state
from db.repositories.predictions import assessments, predictions
from db.session import EVERY_TENANT, reading, transaction
from domain.risk import INDICATORS, RISK_LEVELS
from tasks import churn, pipelines
from tasks.contracts.base.request import ENVELOPE_SCHEMA
from tasks.errors import InvalidPayload
from tasks.leads.assessment_stages import snapshot_stage
from tasks.leads.card import card
from tasks.leads.rescoring import rescore
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.leads.worklist import worklist
from tasks.outbound import pull
from tasks.outcomes import record
from tasks.privacy.rights import restrict
from tasks.services.leads.explanation import explain_prediction
from tasks.tenants import configure
from tests.support.statements import counted

pytestmark = pytest.mark.usefixtures("workspace_folder")

T = "acme"
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def ago(days: float) -> datetime:
    return NOW - days * DAY


def happened(kind: str, *days: float, direction: str | None = None) -> list[EventDraft]:
    return [
        EventDraft(
            kind=kind,
            occurred_at=ago(day),
            recorded_at=ago(day),
            direction=direction,
            source_id=f"{kind}:{direction}:{day}",
        )
        for day in days
    ]


def tell(lead_id: str, *groups: list[EventDraft]) -> None:
    with transaction(EVERY_TENANT) as session:
        events.add(session, T, lead_id=lead_id, drafts=[one for group in groups for one in group])


@pytest.fixture
def leads(database: str) -> list[str]:
    """One that talks to us, one that went silent after a lot, and one that nobody ever contacted."""
    configure(tenant_id=T, settings={"timezone": "America/New_York"})
    told = [
        {"external_id": f"L{number}", "lead_type": "buyer", "stage": "engaged", "created_at": ago(90).isoformat()}
        | {"opt_in_call": True}
        for number in range(3)
    ]
    made: list[str] = upsert(tenant_id=T, leads=told)["data"]["lead_ids"]
    calls = happened("call", 80, 60, direction="outbound")
    tell(made[0], calls, happened("sms", 1, 5, 9, 14, 20, direction="inbound"))
    tell(made[1], calls, happened("listing_view", *range(30, 80, 3)), happened("sms", 3, 7, direction="outbound"))
    tell(made[2], happened("listing_view", 40, 50))
    return made


def told_of(kind: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = pull(tenant_id=T)["data"]["events"]
    return [event for event in events if event["type"] == kind]


def risk_rows(lead_id: str) -> int:
    with reading(EVERY_TENANT) as session:
        return len(predictions.history(session, T, lead_id=lead_id, kind="churn", limit=50))


def proofs() -> int:
    with reading(EVERY_TENANT) as session:
        return audit.head(session, T).sequence


def follow_ups() -> list[list[str]]:
    """The leads that were handed over to be planned for, message by message."""
    with reading(EVERY_TENANT) as session:
        rows = outbox.pending(session, limit=100, before=datetime.now(UTC) + DAY)
    return [row.kwargs["lead_ids"] for row in rows if row.task == "hearth.interventions.plan_due"]


def test_a_lead_has_a_risk_with_all_ten_indicators_and_what_they_come_from(leads: list[str]) -> None:
    calm, cold, alone = (churn.predict(tenant_id=T, lead_id=lead_id) for lead_id in leads)
    jsonschema.validate(cold, ENVELOPE_SCHEMA)
    assert (cold["model"]["name"], cold["model"]["scope"]) == ("churn", "scorecard")
    data = cold["data"]
    assert data["probability"] > calm["data"]["probability"]
    assert RISK_LEVELS.index(data["level"]) > RISK_LEVELS.index(calm["data"]["level"])
    assert [one["name"] for one in data["indicators"]] == list(INDICATORS)
    gaps = next(one for one in data["indicators"] if one["name"] == "communication_gaps")
    assert gaps["evidence"]["threshold_days"] == data["threshold"] == 14
    assert (data["days_silent"], data["horizon_days"]) == (pytest.approx(30, abs=0.1), 30)
    assert [answer["data"]["neglected"] for answer in (calm, cold, alone)] == [False, False, True]
    assert datetime.fromisoformat(data["next_check_at"]) > NOW


def test_unchanged_within_the_interval_nothing_new_is_written(leads: list[str]) -> None:
    first = churn.predict(tenant_id=T, lead_id=leads[1])["data"]
    before, looked_at = proofs(), due()
    again = churn.predict(tenant_id=T, lead_id=leads[1])["data"]
    assert again == first
    assert (risk_rows(leads[1]), proofs(), due()) == (1, before, looked_at)
    tell(leads[1], happened("sms", 0.01, direction="inbound"))
    assert churn.predict(tenant_id=T, lead_id=leads[1])["data"]["probability"] < first["probability"]
    assert (risk_rows(leads[1]), proofs()) == (2, before + 1)


def test_a_level_that_changed_is_told_once(leads: list[str]) -> None:
    was = churn.predict(tenant_id=T, lead_id=leads[1])["data"]
    assert told_of("risk.changed") == []
    tell(leads[1], happened("sms", 0.01, direction="inbound"))
    now = churn.predict(tenant_id=T, lead_id=leads[1])["data"]
    churn.predict(tenant_id=T, lead_id=leads[1])
    (event,) = told_of("risk.changed")
    assert event["lead_id"] == leads[1]
    assert (event["data"]["was"], event["data"]["level"]) == (was["level"], now["level"])
    assert event["data"]["prediction_id"] == now["prediction_id"]


def test_many_are_counted_by_level_and_those_without_a_risk_are_named(leads: list[str]) -> None:
    record(tenant_id=T, outcomes=[{"subject": {"lead_id": leads[0]}, "type": "won", "at": NOW.isoformat()}])
    restrict(tenant_id=T, lead_id=leads[1], objected=True)
    agent = upsert(tenant_id=T, leads=[{"external_id": "agent", "lead_type": "agent"}])["data"]["lead_ids"]
    answer = churn.predict(tenant_id=T, lead_ids=[*leads, *agent])
    assert answer["status"] == "partial"
    data = answer["data"]
    assert (data["assessed"], sum(data["levels"].values()), data["neglected"]) == (1, 1, 1)
    assert data["ended"] == {"won": [leads[0]], "no_client": agent}
    assert data["blocked"] == [leads[1]]
    assert answer["warnings"] == [{"code": "lead.objected", "path": "lead_ids.1"}]
    alone = churn.predict(tenant_id=T, lead_id=leads[1])
    assert (alone["status"], alone["data"]["probability"]) == ("blocked", None)
    ended = churn.predict(tenant_id=T, lead_id=leads[0])
    assert (ended["status"], ended["data"]["ended"], ended["data"]["level"]) == ("ok", "won", None)
    assert [risk_rows(lead_id) for lead_id in (*leads, *agent)] == [0, 0, 1, 0]


def test_a_lead_that_refused_has_no_risk_and_is_handed_over(leads: list[str]) -> None:
    record(tenant_id=T, outcomes=[{"subject": {"lead_id": leads[0]}, "type": "unsubscribed", "at": NOW.isoformat()}])
    assert churn.predict(tenant_id=T, lead_id=leads[0])["data"]["ended"] == "unsubscribed"
    assert churn.check(tenant_id=T)["data"] == {"due": 1, "assessed": 0}
    assert follow_ups() == [[leads[0]]]


def test_who_unsubscribed_is_nobody_to_call(leads: list[str]) -> None:
    score(tenant_id=T, lead_ids=leads)
    called = {row["lead_id"] for row in worklist(tenant_id=T)["data"]["leads"]}
    record(tenant_id=T, outcomes=[{"subject": {"lead_id": leads[0]}, "type": "unsubscribed", "at": NOW.isoformat()}])
    assert {row["lead_id"] for row in worklist(tenant_id=T)["data"]["leads"]} == called - {leads[0]}
    assert leads[0] in called
    again = [{"subject": {"lead_id": leads[0]}, "type": "unsubscribed", "at": ago(0.1).isoformat()}]
    assert record(tenant_id=T, outcomes=again)["data"]["recorded"] == 1
    with reading(EVERY_TENANT) as session:
        (kept,) = lead_rows.get(session, T, lead_ids=[leads[0]])
    assert (kept.contactable, kept.consent["unsubscribed_at"]) == (False, ago(0.1)), "the earliest stays"


def test_who_wants_to_hear_no_more_waits_for_no_window(leads: list[str]) -> None:
    rescore(tenant_id=T)
    churn.check(tenant_id=T)
    for lead_id, kind in ((leads[0], "unsubscribed"), (leads[1], "replied")):
        record(tenant_id=T, outcomes=[{"subject": {"lead_id": lead_id}, "type": kind, "at": NOW.isoformat()}])
    with transaction(EVERY_TENANT) as session:
        session.execute(update(RescoreDue).values(due_at=NOW))  # the window of scores has ended
    assert rescore(tenant_id=T)["data"]["due"] == 3
    assert due() == {T: 1}
    churn.check(tenant_id=T)
    assert follow_ups()[-1] == [leads[0]]


def test_who_bought_has_no_risk_also_where_a_file_told_no_status(leads: list[str]) -> None:
    told = [{"external_id": f"L{number}", "label": number == 0} for number in range(2)]
    upsert(tenant_id=T, leads=told)
    data = churn.predict(tenant_id=T, lead_ids=leads)["data"]
    assert data["ended"] == {"won": [leads[0]], "lost": [leads[1]]}
    upsert(tenant_id=T, leads=[{"external_id": "L0", "stage": "past_client"}])
    assert churn.predict(tenant_id=T, lead_id=leads[0])["data"]["level"], "who may buy again is open again"


def test_those_at_risk_are_handed_over_together_by_the_next_sweep_and_the_past_is_not(leads: list[str]) -> None:
    churn.predict(tenant_id=T, lead_ids=leads, as_of=ago(2).isoformat())
    assert due() == {}
    for lead_id in leads:
        churn.predict(tenant_id=T, lead_id=lead_id)
    assert follow_ups() == []
    assert due() == {T: 2}
    assert churn.check(tenant_id=T)["data"] == {"due": 2, "assessed": 2}
    assert [sorted(lead_ids) for lead_ids in follow_ups()] == [[leads[1], leads[2]]]
    churn.predict(tenant_id=T, lead_ids=leads)  # unchanged: they were handed over
    assert due() == {}


def test_who_is_looked_after_is_handed_over_also_when_the_risk_has_gone(leads: list[str]) -> None:
    move = ThresholdCrossing(lead_id=leads[0], threshold="churn", above=True)
    with transaction(EVERY_TENANT) as session:
        threshold_state.record_crossings(session, T, moves=[move], now=NOW, quiet_since=NOW)
        risk_queue.touch(session, T, lead_ids=[leads[0]])
    churn.check(tenant_id=T)
    assert follow_ups() == [[leads[0]]]


def test_a_lead_sent_along_is_assessed_and_not_stored(leads: list[str]) -> None:
    told = {"external_id": "x", "stage": "showing", "created_at": ago(40).isoformat()}
    answer = churn.predict(tenant_id=T, lead=told | {"last_contacted_at": ago(9).isoformat()})["data"]
    assert (answer["lead_id"], answer["threshold"], answer["neglected"]) == (None, 7, False)
    assert churn.predict(tenant_id=T, lead=told | {"stage": "lost"})["data"]["ended"] == "lost"


@pytest.mark.parametrize(
    ("said", "ended"),
    [
        ({"opportunity_status": "won"}, "won"),
        ({"opportunity_status": "won", "stage": "past_client"}, None),
        ({"opportunity_status": "abandoned"}, "abandoned"),
        ({"label": True}, "won"),
        ({"dnd_all": True}, "no_contact"),
        ({"dnd_sms": True}, None),
        ({"unsubscribed_at": ago(3).isoformat()}, "no_contact"),
    ],
)
def test_a_lead_sent_along_has_ended_as_it_tells(leads: list[str], said: dict[str, Any], ended: str | None) -> None:
    answer = churn.predict(tenant_id=T, lead={"external_id": "x", "stage": "new", **said})["data"]
    assert (answer.get("ended"), answer["level"] is None) == (ended, ended is not None)


def test_another_horizon_is_refused_clearly(leads: list[str]) -> None:
    with pytest.raises(InvalidPayload) as caught:
        churn.predict(tenant_id=T, lead_id=leads[0], horizon_days=90)
    assert caught.value.code == "unknown_value"
    assert "30 days" in caught.value.errors[0]["msg"]


def test_the_stage_lands_with_the_others(leads: list[str]) -> None:
    with transaction(T) as session:
        run = assessments.create(
            session,
            T,
            lead_ids=leads,
            as_of=NOW,
            due_at=NOW + DAY,
            stages=["snapshot", *pipelines.STAGES],
            now=NOW,
        )
    call = {"tenant_id": T, "assessment_id": run.assessment_id}
    failed = churn.churn_stage(**call)["data"]
    assert failed == {"stage": "churn", "state": "failed"}  # without snapshots there is nothing to assess
    snapshot_stage(**call)
    for stage in pipelines.STAGES.values():
        assert stage(**call)["data"]["state"] == "ok"
    ended = pipelines.finish(**call)
    assert ended["data"]["stages"] == dict.fromkeys(["snapshot", *pipelines.STAGES], "ok")
    assert [risk_rows(lead_id) for lead_id in leads] == [1, 1, 1]


def test_card_and_worklist_show_the_risk_and_who_was_never_contacted(leads: list[str]) -> None:
    assert card(tenant_id=T, lead_id=leads[2])["data"]["risk"] is None
    churn.predict(tenant_id=T, lead_ids=leads)
    score(tenant_id=T, lead_ids=leads)
    shown = card(tenant_id=T, lead_id=leads[2])["data"]["risk"]
    assert (shown["neglected"], shown["note"]) == (True, "nobody has contacted this lead")
    values = [driver["value"] for driver in shown["drivers"]]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0
    rows = {row["lead_id"]: row["risk"] for row in worklist(tenant_id=T)["data"]["leads"]}
    assert rows[leads[2]]["note"] == "nobody has contacted this lead"
    assert rows[leads[1]]["level"] == card(tenant_id=T, lead_id=leads[1])["data"]["risk"]["level"]
    record(tenant_id=T, outcomes=[{"subject": {"lead_id": leads[2]}, "type": "lost", "at": NOW.isoformat()}])
    assert card(tenant_id=T, lead_id=leads[2])["data"]["risk"] is None


def due() -> dict[str, int]:
    with reading(EVERY_TENANT) as session:
        return risk_queue.due(session)


def shift(days: float) -> None:
    """Let time pass for what is due."""
    with transaction(EVERY_TENANT) as session:
        for row in session.query(RiskCheck).all():
            row.due_at = row.due_at and row.due_at - days * DAY
            row.free_at = row.free_at and row.free_at - days * DAY


def test_leads_are_looked_at_again_by_themselves_when_their_time_has_come(leads: list[str]) -> None:
    with transaction(EVERY_TENANT) as session:
        assert risk_queue.seed(session, T, limit=10) == 3
        assert risk_queue.seed(session, T, limit=10) == 0
    assert due() == {T: 3}
    assert churn.check(tenant_id=T)["data"] == {"due": 3, "assessed": 3}
    assert due() == {}
    assert [sorted(lead_ids) for lead_ids in follow_ups()] == [[leads[1], leads[2]]]
    shown = (card(tenant_id=T, lead_id=lead_id)["data"]["risk"]["next_check_at"] for lead_id in leads)
    moments = sorted(datetime.fromisoformat(moment) for moment in shown)
    shift((moments[0] - NOW) / DAY)
    first = moments.count(moments[0])
    assert due() == {T: first}
    assert churn.check(tenant_id=T)["data"] == {"due": first, "assessed": first}
    assert due() == {}


def test_what_ended_is_not_looked_at_again(leads: list[str]) -> None:
    with transaction(EVERY_TENANT) as session:
        risk_queue.seed(session, T, limit=10)
    record(tenant_id=T, outcomes=[{"subject": {"lead_id": leads[0]}, "type": "won", "at": NOW.isoformat()}])
    assert churn.check(tenant_id=T)["data"] == {"due": 3, "assessed": 2}
    shift(40)
    assert due() == {T: 2}


def test_a_lead_that_cannot_be_assessed_holds_up_nobody(leads: list[str]) -> None:
    with transaction(EVERY_TENANT) as session:
        risk_queue.seed(session, T, limit=10)
        broken = select(Lead.custom).where(Lead.lead_id == leads[1]).scalar_subquery()
        session.execute(update(Lead).where(Lead.lead_id == leads[0]).values(custom=broken))
    assert churn.check(tenant_id=T)["data"] == {"due": 3, "assessed": 2}
    assert [risk_rows(lead_id) for lead_id in leads] == [0, 1, 1]
    assert due() == {}
    shift(0.05)
    assert due() == {T: 1}


def test_a_risk_is_explained_and_computed_again(leads: list[str]) -> None:
    told = churn.predict(tenant_id=T, lead_id=leads[1])["data"]
    with reading(EVERY_TENANT) as session:
        found = explain_prediction(session, T, told["prediction_id"])
    assert found is not None
    assert found.reproduced
    assert found.evidence["replay"]["same"] is True
    assert found.evidence["answer"]["band"] == told["level"]
    assert found.evidence["answer"]["indicators"] == told["indicators"]


def test_many_leads_take_as_many_statements_as_one(leads: list[str]) -> None:
    churn.predict(tenant_id=T, lead_ids=leads)
    with counted() as one:
        churn.predict(tenant_id=T, lead_id=leads[0], as_of=ago(5).isoformat())
    with counted() as many:
        churn.predict(tenant_id=T, lead_ids=leads, as_of=ago(6).isoformat())
    # the answer about one lead also gives its own id, which takes one statement
    assert len(many) + 1 == len(one) <= 16, one


@pytest.fixture
def at_once() -> Iterator[None]:
    """Messages are run by who sends them."""
    current_app.conf.task_always_eager = True
    yield
    current_app.conf.task_always_eager = False


@pytest.mark.usefixtures("at_once")
def test_the_sweep_finds_those_that_nobody_looked_at_and_does_so_once_a_turn(leads: list[str]) -> None:
    assert churn.sweep()["data"] == {"due": 3}
    assert [risk_rows(lead_id) for lead_id in leads] == [1, 1, 1]
    assert churn.sweep()["data"] == {"due": 0}


def test_what_happens_to_a_lead_has_its_risk_looked_at_again(leads: list[str]) -> None:
    assert rescore(tenant_id=T)["data"]["scored"] == 3
    assert due() == {T: 3}
    assert churn.check(tenant_id=T)["data"]["assessed"] == 3
    tell(leads[0], happened("sms", 0.01, direction="inbound"))
    with transaction(EVERY_TENANT) as session:
        risk_queue.touch(session, T, lead_ids=[leads[0]])
    assert due() == {}  # its window has not ended
    shift(0.05)
    assert due() == {T: 1}
