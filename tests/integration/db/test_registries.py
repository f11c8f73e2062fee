"""Tenants, events, snapshots, predictions, models, imports, keys, outbox, assessments: one by one."""

from datetime import UTC, datetime, timedelta

import pytest

from db import session as sessions
from db.errors import (
    KeyConflict,
    StatementRefused,
    UnknownAssessment,
    UnknownBackfill,
    UnknownLead,
    UnknownModel,
    UnknownSnapshot,
    UnknownTenant,
    UnstorableValue,
)
from db.records import (
    BackfillDraft,
    ChunkDraft,
    ModelDraft,
    OutboxDraft,
    PredictionDraft,
    RejectedRow,
    SnapshotDraft,
)
from db.repositories import tenants
from db.repositories.backfills import backfills
from db.repositories.events import events
from db.repositories.jobs import idempotency_keys, outbox
from db.repositories.leads import leads
from db.repositories.models import models
from db.repositories.predictions import assessments, predictions, snapshots

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
FEATURES = {"silence_days": 3.25, "replies": None, "source": "portal", "rate": 0.1 + 0.2, "small": 1e-300}


@pytest.fixture
def write(tenant):
    """Run one repository call in a transaction of its own."""

    def call(function, *, tenant_id=tenant, **given):
        with sessions.transaction(sessions.EVERY_TENANT) as session:
            return function(session, tenant_id, **given)

    return call


def snapshot(lead_id, **given):
    values = {"lead_version": 1, "as_of": NOW, "bucket": NOW, "feature_schema": "1", "features": FEATURES}
    return SnapshotDraft(lead_id=lead_id, **{**values, **given})


def prediction(lead_id, snapshot_id, **given):
    values = {
        "kind": "lead_score",
        "model_id": None,
        "model_version": "scorecard-1",
        "scope": "scorecard",
        "probability": 0.625,
        "band": "hot",
        "detail": {"up": [{"feature": "replies", "contribution": 0.5}]},
        "as_of": NOW,
    }
    return PredictionDraft(lead_id=lead_id, snapshot_id=snapshot_id, **{**values, **given})


def model(fingerprint="f1", **given):
    values = {
        "kind": "lead_score",
        "scope": "tenant",
        "artifact": b"\x00model",
        "feature_schema": "1",
        "metrics": {"auc": 0.8125},
        "report": {"seed": 7},
        "rows": 400,
        "trained_at": NOW,
    }
    return ModelDraft(fingerprint=fingerprint, **{**values, **given})


def backfill(key="k"):
    return BackfillDraft(
        key=key,
        sha256="00",
        file_name="leads.csv",
        spool="spool/1",
        mode="commit",
        policy="fill_blanks",
        profile="generic",
        source={"header": ["a", "b"]},
    )


CHUNKS = [
    ChunkDraft(number=n, offset=n * 2**33, first_record=n * 1000 + 1, first_line=n * 1000 + 2, records=1000)
    for n in range(3)
]


def rejected_row(record, code="value.email"):
    return RejectedRow(
        line=record + 1,
        record=record,
        severity="warning",
        code=code,
        column="Email",
        message="no e-mail address",
        cells=("a\u0000b", "ü", ""),
    )


class TestTenants:
    def test_settings_are_versioned_and_unchanged_ones_add_none(self, tenant, write):
        first = write(tenants.require)
        again = write(tenants.configure, settings={"zone": "UTC"}, actor="x", now=NOW + HOUR)
        second = write(tenants.configure, settings={"zone": "EST", "caps": [1, 2.5]}, actor="x", now=NOW + HOUR)
        assert (first.version, again.version, second.version) == (1, 1, 2)
        assert second.settings == {"zone": "EST", "caps": [1, 2.5]}
        assert second.created_at == first.created_at == NOW
        assert write(tenants.require, tenant_id="T2").settings == {"zone": "UTC"}

    def test_all_are_listed_and_strangers_refused(self, tenant, write):
        with sessions.reading(sessions.EVERY_TENANT) as session:
            assert tenants.ids(session) == ["T1", "T2"]
            assert tenants.get(session, "T3") is None
            with pytest.raises(UnknownTenant):
                tenants.require(session, "T3")


