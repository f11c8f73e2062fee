"""One online model: what it says before and after outcomes, and that its state is the same however it came about."""

import dataclasses
import json
import math
import os
import subprocess
import sys

import pytest

from ml.errors import FeatureError
from ml.online import EXPERTS, OnlineModel, checkpoint
from ml.online.fingerprint import fingerprint
from tests.support.streams import leads

FEATURES, LABELS = leads(400)


@pytest.fixture(scope="module")
def learnt():
    model = OnlineModel(seed=3)
    scores = [model.learn(features, label) for features, label in zip(FEATURES, LABELS, strict=True)]
    return model, scores


def test_before_the_first_outcome_the_prior_is_said_without_confidence():
    score = OnlineModel(seed=0, prior=0.07).score({"views": 3, "source": "web"})
    assert score.probability == pytest.approx(0.07)
    assert (score.confidence, score.signals) == (0.0, 0)
    assert len(score.experts) == len(EXPERTS)


@pytest.mark.parametrize("prior", [0.0, 1.0])
def test_a_prior_that_is_sure_is_taken_for_nearly_so(prior):
    model = OnlineModel(seed=0, prior=prior)
    for features in FEATURES[:5]:
        score = model.learn(features, prior == 0.0)
        assert 0 < score.probability < 1
        assert all(0 < said < 1 for said in score.experts)


def test_while_only_one_outcome_was_seen_there_is_no_confidence():
    model = OnlineModel(seed=0)
    for features in FEATURES[:30]:
        score = model.learn(features, True)
    assert model.score(FEATURES[0]).confidence == score.confidence == 0.0
    assert 0 < model.score(FEATURES[0]).probability < 1


def test_confidence_grows_with_what_was_learnt(learnt):
    _, scores = learnt
    assert scores[350].confidence > scores[60].confidence > scores[10].confidence


def test_scoring_learns_nothing(learnt):
    model, _ = learnt
    before = fingerprint(model)
    assert model.score(FEATURES[7]) == model.score(dict(reversed(FEATURES[7].items())))
    assert fingerprint(model) == before


def test_learning_returns_the_score_of_before():
    model = OnlineModel(seed=3)
    for features, label in zip(FEATURES[:120], LABELS, strict=False):
        before = model.score(features)
        assert model.learn(features, label) == before
    assert model.signals == 120


def test_the_same_outcomes_give_the_same_state_also_over_checkpoints(learnt):
    model, scores = learnt
    again = OnlineModel(seed=3)
    for row, (features, label) in enumerate(zip(FEATURES, LABELS, strict=True)):
        assert again.learn(features, label) == scores[row]
        if row in (0, 1, 57, 230):
            again = checkpoint.load(checkpoint.dump(again))
    assert fingerprint(again) == fingerprint(model)


def test_another_seed_and_another_order_give_another_state(learnt):
    model, _ = learnt
    for seed, order in ((4, 1), (3, -1)):
        other = OnlineModel(seed=seed)
        for features, label in list(zip(FEATURES, LABELS, strict=True))[::order]:
            other.learn(features, label)
        assert fingerprint(other) != fingerprint(model)


PROGRAM = """
from ml.online import OnlineModel
from ml.online.fingerprint import fingerprint
from tests.support.streams import leads
model = OnlineModel(seed=3)
for features, label in zip(*leads(400)):
    model.learn(features, label)
print(fingerprint(model))
"""


def test_another_process_that_hashes_otherwise_comes_to_the_same_state(learnt):
    model, _ = learnt
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == fingerprint(model)


def test_experts_are_judged_by_what_they_said_when_it_was_served():
    honest, late = OnlineModel(seed=0), OnlineModel(seed=0)
    for features, label in zip(FEATURES[:60], LABELS, strict=False):
        # served long ago, when the first learner was wrong and the second one right, whatever they would say now
        served = [0.5] * len(EXPERTS)
        served[0], served[1] = (0.1, 0.9) if label else (0.9, 0.1)
        late.learn(features, label, served=served)
        honest.learn(features, label)
    wrong, right = "logistic_regression", "passive_aggressive"
    assert late.report().weights[right] > 50 * late.report().weights[wrong]
    assert honest.report().weights[right] < 50 * honest.report().weights[wrong]
    assert late.report().log_loss == pytest.approx(math.log(2)), "what was served is what is judged"


@pytest.mark.parametrize("served", [[0.5], [0.0] * len(EXPERTS), [math.nan] * len(EXPERTS), [1.5] * len(EXPERTS)])
def test_what_cannot_have_been_served_is_refused_and_nothing_is_learnt(served):
    model = OnlineModel(seed=0)
    model.learn(FEATURES[0], LABELS[0])
    before = fingerprint(model)
    with pytest.raises(FeatureError, match="in the order of EXPERTS"):
        model.learn(FEATURES[1], LABELS[1], served=served)
    assert fingerprint(model) == before


def test_the_report_is_json_and_its_weights_add_up(learnt):
    model, scores = learnt
    report = model.report()
    json.dumps(dataclasses.asdict(report), allow_nan=False)
    assert sum(report.weights.values()) == pytest.approx(1.0)
    right = sum((score.probability >= 0.5) == label for score, label in zip(scores, LABELS, strict=True))
    assert report.accuracy == pytest.approx(right / len(LABELS))
    loss = -sum(
        math.log(score.probability if label else 1 - score.probability)
        for score, label in zip(scores, LABELS, strict=True)
    )
    assert report.log_loss == pytest.approx(loss / len(LABELS))
    assert (report.signals, report.positives) == (400, sum(LABELS))


def test_a_report_of_nothing_has_no_figures():
    report = OnlineModel(seed=0).report()
    assert (report.signals, report.accuracy, report.race.log_loss) == (0, None, None)
    json.dumps(dataclasses.asdict(report), allow_nan=False)


def test_odd_features_do_no_harm():
    model = OnlineModel(seed=0)
    odd = [{}, {"a": None}, {"a": math.inf, "b": "x=y"}, {"a": -1e300, "b": ""}, {"c": True, "a": 10**40}, {"b": "x=y"}]
    for row in range(60):
        score = model.learn(odd[row % len(odd)], row % 4 == 0)
        assert 0 < score.probability < 1
        assert all(0 < said < 1 for said in score.experts)


def test_after_a_turn_the_blend_follows():
    features, labels = leads(1600, seed=5, turn=800)
    model = OnlineModel(seed=0)
    right = [(model.learn(*row).probability >= 0.5) == row[1] for row in zip(features, labels, strict=True)]
    settled, shocked, recovered = (sum(right[at : at + 200]) / 200 for at in (600, 800, 1400))
    assert settled > 0.72
    assert shocked < settled
    assert recovered > settled - 0.08
