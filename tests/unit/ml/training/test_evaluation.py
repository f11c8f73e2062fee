from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as theirs

from ml.errors import LabelsError
from ml.training.calibration import bins, expected_error, sigmoid_fit, slope_of
from ml.training.evaluation import evaluate


def sample(rows: int = 800, *, noise: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    odds = rng.normal(-1, 1.5, rows)
    labels = rng.random(rows) < 1 / (1 + np.exp(-odds))
    return labels, 1 / (1 + np.exp(-(odds + rng.normal(0, noise, rows))))


def test_figures_are_those_of_scikit_learn_also_with_ties() -> None:
    labels, said = sample()
    said = np.round(said, 1)
    found = evaluate(labels, said, seed=0)
    assert found.auc == pytest.approx(theirs.roc_auc_score(labels, said))
    assert found.pr_auc == pytest.approx(theirs.average_precision_score(labels, said))
    assert found.brier == pytest.approx(theirs.brier_score_loss(labels, said))
    assert found.accuracy == pytest.approx(theirs.accuracy_score(labels, said >= 0.5))


def test_log_loss_is_that_of_scikit_learn() -> None:
    labels, said = sample()
    assert evaluate(labels, said, seed=0).log_loss == pytest.approx(theirs.log_loss(labels, said))


def test_intervals_hold_the_figure_and_depend_on_the_seed_only() -> None:
    labels, said = sample()
    found = evaluate(labels, said, seed=1)
    for name, (low, high) in found.intervals.items():
        assert low < getattr(found, name) < high
    assert evaluate(labels, said, seed=1) == found
    assert evaluate(labels, said, seed=2).intervals != found.intervals


def test_calibration_error_of_a_constant_and_of_a_wrong_constant() -> None:
    labels = np.array([True, False] * 50)
    assert expected_error(labels, np.full(100, 0.5)) == pytest.approx(0, abs=1e-12)
    assert expected_error(labels, np.full(100, 0.9), count=1) == pytest.approx(0.4)
    assert [part.rows for part in bins(labels, np.linspace(0, 1, 100))] == [10] * 10


def test_sigmoid_calibration_repairs_overconfidence() -> None:
    labels, said = sample(4000, noise=0.0)
    odds = np.log(said / (1 - said))
    slope, intercept = sigmoid_fit(3 * odds + 2, labels)
    assert slope == pytest.approx(1 / 3, rel=0.15)
    assert intercept == pytest.approx(-2 / 3, abs=0.2)
    assert slope_of(labels, said) == pytest.approx(1, abs=0.15)


def test_a_score_that_ranks_the_wrong_way_round_becomes_the_base_rate() -> None:
    labels = np.array([True] * 30 + [False] * 70)
    slope, intercept = sigmoid_fit(np.where(labels, -1.0, 1.0), labels)
    assert (slope, 1 / (1 + np.exp(-intercept))) == (0, pytest.approx(0.3, abs=0.01))


@pytest.mark.parametrize(
    "labels, said",
    [
        ([True, False], [0.5]),
        ([True, True], [0.5, 0.5]),
        ([True, False], [0.5, float("nan")]),
        ([True, False], [0.5, 2]),
    ],
)
def test_what_cannot_be_judged_is_refused(labels: list[bool], said: list[float]) -> None:
    with pytest.raises(LabelsError):
        evaluate(labels, said, seed=0)