class TestEvents:
    def test_each_is_stored_once_oldest_first(self, lead_ids, write, event):
        drafts = [event("a", hours=1), event("b", hours=5, facts={"minutes": 4}, direction="inbound", channel="call")]
        assert write(events.add, lead_id=lead_ids[0], drafts=drafts) == 2
        assert write(events.add, lead_id=lead_ids[0], drafts=[*drafts, event("c", hours=3)]) == 1
        assert write(events.add, lead_id=lead_ids[1], drafts=drafts) == 2
        found = write(events.for_leads, lead_ids=lead_ids)
        assert [record.occurred_at for record in found[lead_ids[0]]] == [NOW - 5 * HOUR, NOW - 3 * HOUR, NOW - HOUR]
        assert (found[lead_ids[0]][0].facts, found[lead_ids[0]][0].channel) == ({"minutes": 4}, "call")
        assert found[lead_ids[2]] == []

    def test_news_raise_the_version_and_repetition_does_not(self, lead_ids, write, event):
        for _ in range(2):
            write(events.add, lead_id=lead_ids[0], drafts=[event("a")])
        versions = [lead.version for lead in write(leads.get, lead_ids=lead_ids)]
        assert versions == [2, 1, 1]

    def test_another_tenants_lead_is_unknown(self, lead_ids, write, event):
        with pytest.raises(UnknownLead):
            write(events.add, tenant_id="T2", lead_id=lead_ids[0], drafts=[event("a")])
        assert write(events.for_leads, tenant_id="T2", lead_ids=lead_ids[:1]) == {lead_ids[0]: []}


class TestSnapshots:
    def test_features_come_back_to_the_last_bit(self, lead_ids, write):
        ids = write(snapshots.save, drafts=[snapshot(lead_id) for lead_id in lead_ids])
        found = write(snapshots.get, snapshot_ids=ids[::-1])
        assert [record.lead_id for record in found] == lead_ids[::-1]
        assert dict(found[0].features) == FEATURES
        assert (found[0].as_of, found[0].label) == (NOW, None)

    def test_one_per_lead_version_bucket_and_schema(self, lead_ids, write):
        first = write(snapshots.save, drafts=[snapshot(lead_ids[0])] * 2)
        again = write(snapshots.save, drafts=[snapshot(lead_ids[0], as_of=NOW + HOUR / 2, features={})])
        others = write(
            snapshots.save,
            drafts=[
                snapshot(lead_ids[0], lead_version=2),
                snapshot(lead_ids[0], bucket=NOW + HOUR),
                snapshot(lead_ids[0], feature_schema="2"),
                snapshot(lead_ids[1]),
            ],
        )
        assert first[0] == first[1] == again[0]
        assert len({first[0], *others}) == 5
        assert dict(write(snapshots.get, snapshot_ids=again)[0].features) == FEATURES

    def test_an_outcome_labels_what_was_taken_before_it(self, lead_ids, write):
        drafts = [snapshot(lead_ids[0], as_of=NOW + n * HOUR, bucket=NOW + n * HOUR) for n in range(3)]
        write(snapshots.save, drafts=[*drafts, snapshot(lead_ids[1])])
        labelled = {"lead_id": lead_ids[0], "label": True, "label_at": NOW + 2 * HOUR}
        assert write(snapshots.label, **labelled) == 2
        assert write(snapshots.label, **labelled) == 0
        assert write(snapshots.label, tenant_id="T2", **labelled) == 0
        found = write(snapshots.labelled)
        assert [(record.as_of, record.label, record.label_at) for record in found] == [
            (NOW, True, NOW + 2 * HOUR),
            (NOW + HOUR, True, NOW + 2 * HOUR),
        ]

    def test_strangers_and_nan_are_refused(self, lead_ids, write):
        (stored,) = write(snapshots.save, drafts=[snapshot(lead_ids[0])])
        with pytest.raises(UnknownLead) as refusal:
            write(snapshots.save, tenant_id="T2", drafts=[snapshot(lead_ids[0])])
        assert refusal.value.positions == (0,)
        with pytest.raises(UnknownSnapshot):
            write(snapshots.get, tenant_id="T2", snapshot_ids=[stored])
        with pytest.raises(UnstorableValue):
            write(snapshots.save, drafts=[snapshot(lead_ids[1], features={"a": float("nan")})])

    def test_the_newest_at_some_dates_are_given_once_each(self, lead_ids, write):
        one, two, three = lead_ids
        at = {name: NOW + hours * HOUR for name, hours in zip("abcde", (0, 1, 2, 8, 9), strict=True)}
        drafts = [snapshot(one, as_of=moment, bucket=moment, features={name: 1.0}) for name, moment in at.items()]
        drafts += [snapshot(one, as_of=at["c"], bucket=at["c"], feature_schema="2", features={"twin": 1.0})]
        drafts += [snapshot(two, as_of=at["d"], bucket=at["d"], features={"d": 1.0})]
        write(snapshots.save, drafts=drafts)
        # as of a, and between c and d, and after d; nothing new between the second and the third date
        dates = [NOW + hours * HOUR for hours in (8.5, 3, 0, 4)]
        found = write(snapshots.newest_at, lead_ids=lead_ids, dates=dates)
        told = {lead: ["".join(each.features) for each in each_of] for lead, each_of in found.items()}
        assert told == {one: ["a", "twin", "d"], two: ["d"]}
        assert three not in found
        assert write(snapshots.newest_at, lead_ids=lead_ids, dates=[]) == {}
        assert write(snapshots.newest_at, tenant_id="T2", lead_ids=lead_ids, dates=dates) == {}


