"""New snapshots get online scores beside those of the models; both scores of a signal are kept, on both databases."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from db.models import AuditEntry
from db.repositories.online import heads, signal_scores
from db.repositories.predictions import predictions
from db.repositories.privacy import erasure, restrictions
from db.session import EVERY_TENANT, reading, transaction
from ml.online import EXPERTS, OnlineModel
from tasks.online.learn import learn, score
from tasks.services.online import open_learners, scoring
from tests.support import signals as told

pytestmark = pytest.mark.usefixtures("database")

T = "online"


@pytest.fixture(autouse=True)
def tenant(database: str, monkeypatch) -> Iterator[str]:
    # the snapshots of these tests are of a summer long ago, their ids are of now
    monkeypatch.setattr(score, "apply_async", lambda **_: None)
    open_learners.bind(limit=4)
    yield told.make_tenant(T)
    open_learners.bind(limit=4)


def ask(target: str = "reply"):
    return learn(tenant_id=T, target=target)["data"]


def score_new() -> int:
    return score(tenant_id=T)["data"]["scored"]


def rows(kind: str = "online_reply"):
    with reading(T) as session:
        return predictions.latest(session, T, kind=kind)


def model_of(numbers) -> OnlineModel:
    model = OnlineModel(seed=0)
    for number in numbers:
        model.learn(told.features(number), told.label(number))
    return model


def test_before_the_first_signal_no_snapshot_is_scored():
    told.take_snapshots(T, told.make_leads(T, range(3)), range(3))
    assert score_new() == 0
    assert rows() == []


def test_each_new_snapshot_gets_the_score_of_the_state_then():
    told.tell(T, range(30))
    ask()
    first = score_new()
    assert first == 30, "what was taken within a day, before the learner was there"
    lead_ids = told.make_leads(T, range(40, 44))
    told.take_snapshots(T, lead_ids, range(40, 44))
    assert score_new() == 4
    assert score_new() == 0
    found = {row.lead_id: row for row in rows()}
    for lead_id, number in zip(lead_ids, range(40, 44), strict=True):
        row, expected = found[lead_id], model_of(range(30)).score(told.features(number))
        assert row.probability == expected.probability
        assert row.detail["experts"] == dict(zip(EXPERTS, expected.experts, strict=True))
        assert (row.detail["signals"], row.detail["confidence"]) == (30, expected.confidence)
        assert (row.model_version, row.model_id, row.scope, row.band) == ("online-1.30", None, "tenant", None)


def test_each_score_has_its_audit_row():
    told.tell(T, range(3))
    ask()
    score_new()
    with reading(T) as session:
        bodies = session.scalars(select(AuditEntry.body).where(AuditEntry.kind == "prediction"))
        scored = [json.loads(body) for body in bodies]
    assert [(body["of"], body["model"]) for body in scored] == [("online_reply", "online-1.3")] * 3


def test_what_came_is_learnt_before_anything_is_scored():
    told.tell(T, range(10))
    ask()
    told.tell(T, range(10, 20))
    assert score_new() == 20
    assert {row.model_version for row in rows()} == {"online-1.20"}


def test_a_learner_that_is_behind_scores_nothing(monkeypatch):
    told.tell(T, range(10))
    ask()
    told.tell(T, range(10, 20))
    monkeypatch.setattr(scoring.learning, "learn", lambda *_: None)  # another owner is learning them
    assert score_new() == 0


def test_the_weights_are_judged_by_what_was_served_and_both_scores_are_kept():
    told.tell(T, range(30))
    ask()
    lead_ids = told.make_leads(T, range(50, 54))
    taken = told.take_snapshots(T, lead_ids, range(50, 54))
    score_new()
    served = {row.snapshot_id: row for row in rows()}
    told.tell(T, range(30, 40))
    ask()
    drafts = [told.draft(*each) for each in zip(lead_ids, taken, range(50, 54), strict=True)]
    told.store(T, drafts)
    ask()
    model = model_of(range(40))
    expected = []
    for number, snapshot_id in zip(range(50, 54), taken, strict=True):
        experts = tuple(served[snapshot_id].detail["experts"][name] for name in EXPERTS)
        expected.append(model.learn(told.features(number), told.label(number), experts).probability)
    with reading(T) as session:
        kept = signal_scores.after(session, T, target="reply", seq=40, limit=10)
    assert [each.probability for each in kept] == expected
    assert [each.served_probability for each in kept] == [served[snapshot_id].probability for snapshot_id in taken]
    assert [each.served_probability != each.probability for each in kept] == [True] * 4
    learner = open_learners.bound().get(T, "reply")
    assert learner is not None
    assert learner.model.score(told.features(99)) == model.score(told.features(99))
    # … in a rebuild too, also where the served rows are gone by then
    assert learn(tenant_id=T, target="reply", rebuild=True)["data"]["generation"] == 2
    learner = open_learners.bound().get(T, "reply")
    assert learner is not None
    assert learner.model.score(told.features(99)) == model.score(told.features(99))


def test_a_score_that_came_after_the_outcome_was_not_served():
    lead_ids = told.make_leads(T, range(10))
    taken = told.take_snapshots(T, lead_ids, range(10))
    drafts = [told.draft(*each) for each in zip(lead_ids, taken, range(10), strict=True)]
    told.store(T, drafts[:5])
    ask()
    told.store(T, drafts[5:], now=datetime.now(UTC) - timedelta(hours=1))
    with reading(T) as session:
        head = heads.get(session, T, target="reply")
    assert head is not None
    learner = open_learners.bound().get(T, "reply")
    assert learner is not None
    learner.cursor = 10  # a learner that knew more than was written, so that it scores before it learns
    score_new()
    learner.cursor = 5
    ask()
    with reading(T) as session:
        kept = signal_scores.after(session, T, target="reply", seq=5, limit=10)
    assert [each.served for each in kept] == [None] * 5


def test_leads_of_whom_nothing_may_be_computed_get_none():
    told.tell(T, range(5))
    ask()
    lead_ids = told.make_leads(T, range(10, 13))
    with transaction(T) as session:
        restrictions.change(session, T, lead_id=lead_ids[1], restricted=True, now=datetime.now(UTC))
    told.take_snapshots(T, lead_ids, range(10, 13))
    score_new()
    assert {row.lead_id for row in rows()} & set(lead_ids) == {lead_ids[0], lead_ids[2]}


def test_scores_go_with_the_lead():
    lead_ids = told.tell(T, range(5))
    ask()
    score_new()
    with transaction(T) as session:
        subject = erasure.for_leads(session, T, lead_ids=[lead_ids[2]])
        erased = erasure.erase(session, T, subject=subject, now=datetime.now(UTC)).stores
    assert (erased["predictions"], erased["signal_scores"], erased["online_signals"]) == (1, 1, 1)
    assert len(rows()) == 4


def test_many_snapshots_are_scored_in_turns(monkeypatch):
    told.tell(T, range(3))
    ask()
    monkeypatch.setattr(scoring, "CHUNK", 4)
    told.take_snapshots(T, told.make_leads(T, range(20, 33)), range(20, 33))
    assert score_new() == 16
    with reading(EVERY_TENANT) as session:
        assert heads.with_new_snapshots(session) == []
    told.take_snapshots(T, told.make_leads(T, [60]), [60])
    with reading(EVERY_TENANT) as session:
        assert heads.with_new_snapshots(session) == [T]
