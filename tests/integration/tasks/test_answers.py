"""What tasks really answer fits the published schemas: every public task, in every form of its answer."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tasks.contracts import answers, event_types
from tasks.contracts.base.request import ENVELOPE_SCHEMA
from tasks.errors import InvalidPayload
from tasks.runtime import registry
from tests.support.interventions import PEOPLE, T, at_risk, brokerage
from tests.support.privacy import import_file
from tests.support.training import closed
from workers.bootstrap import app

pytestmark = pytest.mark.usefixtures("workspace_folder")

NOW = datetime.now(UTC)
SCHEMAS = registry.schemas()
OWN = {"external_id": "ct1", "source_system": "ghl"}


class Caller:
    """Calls tasks and holds every answer against its schema; remembers which models the answers are of."""

    def __init__(self) -> None:
        self.seen: defaultdict[str, set[str]] = defaultdict(set)

    def __call__(self, name: str, **payload: Any) -> Any:
        task = f"hearth.{name}"
        envelope = json.loads(json.dumps(app.tasks[task].run(tenant_id=T, **payload), allow_nan=False))
        jsonschema.validate(envelope, ENVELOPE_SCHEMA)
        jsonschema.validate(envelope["data"], SCHEMAS[f"answers/{task}"])
        assert answers.faults(task, envelope["data"]) == []
        self.seen[task].add(type(answers.adapter(task).validate_python(envelope["data"])).__name__)
        return envelope["data"]


@pytest.fixture
def call(database: str) -> Caller:
    brokerage(approval=["sms", "email", "call", "internal"], allowed_actions=[*PEOPLE, "sms", "email"])
    return Caller()


def data_in(call: Caller, folder: Path) -> None:
    """Everything that brings data in, and jobs."""
    outcome = {"subject": OWN, "type": "replied", "at": NOW.isoformat()}
    call("outcomes.record", outcomes=[outcome])
    good = {
        "id": "e1",
        "lead": {"external_id": "ct1", "source_system": "ghl"},
        "kind": "call",
        "at": (NOW - timedelta(days=1)).isoformat(),
        "direction": "inbound",
    }
    call("events.ingest", provider="generic", events=[good, {"id": "e2"}])
    call("events.replay")
    path = folder / "leads.csv"
    rows = [["C-1", "c1@example.com", "555-010-0001", "Cy", "Arden", "2026-01-01", "lots"]]
    job_id = import_file(T, path, rows)
    call("backfill.csv", uri=str(path), profile="canonical")
    call("backfill.csv", uri=str(path), profile="canonical", mode="preview")
    with path.open("a", newline="") as out:
        csv.writer(out).writerow(["C-2", "c2@example.com", "", "", "", "", ""])
    call("backfill.csv", uri=str(path), profile="canonical")
    assessment = call("pipelines.assess", **OWN)["assessment_id"]
    for job in (job_id, assessment):
        call("jobs.status", job_id=job)


def scores(call: Caller, lead_id: str) -> None:
    """Scores, judgements and lists."""
    for task in ("leads.score", "churn.predict"):
        call(task, **OWN)
        call(task, external_ids=["ct1", "ct2"])
        call(task, lead={"external_id": "x", "created_at": NOW.isoformat(), "showings": 1})
    call("churn.predict", lead={"external_id": "x", "stage": "closed", "opportunity_status": "won"})
    asked = {"id": "m1", "text": "Is it still for sale?", "at": NOW.isoformat(), "direction": "inbound"}
    call("conversations.analyze", **OWN)
    call("conversations.analyze", messages=[asked])
    call("leads.personalize", **OWN, purpose="call")
    call("leads.personalize", lead={"external_id": "x", "stage": "closed", "opportunity_status": "won"})
    call("leads.override", **OWN, actor="ann", band="hot")
    (row, *_) = call("leads.worklist")["leads"]
    call("leads.mark", prediction_id=row["prediction_id"], actor="ann", verdict="right")
    call("leads.card", **OWN)
    call("leads.withdraw_override", **OWN, actor="ann")
    call("leads.history", **OWN, limit=1)
    call("leads.explain", **OWN)
    call("leads.explain", **OWN, kind="churn")
    call("leads.card", **OWN, what_if=True)
    call("leads.worklist", what_if=True)
    assert row["lead_id"] == lead_id


def plans(call: Caller, lead_id: str) -> None:
    """Plans, and what people say to them."""
    call("interventions.plan", **OWN)
    call("interventions.plan", external_ids=["ct1", "ct2"])
    (action, *_) = call("interventions.waiting")["actions"]
    call("interventions.report")
    call("interventions.review", action_id=action["action_id"], decision="reject", actor="ann")
    call("interventions.pause", intervention="*", actor="ann")
    call("interventions.resume", intervention="*", actor="ann")
    call("tenants.configure", settings={"interventions": {"approval": [], "ask_before": "first_and_large"}})
    third = at_risk(3, NOW)
    call("interventions.plan", lead_ids=[third])
    assert call("interventions.waiting", waiting_for="plan")["plan"] is not None
    call("interventions.release", actor="ann", decision="yes")
    assert call("leads.card", lead_id=third)["actions"]["running"]
    assert call("leads.card", lead_id=lead_id)["actions"]["past"]


def people(call: Caller) -> None:
    """Consent and the rights of people."""
    call("leads.upsert", leads=[{"external_id": "C-7", "email": "c7@example.com", "tags": ["DNC maybe?"]}])
    call("privacy.doubts")
    call("privacy.consent", external_id="C-7")
    text = {
        "id": "e9",
        "lead": {"external_id": "ct2", "source_system": "ghl"},
        "kind": "sms",
        "at": NOW.isoformat(),
        "direction": "inbound",
        "text": "maybe stop texting me so often",
    }
    call("events.ingest", provider="generic", events=[text])
    assert call("leads.worklist")["in_doubt"]
    call("privacy.decide", external_id="ct2", decision="open", actor="ann")
    call("privacy.find", email="c7@example.com", actor="ann")
    call("privacy.correct", external_id="C-7", fields={"first_name": "Cy"}, actor="ann")
    call("privacy.restrict", external_id="C-7", restricted=True)
    call("conversations.analyze", external_id="C-7")
    for task in ("leads.score", "churn.predict", "pipelines.assess"):
        call(task, external_id="C-7")
        call(task, external_ids=["C-7", "ct2"])
    call("privacy.export", external_id="C-7")
    erasure = call("privacy.forget", external_ids=["C-7", "nobody"])["erasure_id"]
    call("privacy.find", email="c7@example.com", actor="ann")
    call("privacy.readmit", erasure_id=erasure, actor="ann")


def about_the_tenant(call: Caller) -> None:
    """Readiness, training, reports and the cluster."""
    call("models.train", kind="lead_score")
    call("leads.upsert", leads=[closed(number) for number in range(300)])
    assert call("models.train", kind="lead_score")["version"] is not None
    call("drift.check", kinds=["lead_score"])
    call("drift.report")
    newer = call("models.train", kind="lead_score", promote="never", seed=1)["version"]
    call("models.decide", version=newer, decision="yes", actor="ada.quill")
    call("models.rollback", kind="lead_score", actor="ada.quill")
    call("models.history", kind="lead_score")
    call("models.retrain", kinds=["lead_score"])
    call("models.tune", kind="lead_score", trials=2, folds=2)
    call("models.tuning", kind="lead_score")
    call("online.learn", target="reply")
    call("tenants.readiness")
    call("reports.value")
    call("system.ping")
    call("system.status")


@pytest.mark.timeout(300)
def test_every_task_answers_as_its_schema_says(call: Caller, live_broker: str, tmp_path: Path) -> None:
    lead_id = at_risk(1, NOW)
    at_risk(2, NOW)
    call("leads.upsert", leads=[{**OWN, "opt_in_call": True}, {}])
    scores(call, lead_id)
    plans(call, lead_id)
    data_in(call, tmp_path)
    people(call)
    about_the_tenant(call)
    told: list[dict[str, Any]] = []
    while page := call("outbound.pull", cursor=told[-1]["cursor"] if told else 0)["events"]:
        told += page
    assert {event["type"] for event in told} >= {
        "band.changed",
        "consent.doubtful",
        "event.withdrawn",
        "lead.forgotten",
    }
    for event in told:
        jsonschema.validate(event, SCHEMAS["event"])
        jsonschema.validate(event["data"], SCHEMAS[f"events/{event['type']}"])
        assert event_types.faults(event["type"], event["data"]) == [], event["type"]
    assert set(call.seen) == set(answers.ANSWERS)
    unseen = {task: models_of(task) - seen for task, seen in call.seen.items() if models_of(task) - seen}
    assert unseen == {}


def models_of(task: str) -> set[str]:
    """The models that an answer may be of."""
    model = answers.ANSWERS[task]
    return {each.__name__ for each in getattr(model, "__args__", (model,))}


def test_a_key_that_no_schema_names_is_noticed() -> None:
    counts = {"recorded": 0, "duplicates": 0, "labels_created": 0, "online_updates": 0, "actions": 0}
    assert answers.faults("hearth.outcomes.record", counts) == []
    assert answers.faults("hearth.outcomes.record", {**counts, "more": 1}) == ["more: extra_forbidden"]
    assert answers.faults("hearth.outcomes.record", {**counts, "actions": "1"}) == ["actions: int_type"]


def test_a_refusal_is_no_answer(call: Caller) -> None:
    with pytest.raises(InvalidPayload):
        call("leads.card", external_id="nobody")