class TestPredictions:
    @pytest.fixture
    def taken(self, lead_ids, write):
        return dict(
            zip(lead_ids, write(snapshots.save, drafts=[snapshot(lead_id) for lead_id in lead_ids]), strict=True)
        )

    def test_one_per_snapshot_kind_and_model(self, taken, write):
        drafts = [prediction(*pair) for pair in taken.items()]
        first = write(predictions.save, drafts=drafts, now=NOW)
        assert write(predictions.save, drafts=drafts[::-1], now=NOW + HOUR) == first[::-1]
        (record,) = write(predictions.get, prediction_ids=first[:1])
        assert (record.probability, record.band, record.computed_at) == (0.625, "hot", NOW)
        assert record.detail == {"up": [{"feature": "replies", "contribution": 0.5}]}
        assert write(predictions.get, tenant_id="T2", prediction_ids=first) == []

    def test_the_latest_is_the_newest_of_each_lead(self, taken, lead_ids, write):
        older = [prediction(*pair) for pair in taken.items()]
        newer = prediction(
            lead_ids[0], taken[lead_ids[0]], model_version="lead_score-0001", scope="tenant", probability=0.25
        )
        write(predictions.save, drafts=older, now=NOW)
        write(predictions.save, drafts=[newer], now=NOW + HOUR)
        write(predictions.save, drafts=[prediction(lead_ids[1], taken[lead_ids[1]], kind="urgency")], now=NOW)
        found = write(predictions.latest, kind="lead_score")
        assert [record.lead_id for record in found] == sorted(lead_ids)
        assert found[0].probability == 0.25
        assert len(write(predictions.latest, kind="lead_score", lead_ids=lead_ids[1:])) == 2
        assert write(predictions.latest, kind="lead_score", lead_ids=[]) == []
        assert write(predictions.latest, tenant_id="T2", kind="lead_score") == []
        history = write(predictions.history, lead_id=lead_ids[0], kind="lead_score", limit=5)
        assert [record.probability for record in history] == [0.25, 0.625]
        assert len(write(predictions.history, lead_id=lead_ids[0], kind="lead_score", limit=1)) == 1

    def test_another_tenants_snapshot_is_refused(self, taken, lead_ids, write):
        with pytest.raises(StatementRefused):
            write(predictions.save, tenant_id="T2", drafts=[prediction(lead_ids[0], taken[lead_ids[0]])], now=NOW)
        with pytest.raises(UnstorableValue):
            write(
                predictions.save,
                drafts=[prediction(lead_ids[0], taken[lead_ids[0]], detail={"x": float("inf")})],
                now=NOW,
            )


