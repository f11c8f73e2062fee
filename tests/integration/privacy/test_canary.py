"""Somebody who is in every store, file and queue is found nowhere after they were forgotten."""

import base64
import csv
import json
from dataclasses import replace
from datetime import timedelta

import pytest
import redis

from db.records import ModelDraft, OutboundDraft, OutboxDraft, QuarantineDraft
from db.repositories import audit
from db.repositories.due_queues.queues import risk_queue
from db.repositories.interventions import enrolments, interventions
from db.repositories.jobs import delivery_attempts, leases, outbox, quarantine
from db.repositories.leads import leads
from db.repositories.models import lineage, models
from db.repositories.outbound import outbound
from db.repositories.privacy import erasure
from db.session import EVERY_TENANT, reading, transaction
from tasks.backfill import finish
from tasks.errors import InvalidPayload
from tasks.leads.card import card
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.leads.worklist import worklist
from tasks.pipelines import assess
from tasks.privacy.rights import export, forget, readmit
from tasks.services.privacy import workspace_files
from tests.support.privacy import CANARY, EMAIL, EXTERNAL, HEADER, NOW, OTHER, PHONE, answered, import_file, written
from tests.support.rows import enrolled, planned
from workers.app import app


def held(tenant, task, body, **headers):
    draft = QuarantineDraft(task=task, queue="ingest", reason="unknown_task", headers={"headers": headers}, body=body)
    with transaction(EVERY_TENANT) as session:
        return quarantine.hold(session, tenant, draft=draft, now=NOW)


@pytest.fixture
def everywhere(tenant, canary, other, tmp_path_factory):
    """Plant the canary in everything that holds anything."""
    folder = tmp_path_factory.mktemp("given")  # the operator's own files are the operator's
    score(tenant_id=tenant, lead_id=canary)
    score(tenant_id=tenant, lead_ids=[other, canary])
    assess(tenant_id=tenant, lead_ids=[canary, other])
    assess(tenant_id=tenant, lead_id=canary)
    good = [EXTERNAL, EMAIL, PHONE, "Zyxcanary", "Quuxworth", "2026-01-01", "lots"]
    bad = ["", "no-address", "", "Zyxcanary", "Quuxworth", "2026-01-01", ""]
    import_file(tenant, folder / "kept.csv", [good, bad, OTHER])
    import_file(tenant, folder / "broken.csv", [good, bad, bad, OTHER], max_error_rate=0.0)
    args = [[], {"tenant_id": tenant, "leads": [CANARY, {"external_id": "other-9"}]}, {}]
    held(tenant, "hearth.later.upsert", json.dumps(args).encode(), kwargsrepr=str(CANARY), id="t1")
    held(tenant, "hearth.later.one", json.dumps({"tenant_id": tenant, "lead": CANARY}).encode(), id="t2")
    held("*", None, b"\xff not JSON " + EMAIL.encode())
    plant_in_rows(tenant, canary, other)
    plant_what_callers_make_up(tenant, canary, other)
    export(tenant_id=tenant, lead_id=canary)
    return canary


def plant_in_rows(tenant, canary, other):
    tasks = [{"lead_id": canary}, {"lead_ids": [other, canary]}, {"contact": {"id": EXTERNAL, "email": EMAIL}}]
    drafts = [OutboxDraft(task="hearth.some.task", queue="batch", kwargs=kwargs) for kwargs in tasks]
    told = [OutboundDraft(type="band.changed", lead_id=canary, body={"lead_id": canary, "contact": EXTERNAL})]
    with transaction(EVERY_TENANT) as session:
        outbox.add(session, tenant, drafts=drafts, now=NOW)
        outbound.emit(session, tenant, events=told, now=NOW)
        plan(session, tenant, canary)
        for number, trained_on in enumerate(([canary, other], [other])):
            model = models.add(session, tenant, draft=model_draft(str(number)))
            lineage.save(session, tenant, model_id=model.model_id, lead_ids=trained_on, now=NOW)


def plant_what_callers_make_up(tenant, canary, other):
    """Task ids, keys and places of errors with a name, an id or an address in them; answers that the broker keeps."""
    by_name, by_first_name, by_mail = "call-Zyxcanary_Quuxworth-7", "for zyxcanary", f"ask/{EMAIL}"
    score.apply(kwargs={"tenant_id": tenant, "lead_id": canary}, task_id=by_first_name)
    key = {"idempotency_key": "2026-zyxcanary.quuxworth"}
    score.apply(kwargs={"tenant_id": tenant, "lead_ids": [other, canary], **key}, task_id=by_name)
    held(tenant, "hearth.later.one", b'{"tenant_id": "acme"}', id=by_name)
    with transaction(EVERY_TENANT) as session:
        delivery_attempts.begin(session, tenant, task="hearth.leads.score", task_id=by_name)
        leases.acquire(session, tenant, name="hearth.models.train", holder=by_mail, seconds=1)
    shown = card(tenant_id=tenant, lead_id=canary)
    for name in (by_name, by_first_name, "01a22a68-9076-4887-9636-13386c36f983"):
        answered(name, shown, "SUCCESS")
    answered("a-list", worklist(tenant_id=tenant), "SUCCESS")
    for name, loc in (("f1", f"agents.{EMAIL}"), (by_mail, "x"), ("f2", "custom.zyxcanary quuxworth")):
        answered(name, InvalidPayload.at("type", loc, "must be a number"), "FAILURE")


