"""A label closes a lead; the first assessment after a load is told once; a dry run tells nobody."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from db.models import Intervention, ScoreDigest
from db.records import PredictionDraft
from db.repositories import tenants
from db.repositories.backfills import backfills
from db.repositories.due_queues.queues import risk_queue
from db.repositories.leads import leads
from db.repositories.predictions import predictions
from db.session import EVERY_TENANT, reading, transaction
from domain.documents import JsonObject
from tasks import churn
from tasks.backfill import finish, import_chunk, start
from tasks.interventions.plan import plan_due
from tasks.leads.rescoring import sweep, tell_refreshed
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.leads.worklist import worklist
from tasks.outbound import pull
from tasks.runtime.context import TaskContext
from tasks.services.leads import score_digest
from tasks.services.leads.scoring import store_predictions
from tasks.tenants import configure, readiness
from tests.support.broker import queued
from workers.cli.leads.scores import chosen

pytestmark = pytest.mark.usefixtures("live_broker", "database", "workspace_folder")

NOW = datetime.now(UTC)
T = "acme"
#: the scorecard says about .04 of a lead of whom little is known, and more than .7 of this one
KEEN = {"showings": 4, "offers": 2, "preapproval": "cash", "timeline": "0-3"}
SLOW = {"showings": 0, "offers": 0, "preapproval": "none", "timeline": "12+"}


@pytest.fixture(autouse=True)
def tenant(database: str) -> None:
    configure(tenant_id=T, settings={"timezone": "America/New_York"})


def row(number: int, **more: object) -> dict[str, object]:
    """A row of a file; all that is told of the person is simulated."""
    came = (NOW - timedelta(days=20 + number % 30)).isoformat()
    contact = {"email": f"l{number}@example.com", "opt_in_call": "yes"}
    return {"external_id": f"L{number}", **contact, "created_at": came, **more}


def load(path: Path, rows: Sequence[dict[str, object]], **options: Any) -> JsonObject:
    """Import a file as the workers do, and return its summary."""
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    job_id = start(tenant_id=T, uri=str(path), profile="canonical", **{"mode": "commit", **options})["data"]["job_id"]
    with reading(EVERY_TENANT) as session:
        chunks = backfills.chunks(session, T, backfill_id=job_id, state="pending")
    for chunk in chunks:
        import_chunk(tenant_id=T, backfill_id=job_id, number=chunk.number)
    finish(tenant_id=T, backfill_id=job_id)
    with reading(EVERY_TENANT) as session:
        record = backfills.get(session, T, backfill_id=job_id)
    assert record is not None
    assert record.state == "finished", record.error
    return dict(record.summary or {})


def told() -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    while page := pull(tenant_id=T, cursor=events[-1]["cursor"] if events else 0)["data"]["events"]:
        events += page
    return events


def types() -> Counter[str]:
    return Counter(event["type"] for event in told())


def every_lead() -> list[str]:
    with reading(EVERY_TENANT) as session:
        return leads.ids(session, T)


def assess(lead_ids: Sequence[str]) -> None:
    score(tenant_id=T, lead_ids=list(lead_ids))
    churn.predict(tenant_id=T, lead_ids=list(lead_ids))


def let_pass(time: timedelta) -> None:
    """Let time pass for what waits to be told."""
    with transaction(EVERY_TENANT) as session:
        for digest in session.scalars(select(ScoreDigest)):
            digest.added_at -= time


def context() -> TaskContext:
    with reading(EVERY_TENANT) as session:
        known = tenants.require(session, T)
    return TaskContext(
        task="test",
        task_id="test",
        tenant=known,
        args_hash="",
        now=datetime.now(UTC),
        queue_of=lambda task: "inference",
        publish=lambda tenant_id, rows: None,
    )


def test_after_a_file_of_labels_alone_nobody_is_assessed_listed_or_planned_for(tmp_path: Path) -> None:
    summary = load(tmp_path / "labels.csv", [row(number, label=int(number % 3 == 0)) for number in range(300)])
    assert summary["labels"] == {"won": 100, "lost": 200, "open": 0}
    told_of = readiness(tenant_id=T)["data"]
    assert told_of["leads"] == {"won": 100, "lost": 200, "open": 0, "total": 300}
    assert told_of["answers"]["worklist"] == {"possible": False}
    assert chosen(T, None) == []
    with transaction(EVERY_TENANT) as session:
        assert risk_queue.seed(session, T, limit=1000) == 0
    # whoever asks for closed leads by id gets their score; it lists and plans nothing
    assess(every_lead())
    plan_due(tenant_id=T, lead_ids=every_lead())
    assert worklist(tenant_id=T, capacity=200)["data"]["leads"] == []
    with reading(EVERY_TENANT) as session:
        assert session.scalar(select(func.count()).select_from(Intervention)) == 0
    assert types() == {"backfill.finished": 1}


def test_import_and_readiness_count_the_same_where_a_lead_has_two_rows(tmp_path: Path) -> None:
    given = [row(number % 10, label=("1", "0", "")[number % 10 % 3]) for number in range(12)]
    counts = load(tmp_path / "twice.csv", given)["labels"]
    assert readiness(tenant_id=T)["data"]["leads"] == {**counts, "total": 10}
    assert counts == {"won": 4, "lost": 3, "open": 3}


def test_a_mapping_keeps_labelled_leads_open(tmp_path: Path) -> None:
    mapping = {"label": {"column": "label", "closes": False}}
    summary = load(tmp_path / "l.csv", [row(number, label=number % 2) for number in range(20)], mapping=mapping)
    assert summary["labels"] == {"won": 10, "lost": 10, "open": 20}
    assert readiness(tenant_id=T)["data"]["leads"] == {"won": 10, "lost": 10, "open": 20, "total": 20}
    assert chosen(T, None) == every_lead()
    assess(every_lead())
    assert len(worklist(tenant_id=T, capacity=100)["data"]["leads"]) == 20


def test_the_first_assessment_after_a_load_is_told_once_and_what_happens_then_lead_by_lead(
    tmp_path: Path, live_broker: str
) -> None:
    load(tmp_path / "open.csv", [row(number, **(KEEN if number % 5 == 0 else SLOW)) for number in range(300)])
    assess(every_lead())
    assert types() == {"backfill.finished": 1}
    assert tell_refreshed(tenant_id=T)["data"] == {"events": 0}, "more may come"
    let_pass(score_digest.QUIET)
    sweep()
    assert "hearth.leads.tell_refreshed" in {message["headers"]["task"] for message in queued(live_broker, "inference")}
    assert tell_refreshed(tenant_id=T)["data"] == {"events": 1}
    assert tell_refreshed(tenant_id=T)["data"] == {"events": 0}
    assert types() == {"backfill.finished": 1, "scores.refreshed": 1}
    event = told()[-1]
    assert "lead_id" not in event["data"]
    body = event["data"]
    assert (body["cause"], body["leads"], body["bands"]) == ("loaded", 300, {"hot": 60, "warm": 0, "cold": 240})
    assert sum(body["risk_levels"].values()) == 300
    assert body["band_moves"] == body["risk_moves"] == {"up": 0, "down": 0}

    with reading(EVERY_TENANT) as session:
        was_hot, was_cold = (str(leads.find(session, T, external_id=name)) for name in ("L0", "L1"))
    for external_id, fields in (("L0", SLOW), ("L1", KEEN)):
        given = {"source_system": "csv", "external_id": external_id, **fields}
        upsert(tenant_id=T, leads=[given], policy="overwrite")
    score(tenant_id=T, lead_ids=[was_hot, was_cold])
    news = [(e["type"], e["data"]["lead_id"], e["data"].get("direction")) for e in told() if "lead_id" in e["data"]]
    assert sorted(news, key=str) == sorted(
        [
            ("band.changed", was_hot, None),
            ("band.changed", was_cold, None),
            ("threshold.crossed", was_hot, "left"),
            ("threshold.crossed", was_cold, "entered"),
        ],
        key=str,
    )


def test_what_never_stops_coming_is_told_after_a_quarter_of_an_hour(tmp_path: Path) -> None:
    load(tmp_path / "a.csv", [row(number) for number in range(3)])
    assess(every_lead())
    let_pass(score_digest.LONGEST)
    load(tmp_path / "b.csv", [row(number) for number in range(3, 5)])
    assess(every_lead()[3:])
    assert tell_refreshed(tenant_id=T)["data"] == {"events": 1}
    assert told()[-1]["data"]["leads"] == 5


def test_what_a_load_changes_is_told_once_and_what_it_leaves_alone_is_news(tmp_path: Path) -> None:
    load(tmp_path / "a.csv", [row(1), row(2)])
    assess(every_lead())
    load(tmp_path / "b.csv", [row(1, **KEEN), row(2, **dict.fromkeys(KEEN, ""))])
    assert types() == {"backfill.finished": 2}
    assess(every_lead())
    let_pass(score_digest.QUIET)
    tell_refreshed(tenant_id=T)
    assert types() == {"backfill.finished": 2, "scores.refreshed": 1}
    body = told()[-1]["data"]
    assert (body["leads"], body["band_moves"]) == (3, {"up": 1, "down": 0}), "two at first, and one that changed"


def test_a_lead_that_an_event_brought_is_news_at_once() -> None:
    lead_id = upsert(tenant_id=T, leads=[row(1, opt_in_call=True, **KEEN)])["data"]["lead_ids"][0]
    score(tenant_id=T, lead_id=lead_id)
    assert types() == {"threshold.crossed": 1}


def test_another_model_moves_everybody_and_is_told_once() -> None:
    given = [row(number, opt_in_call=True) for number in range(3)]
    lead_ids = upsert(tenant_id=T, leads=given)["data"]["lead_ids"]
    score(tenant_id=T, lead_ids=lead_ids)
    with reading(EVERY_TENANT) as session:
        stored = predictions.latest(session, T, kind="lead_score", lead_ids=lead_ids)
    names = PredictionDraft.__slots__
    drafts = [PredictionDraft(**{name: getattr(record, name) for name in names}) for record in stored]
    others = [replace(draft, model_version="other-2", band="hot", probability=0.9) for draft in drafts]
    # something happens to the last one: its move is news, whichever model sees it
    upsert(tenant_id=T, leads=[{"external_id": "L2", "showings": 4}])
    work = context()
    with work.transaction(T) as session:
        store_predictions(session, work, others)
    happened = {draft.lead_id for draft in drafts} & set(lead_ids[2:])
    assert [(event["type"], event["data"]["lead_id"]) for event in told()] == [
        (kind, lead_id) for kind in ("band.changed", "threshold.crossed") for lead_id in happened
    ]
    let_pass(score_digest.QUIET)
    tell_refreshed(tenant_id=T)
    body = told()[-1]["data"]
    assert (body["cause"], body["leads"], body["band_moves"]) == ("new_model", 2, {"up": 2, "down": 0})


@pytest.mark.parametrize("options", [{"mode": "dry_run"}, {"dry_run": True}])
def test_a_dry_run_tells_nobody_and_stores_nothing(tmp_path: Path, options: dict[str, Any]) -> None:
    summary = load(tmp_path / "dry.csv", [row(number, dnd_call="yes") for number in range(5)], **options)
    assert summary["rows"]["created"] == 5
    assert every_lead() == []
    assert told() == []


def test_what_was_not_told_is_gone_with_a_transaction_that_fails(tmp_path: Path) -> None:
    load(tmp_path / "a.csv", [row(1)])
    score(tenant_id=T, lead_ids=every_lead(), dry_run=True)
    with reading(EVERY_TENANT) as session:
        assert session.scalar(select(func.count()).select_from(ScoreDigest)) == 0
