from __future__ import annotations

import numpy as np
import pytest

from ml.ensemble.preprocessing import fit_preprocessing
from ml.errors import LabelsError, NotFittedError
from ml.leads import LeadScorer, Training, gate, probe, train
from ml.profiles import FeatureMatrix
from tests.support.leads import closed

Brokerage = tuple[FeatureMatrix, list[bool]]


def with_column(matrix: FeatureMatrix, name: str, cells: list[float | str | None]) -> FeatureMatrix:
    return FeatureMatrix.from_rows([row | {name: cell} for row, cell in zip(matrix.to_rows(), cells, strict=True)])


def test_it_learns_what_the_simulation_hides(training: Training) -> None:
    assert training.metrics.auc > 0.72
    assert training.metrics.brier < training.baselines["base_rate"].brier
    assert training.metrics.auc > training.baselines["silence_days"].auc
    assert 0.7 < training.metrics.slope < 1.4
    assert training.rows == len(training.out_of_fold) == 600
    assert sum(part.rows for part in training.bands) == 600


def test_same_seed_same_model(brokerage: Brokerage, training: Training) -> None:
    again = train(*brokerage, seed=0)
    assert again.out_of_fold == training.out_of_fold
    assert again.metrics == training.metrics


def test_base_is_the_average_lead(brokerage: Brokerage, training: Training) -> None:
    assert training.scorer.log_odds(brokerage[0]).mean() == pytest.approx(training.scorer.base_)


def test_forbidden_identifying_and_constant_columns_are_named_with_the_reason(training: Training) -> None:
    assert training.dropped["Age"] == "age"
    assert training.dropped["custom:Ref"].startswith("an identifier")
    assert training.dropped["offers" if "offers" in training.dropped else "beds_min"]
    assert not {"custom:Ref", "custom:Age"} & set(training.features)


def test_a_forbidden_column_in_stored_rows_is_refused_at_the_latest_when_learning(brokerage: Brokerage) -> None:
    matrix, labels = brokerage
    aged = with_column(matrix, "custom:Age", [float(label) for label in labels])
    scorer = LeadScorer().fit(aged, labels, seed=0)
    assert scorer.dropped_["custom:Age"] == "may not be a feature: age"


def test_running_numbers_are_identifiers(brokerage: Brokerage) -> None:
    matrix, labels = brokerage
    numbered = with_column(matrix, "custom:Running No", [1000.0 + 7 * row for row in range(len(labels))])
    assert "custom:Running No" in LeadScorer().fit(numbered, labels, seed=0).dropped_


def test_a_leak_is_named_and_dropped_unless_allowed(brokerage: Brokerage) -> None:
    matrix, labels = brokerage
    rng = np.random.default_rng(0)
    knows: list[float | str | None] = [float(label) + float(rng.normal(0, 0.2)) for label in labels]
    leaky = with_column(matrix, "custom:Result", knows)
    found = train(leaky, labels, seed=0, folds=3)
    assert list(found.leaks) == ["custom:Result"]
    assert "leaks the outcome" in found.dropped["custom:Result"]
    assert "custom:Result" not in found.features
    allowed = train(leaky, labels, seed=0, folds=3, allow_leaks=["custom:Result"])
    assert allowed.metrics.auc > 0.95
    assert list(allowed.leaks) == ["custom:Result"]


def test_a_column_that_is_only_there_when_won_leaks(brokerage: Brokerage) -> None:
    matrix, labels = brokerage
    absent: list[float | str | None] = [5.0 if label else None for label in labels]
    assert "custom:Paid" in probe(with_column(matrix, "custom:Paid", absent), np.array(labels), seed=0)


def test_an_identifier_is_no_leak(brokerage: Brokerage) -> None:
    matrix, labels = brokerage
    assert probe(matrix, np.array(labels), seed=0) == {}


