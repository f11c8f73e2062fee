"""The tasks one after another on both databases, called as a worker calls them: messages in, envelopes out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import pytest
from sqlalchemy import select

from db.models import RescoreDue
from db.repositories.due_queues.queues import rescore_queue
from db.repositories.leads import leads as stored
from db.repositories.models import models
from db.session import EVERY_TENANT, reading, transaction
from tasks.contracts.base.request import ENVELOPE_SCHEMA
from tasks.errors import InvalidPayload
from tasks.jobs import status
from tasks.leads.card import card
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.leads.worklist import worklist
from tasks.models import train_model
from tasks.outcomes import record
from tasks.system import ping
from tasks.tenants import configure, readiness
from tests.support.training import NOW, closed, lead

pytestmark = pytest.mark.usefixtures("database", "workspace_folder")

HOUR = timedelta(hours=1)


@pytest.fixture
def tenant(database: str) -> str:
    configure(tenant_id="acme", settings={"timezone": "America/New_York"})
    return "acme"


def test_ping_needs_no_tenant_and_every_answer_fits_the_envelope(tenant: str) -> None:
    for answer in (ping(), ping(tenant_id=tenant, echo="hi"), readiness(tenant_id=tenant), worklist(tenant_id=tenant)):
        jsonschema.validate(answer, ENVELOPE_SCHEMA)
    assert ping(echo="hi")["data"]["echo"] == "hi"


def test_one_positional_object_means_the_same_as_keywords(tenant: str) -> None:
    assert readiness({"tenant_id": tenant})["data"] == readiness(tenant_id=tenant)["data"]
    with pytest.raises(InvalidPayload):
        readiness({"tenant_id": tenant}, {"more": 1})


def test_an_unknown_tenant_is_named_by_its_place() -> None:
    with pytest.raises(InvalidPayload) as caught:
        worklist(tenant_id="nobody")
    assert caught.value.args == ("unknown_tenant", [{"loc": "tenant_id", "msg": "no such tenant; create it first"}])


def test_settings_are_versioned_and_keep_what_is_not_given(tenant: str) -> None:
    assert configure(tenant_id=tenant, settings={"bands": {"hot": 0.8, "warm": 0.4}})["data"]["version"] == 2
    assert configure(tenant_id=tenant, settings={"timezone": "America/New_York"})["data"]["changed"] is False


def test_leads_are_stored_once_and_a_nameless_one_is_rejected_alone(tenant: str) -> None:
    answer = upsert(tenant_id=tenant, leads=[lead(1), {"source": "web"}, lead(2)])["data"]
    assert (answer["created"], answer["rejected"]) == (2, [{"index": 1, "code": "row.no_identity"}])
    again = upsert(tenant_id=tenant, leads=[lead(1), lead(2, source="portal")])["data"]
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 1, 1)


def test_what_is_new_of_a_lead_makes_it_due_for_a_score_and_nothing_else_does(tenant: str) -> None:
    def due() -> int:
        with transaction(EVERY_TENANT) as session:
            count = rescore_queue.due(session).get(tenant, 0)
            rescore_queue.complete(session, tenant, taken=rescore_queue.claim(session, tenant, limit=10), due={})
        return count

    upsert(tenant_id=tenant, leads=[lead(1), lead(2)])
    assert due() == 2
    upsert(tenant_id=tenant, leads=[lead(1), lead(2)])
    assert due() == 0
    told = {"subject": {"external_id": "L2"}, "type": "replied", "at": (NOW - HOUR).isoformat()}
    record(tenant_id=tenant, outcomes=[told])
    with reading(EVERY_TENANT) as session:
        assert rescore_queue.due(session) == {}  # its window has not ended
        soon = select(RescoreDue.due_at > NOW).where(RescoreDue.due_at.is_not(None))
        assert list(session.scalars(soon)) == [True]


def test_the_same_key_is_one_effect_and_other_arguments_are_refused(tenant: str) -> None:
    first = upsert(tenant_id=tenant, leads=[lead(1)], idempotency_key="k")
    second = upsert(tenant_id=tenant, leads=[lead(1)], idempotency_key="k")
    assert second == first | {"duplicate": True}
    with pytest.raises(InvalidPayload) as caught:
        upsert(tenant_id=tenant, leads=[lead(2)], idempotency_key="k")
    assert caught.value.code == "conflict"
    with reading(EVERY_TENANT) as session:
        assert len(stored.ids(session, tenant)) == 1


def test_the_same_key_of_two_tenants_is_two_jobs(tenant: str) -> None:
    configure(tenant_id="other")
    for name in (tenant, "other"):
        assert "duplicate" not in upsert(tenant_id=name, leads=[lead(1)], idempotency_key="k")


def test_a_dry_run_answers_and_writes_nothing(tenant: str) -> None:
    assert upsert(tenant_id=tenant, leads=[lead(1)], dry_run=True)["data"]["created"] == 1
    with reading(EVERY_TENANT) as session:
        assert stored.ids(session, tenant) == []


def test_one_tenant_does_not_see_anothers_lead(tenant: str) -> None:
    lead_id = upsert(tenant_id=tenant, leads=[lead(1)])["data"]["lead_ids"][0]
    configure(tenant_id="other")
    for ask in (card, score):
        with pytest.raises(InvalidPayload) as caught:
            ask(tenant_id="other", lead_id=lead_id)
        assert caught.value.code == "unknown_lead"


def test_the_scorecard_answers_before_there_is_a_model_and_adds_up(tenant: str) -> None:
    lead_id = upsert(tenant_id=tenant, leads=[lead(1, showings=2, preapproval="cash")])["data"]["lead_ids"][0]
    answer = score(tenant_id=tenant, lead_id=lead_id)
    told = answer["data"]["lead"]
    assert answer["model"]["scope"] == "scorecard"
    added = told["base"] + sum(reason["contribution"] for reason in (*told["up"], *told["down"])) + told["rest"]
    assert sum(part["contribution"] for part in told["rest_parts"]) == pytest.approx(told["rest"], abs=1e-9)
    assert added == pytest.approx(told["log_odds"], abs=1e-9)


def test_a_lead_sent_along_is_scored_and_not_stored(tenant: str) -> None:
    answer = score(tenant_id=tenant, lead=lead(5, showings=1))
    assert 0.01 <= answer["data"]["lead"]["probability"] <= 0.99
    with reading(EVERY_TENANT) as session:
        assert stored.ids(session, tenant) == []


def test_history_trains_a_champion_that_scores_and_fills_the_worklist(tenant: str) -> None:
    assert train_model(tenant_id=tenant, kind="lead_score")["status"] == "insufficient_data"
    upsert(tenant_id=tenant, leads=[closed(number) for number in range(400)])
    assert readiness(tenant_id=tenant)["data"]["answers"]["lead_score"]["own_model_possible"]
    trained = train_model(tenant_id=tenant, kind="lead_score")["data"]
    assert trained["promoted"], trained["reason"]
    assert trained["metrics"]["auc"] > 0.6
    again = train_model(tenant_id=tenant, kind="lead_score")["data"]
    first = f"the same data was trained before: {trained['reason']}"
    assert (again["version"], again["promoted"], again["reason"]) == (trained["version"], True, first)

    opened = upsert(tenant_id=tenant, leads=[lead(1000 + n, showings=3 * (n % 2)) for n in range(6)])["data"][
        "lead_ids"
    ]
    answer = score(tenant_id=tenant, lead_ids=opened)
    assert answer["model"]["version"] == trained["version"]
    listed = worklist(tenant_id=tenant, capacity=4)["data"]["leads"]
    assert [row["rank"] for row in listed] == [1, 2, 3, 4]
    assert all(row["reasons"] and row["model"] == trained["version"] for row in listed)
    shown = card(tenant_id=tenant, lead_id=listed[0]["lead_id"])["data"]
    assert shown["score"]["probability"] == listed[0]["probability"]
    assert ping(tenant_id=tenant)["data"]["models"] == {"lead_score": trained["version"]}


def test_what_tells_the_outcome_or_what_the_law_forbids_is_not_learnt_and_named(tenant: str) -> None:
    """The same names as in a file: what is written once a deal is lost, and attributes in the words of any language."""
    history = [closed(number) for number in range(400)]
    for number, row in enumerate(history):
        why = None if row["label"] or number // 10 % 3 == 0 else ("price", "other agent", "no reply")[number % 3]
        pool = "si" if number % 3 else "no"
        custom = {"Closed Lost Notes": why, "Geburtsdatum": f"19{number % 60 + 30}-01-01", "Piscina": pool}
        row |= {"lost_reason": why, "custom": {name: text for name, text in custom.items() if text is not None}}
    upsert(tenant_id=tenant, leads=history)
    trained = train_model(tenant_id=tenant, kind="lead_score")["data"]
    with reading(tenant) as session:
        stored_model = models.get(session, tenant, version=trained["version"])
    assert stored_model is not None
    report = stored_model.report
    assert report["leaks"].keys() == {"custom:Closed Lost Notes"}
    assert report["leak_reasons"]["custom:Closed Lost Notes"].startswith("filled in for 0 of")
    assert report["dropped"]["custom:Closed Lost Notes"].startswith("leaks the outcome: filled in for 0 of")
    assert report["dropped"]["Geburtsdatum"] == "birth date"
    assert "custom:Piscina" in report["features"]
    assert not any(word in name for name in report["features"] for word in ("Lost", "lost", "Geburt"))


def test_outcomes_label_the_lead_and_the_snapshots_before_them_once(tenant: str) -> None:
    lead_id = upsert(tenant_id=tenant, leads=[lead(1)])["data"]["lead_ids"][0]
    score(tenant_id=tenant, lead_id=lead_id)
    item: dict[str, Any] = {"subject": {"external_id": "L1"}, "type": "won", "at": datetime.now(UTC).isoformat()}
    first = record(tenant_id=tenant, outcomes=[item])["data"]
    assert (first["recorded"], first["labels_created"]) == (1, 1)
    assert record(tenant_id=tenant, outcomes=[item])["data"]["duplicates"] == 1
    with transaction(EVERY_TENANT) as session:
        assert stored.label_counts(session, tenant)["won"] == 1
    shown = card(tenant_id=tenant, lead_id=lead_id)["data"]
    assert (shown["status"], shown["outcomes"]) == ("won", ["outcome.won"])


def test_an_outcome_of_nobody_stores_nothing(tenant: str) -> None:
    upsert(tenant_id=tenant, leads=[lead(1)])
    at = NOW.isoformat()
    told = [
        {"subject": {"external_id": "L1"}, "type": "won", "at": at},
        {"subject": {"external_id": "?"}, "type": "won", "at": at},
    ]
    with pytest.raises(InvalidPayload) as caught:
        record(tenant_id=tenant, outcomes=told)
    assert (caught.value.code, caught.value.errors[0]["loc"]) == ("unknown_lead", "outcomes.1.subject")
    with reading(EVERY_TENANT) as session:
        assert stored.label_counts(session, tenant)["won"] == 0


def test_any_kept_task_tells_its_state_by_its_id(tenant: str) -> None:
    answer = upsert(tenant_id=tenant, leads=[lead(1)])
    told = status(tenant_id=tenant, job_id=answer["task_id"])["data"]
    assert (told["state"], told["result"]["created"]) == ("finished", 1)
    with pytest.raises(InvalidPayload):
        status(tenant_id=tenant, job_id="nothing")


def test_a_newcomer_needs_rows_that_the_champion_has_not_seen(tenant: str) -> None:
    upsert(tenant_id=tenant, leads=[closed(number) for number in range(400)])
    assert train_model(tenant_id=tenant, kind="lead_score")["data"]["promoted"]
    upsert(tenant_id=tenant, leads=[closed(number) for number in range(400, 410)])
    refused = train_model(tenant_id=tenant, kind="lead_score")["data"]
    assert (refused["promoted"], refused["version"]) == (False, "lead_score-0002")
    assert "new to the champion" in refused["reason"]