class TestModels:
    def test_versions_count_per_kind_and_known_data_give_the_known_model(self, write):
        first = write(models.add, draft=model())
        assert (first.version, first.state, first.artifact, first.metrics) == (
            "lead_score-0001",
            "candidate",
            b"\x00model",
            {"auc": 0.8125},
        )
        assert write(models.add, draft=model()) == first
        assert write(models.add, draft=model("f2")).version == "lead_score-0002"
        assert write(models.add, draft=model("f2", kind="churn")).version == "churn-0001"
        assert write(models.add, tenant_id="T2", draft=model()).version == "lead_score-0001"
        assert write(models.by_fingerprint, kind="lead_score", scope="tenant", fingerprint="f1") == first
        assert write(models.by_fingerprint, kind="lead_score", scope="pooled", fingerprint="f1") is None
        versions = [record.version for record in write(models.versions)]
        assert versions == ["churn-0001", "lead_score-0002", "lead_score-0001"]
        assert len(write(models.versions, kind="churn")) == 1

    def test_there_is_one_champion_a_kind(self, write):
        ids = [write(models.add, draft=model(f"f{n}")).model_id for n in range(2)]
        churn = write(models.add, draft=model(kind="churn")).model_id
        assert write(models.champion, kind="lead_score") is None
        for model_id in (ids[0], churn, ids[1], ids[1]):
            write(models.promote, model_id=model_id, now=NOW)
        assert write(models.champion, kind="lead_score").model_id == ids[1]
        assert write(models.champion, kind="churn").model_id == churn
        assert write(models.get, version="lead_score-0001").state == "retired"
        write(models.promote, model_id=ids[0], now=NOW)
        assert write(models.champion, kind="lead_score").model_id == ids[0]

    def test_strangers_are_refused(self, write):
        record = write(models.add, draft=model())
        with pytest.raises(UnknownModel):
            write(models.promote, tenant_id="T2", model_id=record.model_id, now=NOW)
        with pytest.raises(UnknownTenant):
            write(models.add, tenant_id="T3", draft=model())
        assert write(models.get, tenant_id="T2", version=record.version) is None