def plan(session, tenant, canary):
    """An action whose request names the contact, as the CRM wants it; the enrolment of the lead, and its next check."""
    draft = planned(canary, planned_at=NOW, not_before=NOW, expires_at=NOW + timedelta(days=1))
    request = {"method": "POST", "path": f"/contacts/{EXTERNAL}/tasks"}
    interventions.save(session, tenant, drafts=[replace(draft, detail={"crm": request})])
    enrolments.enrol(session, tenant, drafts=[enrolled(canary)])
    risk_queue.touch(session, tenant, lead_ids=[canary])


def model_draft(fingerprint):
    facts = {"metrics": {}, "report": {}, "rows": 2, "trained_at": NOW, "feature_schema": "1"}
    return ModelDraft(kind="lead_score", scope="tenant", artifact=b"{}", fingerprint=fingerprint, **facts)


def queue_message(tenant):
    app.send_task("hearth.leads.upsert", kwargs={"tenant_id": tenant, "leads": [CANARY]}, queue="ingest")


def run_queue(url):
    """Do what waits in `ingest` as a worker would; gives the answers."""
    answers = []
    with redis.Redis.from_url(url) as client:
        while raw := client.rpop("ingest"):
            message = json.loads(raw)
            kwargs = json.loads(base64.b64decode(message["body"]))[1]
            answers.append(app.tasks[message["headers"]["task"]](**kwargs))
    return answers


def test_a_forgotten_person_is_found_nowhere(tenant, everywhere, other, places, broker_keys, broker_files, broker):
    assert len(places()) >= 4, "the canary is planted"
    assert (len(broker_keys()), len(broker_files())) == (7, 1), "in the broker, too"
    queue_message(tenant)
    answer = forget(tenant_id=tenant, lead_id=everywhere)["data"]
    assert places() == []
    assert answer["models"] == ["lead_score-0001"]
    assert answer["files"] == {"spool_rows": 3, "error_file_rows": 5, "exports": 1}
    assert {"leads", "events", "snapshots", "predictions", "processed", "outbox", "quarantine"} <= set(answer["stores"])
    assert all(
        answer["stores"][name] == 1 for name in ("message_analyses", "interventions", "enrolments", "risk_checks")
    )
    # A queued message cannot be searched: it runs, finds that nobody may be taken in, and is gone.
    assert broker_keys() == ["ingest"]
    written(broker)
    late, again = run_queue(broker)
    assert again["data"] == {"log": "begun"}
    assert late["data"]["rejected"] == [{"index": 0, "code": "privacy.forgotten"}]
    assert broker_keys() == []
    assert places() == []
    assert broker_files() == [], "it was written anew once the last message was gone"
    assert answer["results"] == 7, "all but answers to others, the work list among them"
    with reading(EVERY_TENANT) as session:
        assert audit.verify(session, tenant).ok
        assert leads.exists(session, tenant, lead_id=other)


def test_an_import_that_ends_meanwhile_keeps_nobody_in_its_files(
    tenant, canary, other, places, tmp_path_factory, monkeypatch
):
    path = tmp_path_factory.mktemp("given") / "late.csv"
    row = [EXTERNAL, EMAIL, PHONE, "Zyxcanary", "Quuxworth", "2026-01-01", "lots"]
    job_id = import_file(tenant, path, [row, OTHER], ending=False)
    scrub = workspace_files.scrub

    def scrub_and_let_the_import_end(*args, **options):
        counts = scrub(*args, **options)
        finish(tenant_id=tenant, backfill_id=job_id)
        return counts

    monkeypatch.setattr(workspace_files, "scrub", scrub_and_let_the_import_end)
    forget(tenant_id=tenant, lead_id=canary)
    assert places() == []


