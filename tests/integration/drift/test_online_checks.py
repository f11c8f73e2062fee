"""Online learners are checked by the labels that they learnt; they learn by themselves, so nothing is trained again."""

from datetime import timedelta

import pytest
from sqlalchemy import case, select, update

from db.models import OnlineSignal, OutboxEntry, SignalScore
from db.session import reading, transaction
from tasks.contracts import answers
from tasks.drift import check
from tasks.online.learn import learn
from tasks.services.online import open_learners
from tests.support import signals as told

pytestmark = pytest.mark.usefixtures("database")
T = "online_drift"


def checked(**given):
    answer = check(tenant_id=T, kinds=["online_reply"], **given)
    assert not answers.faults("hearth.drift.check", answer["data"])
    return answer


@pytest.fixture
def learner(database):
    open_learners.bind(limit=4)  # what is in memory belongs to another database
    yield told.make_tenant(T)
    open_learners.bind(limit=4)


def test_before_anything_was_learnt_there_is_nothing_to_check(learner):
    assert checked()["status"] == "no_model"


def test_figures_are_those_of_scores_before_each_label_was_learnt(learner):
    told.tell(T, range(60))
    learn(tenant_id=T, target="reply")
    with reading(T) as session:
        newest = max(session.scalars(select(OnlineSignal.recorded_at)))
    [found] = checked(as_of=(newest + timedelta(minutes=1)).isoformat())["data"]["checks"]
    assert (found["kind"], found["version"], found["labels"]) == ("online_reply", "online-1.60", 60)
    assert found["performance"]["labels"] == 60
    assert found["label_delay"]["labels"] == 60
    assert found["training"] is None


def test_a_blend_whose_error_rises_warns_and_trains_nothing(learner):
    told.tell(T, range(240))
    learn(tenant_id=T, target="reply")
    with transaction(T) as session:
        # it became sure of what did not come
        wrong = case((SignalScore.label, 0.05), else_=0.95)
        session.execute(update(SignalScore).where(SignalScore.seq > 120).values(probability=wrong))
    with reading(T) as session:
        newest = max(session.scalars(select(OnlineSignal.recorded_at)))
    [found] = checked(as_of=(newest + timedelta(minutes=1)).isoformat())["data"]["checks"]
    assert (found["action"], found["direction"]) == ("warn", "worse")
    assert found["alerts"][0]["level"] == "retrain"
    with reading(T) as session:
        assert not list(session.scalars(select(OutboxEntry).where(OutboxEntry.task == "hearth.models.retrain")))