class TestBackfills:
    @pytest.fixture
    def job(self, write):
        record, new = write(backfills.create, draft=backfill(), chunks=CHUNKS, now=NOW)
        assert new
        return record

    def test_an_import_comes_back_as_started(self, job, write):
        assert (job.state, job.chunks, job.remaining, job.source) == ("running", 3, 3, {"header": ["a", "b"]})
        assert write(backfills.get, backfill_id=job.backfill_id) == job
        assert write(backfills.by_key, key="k") == job
        found = write(backfills.chunks, backfill_id=job.backfill_id)
        assert [(chunk.number, chunk.offset, chunk.state) for chunk in found] == [
            (n, n * 2**33, "pending") for n in range(3)
        ]

    def test_the_same_import_is_one_job_until_it_fails(self, job, write):
        again = write(backfills.create, draft=backfill(), chunks=CHUNKS, now=NOW + HOUR)
        assert again == (job, False)
        ended = {"summary": None, "error": "too many errors", "error_file": None, "now": NOW}
        assert write(backfills.finish, backfill_id=job.backfill_id, state="failed", **ended)
        fresh, new = write(backfills.create, draft=backfill(), chunks=CHUNKS, now=NOW + HOUR)
        assert new
        assert write(backfills.by_key, key="k").backfill_id == fresh.backfill_id != job.backfill_id

    def test_chunks_end_once_with_their_counts_and_rows(self, job, write):
        own = {"backfill_id": job.backfill_id, "now": NOW}
        rows = [rejected_row(9), rejected_row(4), rejected_row(4, "value.phone")]
        for _ in range(2):
            remaining = write(backfills.finish_chunk, number=1, counts={"rows.read": 1000}, rejected=rows, **own)
            assert remaining == 2
        assert write(backfills.finish_chunk, number=0, counts={}, rejected=[rejected_row(2)], **own) == 1
        with sessions.reading(sessions.EVERY_TENANT) as session:
            found = list(backfills.rejected(session, "T1", backfill_id=job.backfill_id))
            assert list(backfills.rejected(session, "T2", backfill_id=job.backfill_id)) == []
        assert [(row.record, row.code) for row in found] == [
            (2, "value.email"),
            (4, "value.email"),
            (4, "value.phone"),
            (9, "value.email"),
        ]
        assert found[0] == rejected_row(2)
        (done,) = [c for c in write(backfills.chunks, backfill_id=job.backfill_id, state="done") if c.number == 1]
        assert done.counts == {"rows.read": 1000}
        assert [c.number for c in write(backfills.chunks, backfill_id=job.backfill_id, state="pending")] == [2]

    def test_a_failed_chunk_counts_off_and_may_still_be_done(self, job, write):
        own = {"backfill_id": job.backfill_id, "number": 2, "now": NOW}
        assert write(backfills.fail_chunk, error="worker lost", **own) == 2
        assert write(backfills.fail_chunk, error="again", **own) == 2
        chunk = write(backfills.claim_chunk, backfill_id=job.backfill_id, number=2)
        assert (chunk.state, chunk.error) == ("failed", "worker lost")
        assert write(backfills.finish_chunk, counts={}, rejected=[], **own) == 2
        assert write(backfills.claim_chunk, backfill_id=job.backfill_id, number=2).state == "done"

    def test_an_import_ends_once(self, job, write):
        ended = {"state": "finished", "summary": {"rows": 3}, "error": None, "error_file": "e.csv", "now": NOW}
        assert write(backfills.finish, backfill_id=job.backfill_id, **ended)
        assert not write(backfills.finish, backfill_id=job.backfill_id, **{**ended, "state": "failed"})
        record = write(backfills.get, backfill_id=job.backfill_id)
        assert (record.state, record.summary, record.error_file, record.finished_at) == (
            "finished",
            {"rows": 3},
            "e.csv",
            NOW,
        )

    def test_an_empty_file_has_nothing_left_to_do(self, write):
        record, _ = write(backfills.create, draft=backfill("empty"), chunks=[], now=NOW)
        assert (record.chunks, record.remaining) == (0, 0)

    def test_strangers_are_refused(self, job, write):
        own = {"backfill_id": job.backfill_id, "number": 0}
        assert write(backfills.get, tenant_id="T2", backfill_id=job.backfill_id) is None
        with pytest.raises(UnknownBackfill):
            write(backfills.claim_chunk, tenant_id="T2", **own)
        with pytest.raises(UnknownBackfill):
            write(backfills.claim_chunk, backfill_id=job.backfill_id, number=99)
        with pytest.raises(UnknownTenant):
            write(backfills.create, tenant_id="T3", draft=backfill(), chunks=[], now=NOW)


KEY = {"task": "t", "key": "k"}


class TestProcessed:
    def test_the_first_result_is_answered_again(self, write):
        assert write(idempotency_keys.claim, **KEY, args_hash="h", task_id="1", now=NOW) is None
        write(idempotency_keys.finish, **KEY, result={"status": "ok"}, now=NOW)
        stored = write(idempotency_keys.claim, **KEY, args_hash="h", task_id="2", now=NOW)
        assert (stored.task_id, stored.result, stored.done) == ("1", {"status": "ok"}, True)
        assert write(idempotency_keys.by_task_id, task_id="1") == stored
        assert write(idempotency_keys.by_task_id, task_id="2") is None

    def test_other_arguments_conflict(self, write):
        write(idempotency_keys.claim, **KEY, args_hash="h", task_id="1", now=NOW)
        with pytest.raises(KeyConflict):
            write(idempotency_keys.claim, **KEY, args_hash="g", task_id="2", now=NOW)

    def test_tenants_tasks_and_keys_are_apart(self, write):
        claims = [{}, {"tenant_id": "T2"}, {"task": "u"}, {"key": "l"}]
        rest = {"args_hash": "h", "task_id": "1", "now": NOW}
        assert [write(idempotency_keys.claim, **{**KEY, **rest, **own}) for own in claims] == [None] * 4


