"""What happens at once happens once."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from db import session as sessions
from db.errors import DatabaseUnavailable, KeyConflict
from db.records import BackfillDraft, ChunkDraft, LeadDraft, ModelDraft, SnapshotDraft
from db.repositories import tenants
from db.repositories.backfills import backfills
from db.repositories.jobs import idempotency_keys
from db.repositories.leads import leads
from db.repositories.models import models
from db.repositories.predictions import assessments, snapshots

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
SOON = 0.3


def at_once(*calls):
    barrier = threading.Barrier(len(calls))

    def run(call):
        barrier.wait(timeout=10)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(timeout=60) for future in [pool.submit(run, call) for call in calls]]


@pytest.mark.parametrize(
    "draft",
    [
        LeadDraft(external_id="x1"),
        LeadDraft(contact={"email": "a@example.com"}),
        LeadDraft(contact={"phone": "3055550100", "last_name": "Ray"}),
    ],
)
def test_one_person_told_by_many_is_one_lead(upsert, tenant, draft):
    results = at_once(*[lambda: upsert(draft)] * 4)
    assert sorted(result.outcome for (result,) in results) == ["created", "unchanged", "unchanged", "unchanged"]
    with sessions.reading(sessions.EVERY_TENANT) as session:
        assert len(leads.ids(session, tenant)) == 1


def test_many_people_told_at_once_are_each_one_lead(upsert, tenant):
    drafts = [LeadDraft(external_id=f"x{n}", contact={"email": f"a{n}@example.com"}) for n in range(150)]
    found = at_once(*[lambda told=told: upsert(*told) for told in (drafts, drafts[::-1], drafts[50:])])
    outcomes = [result.outcome for results in found for result in results]
    assert (outcomes.count("created"), outcomes.count("unchanged")) == (150, 250)
    with sessions.reading(sessions.EVERY_TENANT) as session:
        assert len(leads.ids(session, tenant)) == 150


def test_who_becomes_known_while_a_batch_waits_is_not_made_anew(upsert, tenant, postgresql_only):
    drafts = [LeadDraft(external_id=f"x{n}", custom={"c": float(n)}) for n in range(150)]
    with ThreadPoolExecutor(1) as pool:
        with sessions.transaction(sessions.EVERY_TENANT) as session:
            known = leads.upsert(session, tenant, drafts=drafts[:20], policy="overwrite", now=NOW)
            waiting = pool.submit(upsert, *drafts)
            time.sleep(SOON)
            assert not waiting.done()
        results = waiting.result(timeout=60)
    assert [result.lead_id for result in results[:20]] == [result.lead_id for result in known]
    assert [result.outcome for result in results] == ["unchanged"] * 20 + ["created"] * 130


def test_changes_at_once_all_arrive(upsert, read):
    (first,) = upsert(LeadDraft(external_id="x1"))
    at_once(*[lambda n=n: upsert(LeadDraft(external_id="x1", custom={f"c{n}": float(n)})) for n in range(4)])
    lead = read(first.lead_id)
    assert (lead.version, len(lead.custom)) == (5, 4)


def test_a_label_and_an_import_at_once_both_arrive(upsert, read, tenant):
    (first,) = upsert(LeadDraft(external_id="x1"))

    def label():
        with sessions.transaction(sessions.EVERY_TENANT) as session:
            leads.set_label(session, tenant, lead_id=first.lead_id, label=True, label_at=NOW, status="won")

    for number in range(5):
        at_once(label, lambda n=number: upsert(LeadDraft(external_id="x1", custom={f"c{n}": 1.0})))
    lead = read(first.lead_id)
    assert (lead.label, lead.status, len(lead.custom), lead.version) == (True, "won", 5, 7)


def test_tenants_do_not_wait_for_each_other(upsert, postgresql_only):
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        leads.upsert(session, "T1", drafts=[LeadDraft(external_id="x1")], policy="overwrite", now=NOW)
        ((other,),) = at_once(lambda: upsert(LeadDraft(external_id="x1"), tenant_id="T2"))
    assert other.outcome == "created"


@pytest.fixture
def postgresql_only(database):
    if database.startswith("sqlite"):
        pytest.skip("SQLite has one writer")


def claim(args_hash="h", task_id="second"):
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        return idempotency_keys.claim(session, "T1", task="t", key="k", args_hash=args_hash, task_id=task_id, now=NOW)


def hold(entered, release, *, fail=False):
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        assert idempotency_keys.claim(session, "T1", task="t", key="k", args_hash="h", task_id="first", now=NOW) is None
        entered.set()
        assert release.wait(10)
        idempotency_keys.finish(session, "T1", task="t", key="k", result={"n": 1}, now=NOW)
        if fail:
            raise KeyError


@pytest.fixture
def held(tenant):
    """Hold a claim in another thread; calling it lets the holder end, and gives what a second claim then answers."""

    def run(second, *, fail=False):
        entered, release = threading.Event(), threading.Event()
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(hold, entered, release, fail=fail)
            assert entered.wait(10)
            waiting = pool.submit(second)
            time.sleep(SOON)
            assert not waiting.done()
            release.set()
            first.exception(timeout=30)
            return waiting.result(timeout=30)

    return run


def test_a_second_claim_waits_and_gets_the_first_result(held):
    stored = held(claim)
    assert (stored.task_id, stored.result, stored.done, stored.args_hash) == ("first", {"n": 1}, True, "h")


def test_a_claim_that_was_rolled_back_is_free_again(held):
    assert held(claim, fail=True) is None


def test_other_arguments_conflict_even_while_running(held):
    with pytest.raises(KeyConflict):
        held(lambda: claim(args_hash="other"))


def test_many_claims_at_once_give_one_owner(tenant):
    found = at_once(*[lambda n=n: claim(task_id=str(n)) for n in range(4)])
    assert sum(record is None for record in found) == 1


def test_waiting_ends_as_unavailable(database, postgresql_only, test_keyring):
    sessions.configure(database, test_keyring, lock_timeout=0.2)
    entered, release = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(hold, entered, release)
        assert entered.wait(10)
        with pytest.raises(DatabaseUnavailable, match="55P03"):
            claim()
        release.set()
        first.result(timeout=30)


def test_one_import_of_a_key_starts_once(tenant):
    draft = BackfillDraft(
        key="k", sha256="0", file_name="f", spool="s", mode="commit", policy="overwrite", profile="generic", source={}
    )

    def create():
        with sessions.transaction(sessions.EVERY_TENANT) as session:
            return backfills.create(session, tenant, draft=draft, chunks=[], now=NOW)

    found = at_once(*[create] * 4)
    assert sorted(new for _, new in found) == [False, False, False, True]
    assert len({record.backfill_id for record, _ in found}) == 1


def test_chunks_done_at_once_count_down_to_zero_once(tenant):
    draft = BackfillDraft(
        key="k", sha256="0", file_name="f", spool="s", mode="commit", policy="overwrite", profile="generic", source={}
    )
    parts = [ChunkDraft(number=n, offset=n, first_record=n, first_line=n, records=1) for n in range(4)]
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        record, _ = backfills.create(session, tenant, draft=draft, chunks=parts, now=NOW)

    def finish(number):
        with sessions.transaction(sessions.EVERY_TENANT) as session:
            return backfills.finish_chunk(
                session, tenant, backfill_id=record.backfill_id, number=number, counts={}, rejected=[], now=NOW
            )

    assert sorted(at_once(*[lambda n=n: finish(n) for n in range(4)])) == [0, 1, 2, 3]
    assert at_once(*[lambda: finish(0)] * 3) == [0, 0, 0]


def test_stages_that_land_at_once_all_arrive_and_the_end_comes_once(tenant):
    names = ("score", "churn", "urgency", "tone")
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        run = assessments.create(session, tenant, lead_ids=[], as_of=NOW, due_at=NOW, stages=names, now=NOW)

    def land(stage):
        with sessions.transaction(sessions.EVERY_TENANT) as session:
            assessments.complete_stage(
                session, tenant, assessment_id=run.assessment_id, stage=stage, state="ok", now=NOW
            )

    def finish():
        with sessions.transaction(sessions.EVERY_TENANT) as session:
            return assessments.finish(session, tenant, assessment_id=run.assessment_id, now=NOW)

    at_once(*[lambda n=n: land(n) for n in names])
    ended = [record for record in at_once(*[finish] * 3) if record]
    assert [record.state for record in ended] == ["ok"]


def test_versions_are_counted_without_gaps_or_twins(tenant):
    def add(number):
        draft = ModelDraft(
            kind="lead_score",
            scope="tenant",
            artifact=b"m",
            feature_schema="1",
            metrics={},
            report={},
            rows=1,
            fingerprint=f"f{number % 3}",
            trained_at=NOW,
        )
        with sessions.transaction(sessions.EVERY_TENANT) as session:
            return models.add(session, tenant, draft=draft).version

    found = at_once(*[lambda n=n: add(n) for n in range(4)])
    assert set(found) == {"lead_score-0001", "lead_score-0002", "lead_score-0003"}


def test_one_snapshot_is_stored_once(lead_ids, tenant):
    draft = SnapshotDraft(
        lead_id=lead_ids[0], lead_version=1, as_of=NOW, bucket=NOW, feature_schema="1", features={"a": 1.0}
    )

    def save():
        with sessions.transaction(sessions.EVERY_TENANT) as session:
            return snapshots.save(session, tenant, drafts=[draft])[0]

    assert len(set(at_once(*[save] * 4))) == 1


def test_settings_changed_at_once_get_their_own_versions(tenant):
    def configure(number):
        with sessions.transaction(sessions.EVERY_TENANT) as session:
            return tenants.configure(session, tenant, settings={"n": number}, actor="a", now=NOW).version

    assert sorted(at_once(*[lambda n=n: configure(n) for n in range(4)])) == [2, 3, 4, 5]
