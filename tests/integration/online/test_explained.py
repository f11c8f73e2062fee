"""An online score is computed again from a checkpoint and the signals since, or it is said why not."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, update

from db.models import OnlineCheckpoint, Prediction
from db.repositories.predictions import predictions
from db.repositories.privacy import erasure
from db.session import reading, transaction
from ml.online import OnlineModel, checkpoint
from tasks.online.learn import learn, score
from tasks.services.explanations import online
from tasks.services.leads.explanation import explain_prediction
from tasks.services.online import open_learners, saving
from tasks.services.online.open_learners import OpenLearner
from tests.support import signals as told

pytestmark = pytest.mark.usefixtures("database")

T = "online"


@pytest.fixture(autouse=True)
def tenant(database: str, monkeypatch) -> Iterator[str]:
    monkeypatch.setattr(saving, "SIGNALS", 10)
    open_learners.bind(limit=4)
    yield told.make_tenant(T)
    open_learners.bind(limit=4)


@pytest.fixture
def scored() -> str:
    """A prediction that a learner of 30 signals gave; it has learnt 20 more since."""
    told.tell(T, range(30))
    learn(tenant_id=T, target="reply")
    lead_id = told.make_leads(T, [70])[0]
    told.take_snapshots(T, [lead_id], [70])
    score(tenant_id=T)
    told.tell(T, range(30, 35))
    learn(tenant_id=T, target="reply")
    told.tell(T, range(35, 50))
    learn(tenant_id=T, target="reply")
    with reading(T) as session:
        (row,) = predictions.latest(session, T, kind="online_reply", lead_ids=[lead_id])
    return row.prediction_id


def explained(prediction_id: str):
    with reading(T) as session:
        found = explain_prediction(session, T, prediction_id)
    assert found is not None
    return found.evidence["replay"], found.reproduced


def test_a_score_is_computed_again_bit_for_bit(scored):
    replay, reproduced = explained(scored)
    assert (replay["same"], reproduced) == (True, True)
    assert replay["computed"] == replay["stored"]


def test_without_a_checkpoint_all_signals_are_learnt_again(scored, monkeypatch):
    with transaction(T) as session:
        session.execute(delete(OnlineCheckpoint))
    assert explained(scored)[0]["same"] is True
    monkeypatch.setattr(online, "MOST", 20)
    replay, reproduced = explained(scored)
    assert (replay["same"], reproduced) == (None, True)
    assert "too many" in replay["why"]


def test_a_changed_score_is_found_out(scored):
    with transaction(T) as session:
        session.execute(update(Prediction).where(Prediction.kind == "online_reply").values(probability=0.123))
    replay, _ = explained(scored)
    assert replay["same"] is None, "learnt from the first signal on, it may be another version's"
    assert replay["stored"]["probability"] == 0.123


def test_a_score_that_its_own_checkpoint_contradicts_is_no_score_of_it(scored, monkeypatch):
    with transaction(T) as session:
        session.execute(update(Prediction).where(Prediction.kind == "online_reply").values(probability=0.123))
    found = OpenLearner(tenant_id=T, target="reply", generation=1, cursor=30, model=model_of(range(30)))
    found.mark_saved()
    monkeypatch.setattr(online, "_checkpoint", lambda *_: found)
    replay, reproduced = explained(scored)
    assert (replay["same"], reproduced, replay["why"]) == (False, False, "another value of probability")


def model_of(numbers) -> OnlineModel:
    model = OnlineModel(seed=0)
    for number in numbers:
        model.learn(told.features(number), told.label(number))
    return model


def test_after_a_rebuild_it_is_said_that_the_state_is_gone(scored):
    learn(tenant_id=T, target="reply", rebuild=True)
    replay, reproduced = explained(scored)
    assert (replay["same"], reproduced) == (None, True)
    assert "built anew" in replay["why"]


def test_after_an_erasure_too(scored):
    with transaction(T) as session:
        lead_id = session.query(Prediction.lead_id).filter_by(kind="online_reply").first()[0]
        subject = erasure.for_leads(session, T, lead_ids=[lead_id])
        erasure.erase(session, T, subject=subject, now=datetime.now(UTC))
    with reading(T) as session:
        left = predictions.latest(session, T, kind="online_reply")
    assert "built anew" in explained(left[0].prediction_id)[0]["why"]


def test_a_foreign_checkpoint_is_no_obstacle(scored, monkeypatch):
    def refuse(_):
        raise checkpoint.ForeignCheckpoint("of another version")

    monkeypatch.setattr(checkpoint, "load", refuse)
    assert explained(scored)[0]["same"] is True