def test_a_stage_that_closed_leads_lack_is_not_learnt_from(brokerage: Brokerage) -> None:
    matrix, labels = brokerage
    staged = with_column(matrix, "stage", [None if label else "engaged" for label in labels])
    staged = staged.take(np.r_[0:600])
    assert "absence" in LeadScorer().fit(staged, labels, seed=0).dropped_["stage"]


def test_a_mixed_column_is_read_the_same_way_alone() -> None:
    rng = np.random.default_rng(0)
    rows: list[dict[str, float | str | None]] = [
        {"custom:mostly": float(n) if n % 50 else "lots", "custom:hardly": "a" if n % 3 else 7.0}
        for n in rng.integers(0, 1000, 400)
    ]
    labels = [bool(v) for v in rng.random(400) < 0.4]
    scorer = LeadScorer().fit(FeatureMatrix.from_rows(rows), labels, seed=0)
    assert scorer.ensemble_.plan.numbers.names == ("custom:mostly",)
    assert scorer.ensemble_.plan.categories[0].levels == ("a", "7")
    together = scorer.score(FeatureMatrix.from_rows(rows))
    assert [scorer.score(FeatureMatrix.from_rows([row]))[0] for row in rows] == together


def test_many_levels_fold_into_thirty_and_other() -> None:
    rng = np.random.default_rng(0)
    levels = [f"level {n}" for n in (1000 * rng.power(0.4, 3000)).astype(int) // 10]
    matrix = FeatureMatrix.from_rows([{"custom:Where": level} for level in levels])
    plan = fit_preprocessing(matrix)
    assert len(plan.categories[0].levels) == 30
    assert min(levels.count(level) for level in plan.categories[0].levels) >= 10


def test_noise_teaches_nothing() -> None:
    rng = np.random.default_rng(0)
    rows: list[dict[str, float | str | None]] = [
        {f"custom:{c}": float(rng.normal()) for c in "xyz"} for _ in range(300)
    ]
    labels = [bool(v) for v in rng.random(300) < 0.3]
    scorer = LeadScorer().fit(FeatureMatrix.from_rows(rows), labels, seed=0)
    probabilities = scorer.probabilities(FeatureMatrix.from_rows(rows))
    assert np.ptp(probabilities) < 0.25
    assert probabilities.mean() == pytest.approx(np.mean(labels), abs=0.05)


def test_noise_with_many_levels_looks_no_better_than_chance_out_of_fold() -> None:
    rng = np.random.default_rng(1)
    rows: list[dict[str, float | str | None]] = [{"custom:a": f"l{rng.integers(25)}"} for _ in range(600)]
    found = train(FeatureMatrix.from_rows(rows), [bool(v) for v in rng.random(600) < 0.3], seed=0)
    assert 0.4 < found.metrics.auc < 0.6


def test_without_any_usable_column_the_base_rate_answers() -> None:
    labels = [n % 4 == 0 for n in range(80)]
    matrix = FeatureMatrix.from_rows([{"showings": None}] * 80)
    scorer = LeadScorer().fit(matrix, labels, seed=0)
    assert scorer.score(matrix)[0].probability == pytest.approx(0.25, abs=0.02)
    assert train(matrix, labels, seed=0).features == ()


@pytest.mark.parametrize(
    "labels, said",
    [
        ([True] * 600, "fewer than"),
        ([True] * 596 + [False] * 4, "fewer than"),
        ([True, False], "differ in number"),
    ],
)
def test_labels_that_cannot_train_are_refused(brokerage: Brokerage, labels: list[bool], said: str) -> None:
    with pytest.raises(LabelsError, match=said):
        train(brokerage[0], labels, seed=0)


def test_a_scorer_not_fitted_says_so() -> None:
    with pytest.raises(NotFittedError):
        LeadScorer().score(closed(3)[0])


def test_gate() -> None:
    assert gate([True] * 40 + [False] * 160).ok
    assert gate([True] * 39 + [False] * 161 + [None] * 100).missing == {"won": 1}
    assert gate([]).missing == {"labelled": 200, "won": 40, "lost": 40}
