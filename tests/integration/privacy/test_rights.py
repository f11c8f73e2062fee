"""A copy of everything, a stop that holds, an end of what was kept too long, and erasure beside other work."""

import json
import os
import stat
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from db.privacy import STORES
from db.records import EventDraft, LeadDraft
from db.repositories import audit, tenants
from db.repositories.events import events
from db.repositories.leads import leads
from db.repositories.predictions import predictions
from db.repositories.privacy import restrictions, retention
from db.session import EVERY_TENANT, reading, transaction
from tasks.errors import InvalidPayload, TaskError
from tasks.leads.card import card
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.leads.worklist import worklist
from tasks.pipelines import assess
from tasks.privacy.retention import purge
from tasks.privacy.rights import export, forget, restrict
from tasks.tenants import configure
from tests.support.privacy import CANARY, EMAIL, EXTERNAL, NEEDLES, NOW, TEXT


def test_a_copy_holds_everything_and_only_its_owner_may_read_it(tenant, canary, other):
    score(tenant_id=tenant, lead_id=canary)
    answer = export(tenant_id=tenant, external_ids=[EXTERNAL])
    path = answer["data"]["file"]
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert not any(needle in json.dumps(answer).lower().encode() for needle in NEEDLES), "the answer names nobody"
    with open(path) as file:
        told = json.load(file)
    stores = told["stores"]
    assert {store.table for store in STORES if store.subject} <= set(stores)
    assert stores["leads"][0]["contact"]["email"] == EMAIL
    assert stores["leads"][0]["custom"] == CANARY["custom"]
    assert [event["text"] for event in stores["events"]] == [TEXT]
    assert stores["snapshots"][0]["features"]
    assert stores["predictions"][0]["detail"]["up"] or stores["predictions"][0]["detail"]["down"]
    assert {row["kind"] for row in stores["audit"]} == {"message_analysis", "prediction"}
    assert other not in json.dumps(told), "nothing of anybody else"
    with reading(EVERY_TENANT) as session:
        assert audit.verify(session, tenant).ok


def test_a_copy_is_made_once_a_message(tenant, canary):
    first = export(tenant_id=tenant, lead_id=canary, idempotency_key="k")
    assert export(tenant_id=tenant, lead_id=canary, idempotency_key="k") == first | {"duplicate": True}
    with pytest.raises(InvalidPayload):
        export(tenant_id=tenant, lead_id="nobody")


@pytest.mark.parametrize("kind", ["restricted", "objected"])
def test_who_objects_is_left_out_until_a_person_has_looked(tenant, canary, other, kind):
    score(tenant_id=tenant, lead_ids=[canary, other])
    assert restrict(tenant_id=tenant, lead_id=canary, **{kind: True})["data"]["leads"] == [
        {"lead_id": canary, "blocked": [kind], "external_id": EXTERNAL, "source_system": "crm"}
    ]
    upsert(tenant_id=tenant, leads=[CANARY | {"listing_views": 9}])
    alone = score(tenant_id=tenant, lead_id=canary)
    own = {"lead_id": canary, "external_id": EXTERNAL, "source_system": "crm"}
    nobody = {"scored": 0, "blocked": [canary], "identities": [own]}
    assert (alone["status"], alone["data"]) == ("blocked", nobody)
    both = score(tenant_id=tenant, lead_ids=[other, canary])
    assert (both["status"], both["data"]["scored"], both["data"]["blocked"]) == ("partial", 1, [canary])
    assert both["warnings"] == [{"code": f"lead.{kind}", "path": "lead_ids.1"}]
    refused = assess(tenant_id=tenant, lead_id=canary)
    assert (refused["status"], refused["data"]["assessment_id"]) == ("blocked", None)
    assert assess(tenant_id=tenant, lead_ids=[canary, other])["data"]["leads"] == 1
    assert [row["lead_id"] for row in worklist(tenant_id=tenant)["data"]["leads"]] == [other]
    assert card(tenant_id=tenant, lead_id=canary)["data"]["blocked"] == [kind]
    with pytest.raises(InvalidPayload, match="missing"):
        restrict(tenant_id=tenant, lead_id=canary, **{kind: False})
    restrict(tenant_id=tenant, lead_id=canary, **{kind: False}, actor="ada.quill")
    assert score(tenant_id=tenant, lead_id=canary)["status"] == "ok"
    assert len(worklist(tenant_id=tenant)["data"]["leads"]) == 2


def test_an_answer_that_comes_after_the_objection_is_not_kept(tenant, canary):
    """As when the lead was restricted between the stages of an assessment."""
    from tasks.services.leads.scoring import store_predictions  # the one door that every answer takes

    draft = type("Draft", (), {"lead_id": canary, "band": "hot"})()
    work = type("Work", (), {"tenant_id": tenant, "now": NOW})()
    with transaction(EVERY_TENANT) as session:
        restrictions.change(session, tenant, lead_id=canary, objected=True, now=NOW)
        store_predictions(session, work, [draft])
        assert predictions.latest(session, tenant, kind="lead_score") == []


def old_events(tenant, lead_id, *days):
    drafts = [
        EventDraft(
            kind="reply",
            occurred_at=NOW - timedelta(days=age),
            recorded_at=NOW - timedelta(days=age),
            source_id=f"old-{age}",
        )
        for age in days
    ]
    with transaction(EVERY_TENANT) as session:
        events.add(session, tenant, lead_id=lead_id, drafts=drafts)