class TestOutbox:
    def test_what_is_written_waits_until_it_is_confirmed(self, write):
        drafts = [OutboxDraft(task=f"t{n}", queue="q", kwargs={"lead_ids": [str(n)]}) for n in range(3)]
        records = write(outbox.add, drafts=drafts, now=NOW)
        write(outbox.add, tenant_id="T2", drafts=drafts[:1], now=NOW + HOUR)
        with sessions.reading(sessions.EVERY_TENANT) as session:
            assert outbox.pending(session, limit=9, before=NOW + HOUR) == records
            assert len(outbox.pending(session, limit=9, before=NOW + 2 * HOUR)) == 4
            assert len(outbox.pending(session, limit=2, before=NOW + 2 * HOUR)) == 2
        write(outbox.confirm, outbox_ids=[records[0].outbox_id], now=NOW)
        write(outbox.confirm, tenant_id="T2", outbox_ids=[records[1].outbox_id], now=NOW)
        with sessions.reading(sessions.EVERY_TENANT) as session:
            assert outbox.pending(session, limit=9, before=NOW + HOUR) == records[1:]
        assert write(outbox.add, drafts=[], now=NOW) == []

    def test_an_effect_taken_back_leaves_no_task(self, tenant):
        def fail():
            with sessions.transaction(sessions.EVERY_TENANT) as session:
                outbox.add(session, tenant, drafts=[OutboxDraft(task="t", queue="q", kwargs={})], now=NOW)
                raise KeyError

        with pytest.raises(KeyError):
            fail()
        with sessions.reading(sessions.EVERY_TENANT) as session:
            assert outbox.pending(session, limit=9, before=NOW + HOUR) == []


class TestAssessments:
    @pytest.fixture
    def run(self, write, lead_ids):
        stages = ("score", "urgency")
        return write(
            assessments.create, lead_ids=lead_ids, as_of=NOW, due_at=NOW + HOUR, stages=stages, now=NOW
        ).assessment_id

    def test_a_run_goes_from_pending_to_ok(self, run, lead_ids, write):
        started = write(assessments.get, assessment_id=run)
        assert (started.state, started.stages) == ("running", {"score": "pending", "urgency": "pending"})
        assert started.lead_ids == tuple(lead_ids)
        write(
            assessments.complete_stage, assessment_id=run, stage="score", state="ok", now=NOW, snapshot_ids=["s1", "s2"]
        )
        write(assessments.complete_stage, assessment_id=run, stage="urgency", state="ok", now=NOW)
        ended = write(assessments.finish, assessment_id=run, now=NOW + HOUR)
        assert (ended.state, ended.snapshot_ids, ended.finished_at) == ("ok", ("s1", "s2"), NOW + HOUR)
        assert write(assessments.finish, assessment_id=run, now=NOW) is None

    @pytest.mark.parametrize(
        ("landed", "stages"),
        [({}, {"score": "late", "urgency": "late"}), ({"score": "failed"}, {"score": "failed", "urgency": "late"})],
    )
    def test_what_is_missing_is_named(self, run, write, landed, stages):
        for stage, state in landed.items():
            write(assessments.complete_stage, assessment_id=run, stage=stage, state=state, now=NOW)
        ended = write(assessments.finish, assessment_id=run, now=NOW)
        assert (ended.state, ended.stages) == ("partial", stages)
        write(assessments.complete_stage, assessment_id=run, stage="urgency", state="ok", now=NOW, snapshot_ids=["s1"])
        late = write(assessments.get, assessment_id=run)
        assert (late.stages, late.snapshot_ids) == (stages, ("s1",))

    def test_those_over_time_are_found(self, run, write):
        with sessions.reading(sessions.EVERY_TENANT) as session:
            assert assessments.overdue(session, now=NOW, limit=9) == []
            assert assessments.overdue(session, now=NOW + HOUR, limit=9) == [("T1", run)]
        write(assessments.finish, assessment_id=run, now=NOW)
        with sessions.reading(sessions.EVERY_TENANT) as session:
            assert assessments.overdue(session, now=NOW + HOUR, limit=9) == []

    def test_strangers_are_refused(self, run, write):
        assert write(assessments.get, tenant_id="T2", assessment_id=run) is None
        for function, given in (
            (assessments.complete_stage, {"stage": "score", "state": "ok", "now": NOW}),
            (assessments.finish, {"now": NOW}),
        ):
            with pytest.raises(UnknownAssessment):
                write(function, tenant_id="T2", assessment_id=run, **given)
        with pytest.raises(UnknownAssessment):
            write(assessments.complete_stage, assessment_id=run, stage="nonsense", state="ok", now=NOW)