def test_others_lose_nothing(tenant, everywhere, other):
    forget(tenant_id=tenant, lead_id=everywhere)
    with reading(EVERY_TENANT) as session:
        pending = outbox.pending(session, limit=50, before=NOW + timedelta(days=1))
        messages = [
            quarantine.get(session, tenant, quarantine_id=e.quarantine_id) for e in quarantine.entries(session, tenant)
        ]
        told = outbound.pull(session, tenant, cursor=0, limit=50)
        places = erasure.backfill_files(session, tenant)
        marked = {model.version: model.retrain_at is not None for model in models.versions(session, tenant)}
    assert [dict(row.kwargs) for row in pending if row.task == "hearth.some.task"] == [{"lead_ids": [other]}]
    assert [json.loads(message.body)[1]["leads"] for message in messages] == [[{"external_id": "other-9"}]]
    assert quarantine_tally(tenant) == 1
    assert [event.sequence for event in told] == list(range(1, len(told) + 1)), "the stream has no gaps"
    assert {event.type for event in told} >= {"event.withdrawn", "lead.forgotten"}
    assert marked == {"lead_score-0001": True, "lead_score-0002": False}
    [broken] = [place for place in places if place.state == "failed"]
    with open(broken.spool, newline="") as spool:
        rows = list(csv.reader(spool))
    assert (rows[0], rows[-1]) == (HEADER, OTHER)
    assert [row for row in worklist(tenant_id=tenant)["data"]["leads"] if row["lead_id"] == everywhere] == []


def quarantine_tally(tenant):
    with reading(EVERY_TENANT) as session:
        return {count.tenant_id: count.held for count in quarantine.count(session)}[tenant]


def test_the_same_wish_is_granted_once(tenant, canary):
    first = forget(tenant_id=tenant, lead_id=canary)
    for again in ({"lead_id": canary}, {"external_ids": [EXTERNAL]}):
        answer = forget(tenant_id=tenant, **again)
        assert (answer["data"], answer["duplicate"]) == (first["data"], True)
    with reading(EVERY_TENANT) as session:
        rows = audit.head(session, tenant).sequence
    assert rows == 2, "the settings and one erasure"


def test_one_that_was_begun_and_broken_off_is_ended(tenant, canary):
    with transaction(EVERY_TENANT) as session:
        begun = erasure.begin(session, tenant, lead_id=canary, identities=[], tombstone=True, now=NOW)
    assert upsert(tenant_id=tenant, leads=[CANARY])["data"]["rejected"], "the door is closed first"
    assert forget(tenant_id=tenant, lead_id=canary)["data"]["erasure_id"] == begun.erasure_id


def test_nobody_is_forgotten_who_was_never_there(tenant, other):
    for who in ({"lead_id": "nobody"}, {"external_ids": ["nobody"]}):
        with pytest.raises(InvalidPayload) as caught:
            forget(tenant_id=tenant, **who)
        assert caught.value.code == "unknown_lead"


def test_a_trial_erases_nothing_and_lets_everybody_in(tenant, canary):
    told = forget(tenant_id=tenant, lead_id=canary, dry_run=True)["data"]
    assert (told["leads"], told["stores"]["events"]) == (1, 1)
    assert upsert(tenant_id=tenant, leads=[CANARY])["data"]["unchanged"] == 1


def test_a_person_known_from_a_rejected_row_alone_is_forgotten_by_their_id(tenant, places, tmp_path_factory):
    row = [EXTERNAL, EMAIL, PHONE, "Zyxcanary", "Quuxworth", "2026-01-01", "lots", "one cell too many"]
    import_file(tenant, tmp_path_factory.mktemp("given") / "short.csv", [row, OTHER], max_error_rate=1.0)
    assert places()
    answer = forget(tenant_id=tenant, external_ids=[{"external_id": EXTERNAL, "source_system": "csv"}])["data"]
    assert (answer["leads"], answer["stores"]["rejected_rows"]) == (0, 1)
    assert places() == []


def test_who_comes_again_is_refused_until_somebody_lets_them_in(tenant, canary, places, tmp_path_factory):
    erasure_id = forget(tenant_id=tenant, lead_id=canary)["data"]["erasure_id"]
    by_mail = {"external_id": "brand-new", "email": EMAIL.upper()}
    assert upsert(tenant_id=tenant, leads=[by_mail])["data"]["rejected"] == [{"index": 0, "code": "privacy.forgotten"}]
    again = [EXTERNAL, EMAIL, PHONE, "Zyxcanary", "Quuxworth", "2026-01-01", "lots"]
    import_file(tenant, tmp_path_factory.mktemp("given") / "again.csv", [again, OTHER], max_error_rate=1.0)
    assert [place for place in places() if "spool" not in place] == [], "refused, and not kept aside either"
    assert readmit(tenant_id=tenant, erasure_id=erasure_id, actor="ada.quill")["data"]["identities"] >= 3
    assert upsert(tenant_id=tenant, leads=[CANARY])["data"]["created"] == 1


def test_forgetting_again_after_coming_back_is_another_erasure(tenant, canary):
    first = forget(tenant_id=tenant, lead_id=canary)["data"]["erasure_id"]
    readmit(tenant_id=tenant, erasure_id=first, actor="ada.quill")
    upsert(tenant_id=tenant, leads=[CANARY])
    second = forget(tenant_id=tenant, external_ids=[EXTERNAL])["data"]
    assert (second["leads"], second["erasure_id"] != first) == (1, True)
    assert forget(tenant_id=tenant, external_ids=[EXTERNAL])["data"]["erasure_id"] == second["erasure_id"]
