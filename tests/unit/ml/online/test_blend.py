"""The blend over streams of what learners say: never far behind the best one, and ahead where the best one changes."""

import math

import numpy as np
import pytest

from domain.learners import LEARNERS
from ml.online.blend import BLENDED, EDGE, EXPERTS, Blend

ROWS = 3000


def run(said, labels, delay=0):
    """Return the mean log-loss of the blend and that of each learner; `said` is rows by learners, of the positive."""
    blend = Blend(np.array([0.5, 0.5]))
    served, waiting = [], []
    for row, label in enumerate(labels):
        experts = blend.experts(np.stack([1 - said[row], said[row]], axis=1))
        served.append(-math.log(experts[-1, label]))
        waiting.append((experts, label))
        if len(waiting) > delay:
            blend.learn(*waiting.pop(0))
    of_outcome = np.where(np.array(labels)[:, None] == 1, said, 1 - said)
    return float(np.mean(served)), -np.log(np.clip(of_outcome, EDGE, 1 - EDGE)).mean(axis=0), blend


@pytest.fixture(scope="module")
def truth():
    rng = np.random.default_rng(0)
    odds = rng.normal(0, 2, ROWS)
    return odds, (rng.random(ROWS) < 1 / (1 + np.exp(-odds))).astype(int).tolist(), rng


def probabilities(odds):
    return np.clip(1 / (1 + np.exp(-odds)), 0.01, 0.99)


def noisy(odds, rng, good):
    """Return what eight learners say: those of `good` know the odds, the others guess."""
    columns = [odds if place in good else rng.normal(0, 2, len(odds)) for place in range(len(LEARNERS))]
    return probabilities(np.stack(columns, axis=1))


@pytest.mark.parametrize("delay", [0, 150])
def test_where_one_learner_is_right_the_blend_is_as_good(truth, delay):
    odds, labels, rng = truth
    blended, alone, _ = run(noisy(odds, rng, {3}), labels, delay)
    assert blended <= alone.min() + 0.01 + delay * 0.25 / ROWS, "and until the first outcome nobody knows who is right"


def test_where_the_best_one_changes_the_blend_is_ahead(truth):
    odds, labels, rng = truth
    said = noisy(odds, rng, set())
    for begin in range(0, ROWS, 300):
        said[begin : begin + 300, (begin // 300) % 8] = probabilities(odds[begin : begin + 300])
    blended, alone, _ = run(said, labels)
    assert blended < alone.min() - 0.15


def test_where_all_are_too_sure_calibration_earns_its_weight(truth):
    odds, labels, _ = truth
    blended, alone, blend = run(probabilities(np.stack([4 * odds] * 8, axis=1)), labels)
    assert blended < alone.min() - 0.1
    copies = sum(weight for name, weight in blend.named_weights().items() if name.startswith("calibrated_"))
    assert copies + blend.calibrated() > 0.5


def test_where_nobody_knows_anything_it_is_as_good_as_the_base_rate():
    rng = np.random.default_rng(1)
    labels = (rng.random(ROWS) < 0.1).astype(int).tolist()
    blended, _, _ = run(rng.random((ROWS, 8)), labels)
    rate = np.mean(labels)
    assert blended < -(rate * math.log(rate) + (1 - rate) * math.log(1 - rate)) + 0.01


def test_where_outcomes_come_in_runs_the_last_one_is_heard():
    labels = [row // 40 % 2 for row in range(ROWS)]
    blended, _, blend = run(np.full((ROWS, 8), 0.5), labels)
    assert blended < 0.2
    assert next(iter(blend.named_weights())).endswith("as_last_time")


def test_all_that_is_said_is_a_probability_and_weights_add_up():
    blend = Blend(np.array([0.2, 0.3, 0.5]))
    rng = np.random.default_rng(2)
    for _ in range(300):
        said = rng.choice([0.0, 1.0], (8, 3))
        experts = blend.experts(np.where(said.sum(axis=1, keepdims=True) > 0, said, 1 / 3))
        assert experts.shape == (len(EXPERTS), 3)
        assert experts.sum(axis=1) == pytest.approx(1.0)
        assert (experts > 0).all()
        blend.learn(experts, int(rng.integers(3)))
    assert blend.weights().sum() == pytest.approx(1.0)
    assert len(blend.weights()) == len(BLENDED)