def test_what_was_kept_long_enough_goes_and_a_tenant_may_shorten_it(tenant, canary):
    old_events(tenant, canary, 2000, 40, 5)
    purge()
    assert kept_events(tenant, canary) == 3, "the canary's message and two that are young enough"
    configure(tenant_id=tenant, settings={"retention_days": {"behaviour": 30}})
    forget_slots()
    assert purge()["data"]["removed"] == 1
    assert purge()["data"] == {}, "once a day"
    with pytest.raises(InvalidPayload):
        configure(tenant_id=tenant, settings={"retention_days": {"nonsense": 30}})


def test_what_the_purge_took_is_on_record_with_its_rule(tenant, canary):
    old_events(tenant, canary, 2000, 1500, 40)
    purge()
    configure(tenant_id=tenant, settings={"retention_days": {"behaviour": 30}})
    forget_slots()
    purge()
    with reading(EVERY_TENANT) as session:
        taken = retention.removals(session, tenant)
        assert audit.verify(session, tenant).ok
        assert retention.removals(session, tenant, since=datetime.now(UTC) + timedelta(hours=1)) == []
    told = [(row.store, row.rows, row.category, row.days, row.by) for row in taken]
    assert told == [("events", 2, "behaviour", 1095, "default"), ("events", 1, "behaviour", 30, "tenant")]


def kept_events(tenant, lead_id):
    with reading(EVERY_TENANT) as session:
        return len(events.for_leads(session, tenant, lead_ids=[lead_id])[lead_id])


def forget_slots():
    with transaction(EVERY_TENANT) as session:
        session.execute(text("DELETE FROM schedule_slots"))


def test_leads_nobody_heard_of_for_too_long_go_as_a_whole_and_may_come_back(tenant, canary, other):
    configure(tenant_id=tenant, settings={"retention_days": {"profile": 700}})
    with transaction(EVERY_TENANT) as session:
        session.execute(
            text("UPDATE leads SET changed_at = :then WHERE lead_id = :lead"),
            {"then": (NOW - timedelta(days=701)).replace(tzinfo=None), "lead": canary},
        )
    purge()
    with reading(EVERY_TENANT) as session:
        assert leads.ids(session, tenant) == [other]
        assert audit.verify(session, tenant).ok
        taken = {(row.store, row.rows, row.days, row.by) for row in retention.removals(session, tenant)}
        assert ("leads", 1, 700, "tenant") in taken
    assert upsert(tenant_id=tenant, leads=[CANARY])["data"]["created"] == 1


def test_files_nobody_knows_go_after_two_days_and_exports_after_their_time(tenant, canary, workspace_folder):
    exported = export(tenant_id=tenant, lead_id=canary)["data"]["file"]
    orphan = workspace_folder / "spool" / "lost.csv"
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_text("who\n")
    long_ago = time.time() - 40 * 86_400
    for path in (exported, orphan):
        os.utime(path, (long_ago, long_ago))
    assert purge()["data"]["orphans"] == 1
    assert not os.path.exists(exported)


def test_erasure_beside_other_work_happens_once_and_leaves_nothing(tenant, canary, other, places):
    """Scores, news and the same wish four times, all at once: some answer that nobody is there, nothing is left."""
    done, answers, said = threading.Event(), [], set()

    def busy(call):
        while not done.is_set():
            try:
                call()
            except TaskError as error:
                said.add(type(error).__name__)
            time.sleep(0.02)  # SQLite's lock is not fair: who asks without a pause leaves nobody a turn

    calls = [
        lambda: score(tenant_id=tenant, lead_id=canary, as_of=datetime.now(UTC).isoformat()),
        lambda: upsert(tenant_id=tenant, leads=[CANARY | {"listing_views": int(time.time() * 1000) % 10_000}]),
        lambda: score(tenant_id=tenant, lead_id=other),
    ]
    workers = [threading.Thread(target=busy, args=(call,)) for call in calls]
    wishes = [threading.Thread(target=lambda: answers.append(forget(tenant_id=tenant, lead_id=canary))) for _ in "abcd"]
    for worker in workers:
        worker.start()
    time.sleep(0.2)
    for wish in wishes:
        wish.start()
    for wish in wishes:
        wish.join()
    done.set()
    for worker in workers:
        worker.join()
    assert said <= {"InvalidPayload", "Unavailable"}
    assert len(answers) == 4
    assert len({answer["data"]["erasure_id"] for answer in answers}) == 1
    with reading(EVERY_TENANT) as session:
        assert leads.ids(session, tenant) == [other]
        assert audit.verify(session, tenant).ok
        kinds = [row.kind for row in session.execute(text("SELECT kind FROM audit")).all()]
    assert kinds.count("erasure") == 1
    assert [place for place in places() if not place.endswith(("-wal", "hearth.db"))] == []


def test_one_tenants_wish_does_not_reach_another(tenant, canary):
    configure(tenant_id="other")
    with pytest.raises(InvalidPayload):
        forget(tenant_id="other", lead_id=canary)
    with transaction(EVERY_TENANT) as session:
        leads.upsert(session, "other", drafts=[LeadDraft(external_id=EXTERNAL)], policy="overwrite", now=NOW)
    forget(tenant_id="other", external_ids=[EXTERNAL])
    with reading(EVERY_TENANT) as session:
        assert leads.ids(session, tenant) == [canary]
        assert tenants.ids(session) == ["acme", "other"]
