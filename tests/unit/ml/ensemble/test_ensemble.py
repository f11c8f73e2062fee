"""The shared ensemble: trees as arrays, members joined, contributions that add up, artifacts that stay readable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from ml.artifacts import dump, load
from ml.ensemble import boosting, forest
from ml.ensemble.cross_validation import fit_ensemble, split
from ml.ensemble.ensemble import Ensemble, added
from ml.ensemble.intervals import cover, covered
from ml.ensemble.stacking import BOUND, GB, LR, RF, choose, fit
from ml.ensemble.trees import COMPILED_FROM, Trees
from ml.errors import LabelsError
from ml.leads import LeadScorer, train
from ml.profiles import FeatureMatrix
from tests.support.leads import closed

OLD = Path(__file__).parent / "line_only.json"


@pytest.fixture(scope="module")
def numbers() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(400, 4)).astype(np.float32)
    inputs[rng.random(inputs.shape) < 0.2] = np.nan
    inputs[:, 3] = np.where(rng.random(400) < 0.5, np.nan, 1.0)
    labels = (np.nan_to_num(inputs[:, 0]) + np.isnan(inputs[:, 1]) + rng.normal(size=400)) > 0.5
    return inputs, labels


@pytest.fixture(scope="module")
def trees(numbers: tuple[np.ndarray, np.ndarray]) -> Trees:
    return forest.fit(*numbers, seed=0)


def tricky(inputs: np.ndarray, trees: Trees) -> np.ndarray:
    """Rows that lie on the thresholds, beyond everything, or miss all."""
    on = np.clip(np.repeat(trees.threshold[:200, None], inputs.shape[1], axis=1), -1e30, 1e30)
    ends = np.array([[1e30] * 4, [-1e30] * 4, [np.nan] * 4, [0.0] * 4], dtype=np.float32)
    return np.vstack([inputs, on, ends, np.nextafter(on, np.float32(3e38))])


def test_boosted_trees_say_what_scikit_learn_says(numbers: tuple[np.ndarray, np.ndarray]) -> None:
    inputs, labels = numbers
    trees, start = boosting.fit(inputs, labels, boosting.Option(8, 25), rows=400, seed=0)
    theirs: Any = HistGradientBoostingClassifier(
        max_iter=25, learning_rate=0.08, max_leaf_nodes=8, max_depth=8, l2_regularization=1.0, max_features=0.5,
        early_stopping=False, random_state=0,
    ).fit(inputs, labels)  # fmt: skip
    rows = tricky(inputs, trees)
    assert start + trees.totals(trees.leaves(rows)) == pytest.approx(theirs.decision_function(rows), abs=1e-12)


def test_a_forest_says_what_scikit_learn_says(trees: Trees, numbers: tuple[np.ndarray, np.ndarray]) -> None:
    inputs, labels = numbers
    theirs: Any = RandomForestClassifier(
        forest.TREES, max_samples=400, min_samples_leaf=5, max_depth=10, max_features=0.4, random_state=0
    ).fit(inputs, labels)
    rows = tricky(inputs, trees)
    assert trees.totals(trees.leaves(rows)) == pytest.approx(theirs.predict_proba(rows)[:, 1], abs=1e-12)


def test_both_walks_end_in_the_same_leaves(trees: Trees, numbers: tuple[np.ndarray, np.ndarray]) -> None:
    rows = tricky(numbers[0], trees)
    assert len(rows) > COMPILED_FROM
    together = trees.leaves(rows)
    alone = np.vstack([trees.leaves(rows[row : row + 1]) for row in range(len(rows))])
    assert (together == alone).all()
    assert (trees.contributions(together) == np.vstack([trees.contributions(one[None]) for one in alone])).all()


def test_contributions_of_trees_add_up_to_what_the_leaves_are_worth(
    trees: Trees, numbers: tuple[np.ndarray, np.ndarray]
) -> None:
    inputs, _ = numbers
    leaves = trees.leaves(inputs)
    assert trees.base + trees.contributions(leaves).sum(axis=1) == pytest.approx(trees.totals(leaves), abs=1e-12)


@pytest.mark.parametrize("broken", ["loop", "beyond", "feature", "value", "roots", "short"])
def test_arrays_that_are_no_trees_are_refused(trees: Trees, broken: str) -> None:
    state = {name: np.copy(value) for name, value in trees.state().items()} | {"width": trees.width}
    inner = int(np.flatnonzero(trees.child[:, 0] != np.arange(len(trees.child)))[1])
    if broken == "loop":
        state["child"][inner, 0] = 0
    elif broken == "beyond":
        state["child"][inner, 1] = len(trees.child) + 7
    elif broken == "feature":
        state["feature"][inner] = 4
    elif broken == "value":
        state["value"][inner] = np.nan
    elif broken == "roots":
        state["roots"][1] = 0
    else:
        state["threshold"] = state["threshold"][:-1]
    with pytest.raises(ValueError, match="no trees"):
        Trees.restore(state)
    assert len(Trees.restore(trees.state())) == len(trees)


def crossed(rows: int, seed: int = 0) -> tuple[FeatureMatrix, list[bool]]:
    """Leads whose outcome no line can tell: it takes two columns at once."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, rows))
    labels = rng.random(rows) < np.where((a > 0) == (b > 0), 0.85, 0.1)
    made = [{"custom:a": float(x), "custom:b": float(y), "source": "portal"} for x, y in zip(a, b, strict=True)]
    made[0]["source"] = "referral"
    return FeatureMatrix.from_rows(made), labels.tolist()


def test_trees_earn_their_place_where_a_line_cannot_follow() -> None:
    found = train(*crossed(1000), seed=0, folds=3)
    assert found.members[LR].auc < 0.6
    assert found.metrics.auc > 0.85
    assert found.weights[LR] == 0
    assert found.metrics.brier <= min(member.brier for member in found.members.values()) + 0.002
    assert set(list(found.top)[:2]) == {"custom:a", "custom:b"}


def test_few_rows_get_a_line_alone(brokerage: tuple[FeatureMatrix, list[bool]]) -> None:
    found = fit_ensemble(brokerage[0], np.array(brokerage[1]), seed=0)
    assert list(found.members) == [LR]
    assert found.ensemble.boosting is None
    assert "too few rows" in found.reason


def test_the_simpler_member_wins_a_tie_and_a_useless_one_gets_nothing() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=2000)
    labels = rng.random(2000) < expit(truth)
    folds = split(labels, seed=0)
    same = {LR: truth, GB: truth + rng.normal(0, 1e-3, 2000), RF: rng.normal(size=2000)}
    assert list(choose(same, labels, folds).blend.weights) == [LR]
    better = {LR: rng.normal(size=2000), GB: truth}
    assert list(choose(better, labels, folds).blend.weights) == [GB]
    assert fit({LR: -truth}, labels).weights == {}


def test_two_members_that_know_different_things_are_blended() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 3000))
    labels = rng.random(3000) < expit(1.5 * one + other)
    found = choose({LR: one, GB: other}, labels, split(labels, seed=0))
    assert found.blend.weights[LR] == pytest.approx(1.5, abs=0.2)
    assert found.blend.weights[GB] == pytest.approx(1.0, abs=0.2)
    assert "lr+gb won" in found.reason


def test_members_are_drawn_in_so_that_none_is_sure() -> None:
    labels = np.array([False, True] * 50)
    blend = fit({LR: np.where(labels, 1e9, -1e9)}, labels)
    sure, surer = blend({LR: np.array([1e9, 1e12])})
    assert 0 < surer - sure <= blend.weights[LR] * np.log(1000) + 1e-9


def test_a_score_alone_in_a_batch_and_after_storing_is_the_same_to_the_bit(blended: LeadScorer) -> None:
    fresh = closed(60, seed=7)[0]
    together = blended.log_odds(fresh)
    assert [blended.log_odds(fresh.take([row]))[0] for row in range(60)] == together.tolist()
    again = load(dump(blended))
    assert isinstance(again, LeadScorer)
    assert again.log_odds(fresh).tolist() == together.tolist()
    stored = [FeatureMatrix.from_rows([row]) for row in fresh.to_rows()]
    assert [again.score(one)[0].log_odds for one in stored] == together.tolist()


def test_the_quick_way_agrees_with_the_sum_of_contributions(blended: LeadScorer) -> None:
    fresh = closed(200, seed=8)[0]
    assert logit(blended.quick(fresh)) == pytest.approx(logit(blended.probabilities(fresh)), abs=1e-9)


def test_contributions_add_up_member_by_member(blended: LeadScorer) -> None:
    fresh = closed(50, seed=9)[0]
    cells = blended.ensemble_.plan.transform(fresh)
    whole = blended.ensemble_
    for name in (LR, GB, RF):
        alone = Ensemble(
            plan=whole.plan, linear=whole.linear, boosting=whole.boosting, start=whole.start, forest=whole.forest,
            blend=type(whole.blend)(constant=0.0, weights={name: 1.0}),
        )  # fmt: skip
        odds = alone.base + added(alone.contributions(cells))
        assert odds == pytest.approx(alone.quick(cells), abs=1e-9)
        assert np.abs(odds).max() <= 2 * BOUND


def test_a_member_that_is_missing_is_refused(blended: LeadScorer) -> None:
    with pytest.raises(ValueError, match="missing"):
        Ensemble.restore(blended.ensemble_.state() | {"forest": None})


def test_an_artifact_from_before_there_were_ensembles_answers_as_it_did() -> None:
    kept = json.loads(OLD.read_text(encoding="utf-8"))
    scorer = load(kept["artifact"].encode())
    rows = FeatureMatrix.from_rows(kept["rows"])
    assert scorer.log_odds(rows) == pytest.approx(kept["log_odds"], abs=1e-12)
    assert scorer.score(rows)[0].interval is None
    assert load(dump(scorer)).log_odds(rows).tolist() == scorer.log_odds(rows).tolist()


def test_the_order_of_columns_moves_nothing() -> None:
    matrix, labels = crossed(300)
    turned = matrix.select(matrix.columns[::-1])
    assert dump(LeadScorer().fit(turned, labels, seed=0)) == dump(LeadScorer().fit(matrix, labels, seed=0))


def told(rows: int, seed: int, slope: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    odds = rng.normal(-0.5, 1.2, size=rows)
    return slope * odds, rng.random(rows) < expit(odds), np.arange(rows) % 5


def test_intervals_hold_as_often_as_they_promise() -> None:
    found = cover(*told(4000, 0))
    assert 0.8 <= found.coverage <= 1.0
    odds, labels, _ = told(4000, 1)
    assert covered(expit(odds), labels, found) >= 0.8


def test_intervals_hold_the_probability_and_narrow_with_more_rows() -> None:
    few, many = cover(*told(600, 0)), cover(*told(20_000, 0))
    said = np.linspace(0.01, 0.99, 50)
    low, high = few.bounds(said)
    assert ((low >= 0) & (low <= said) & (said <= high) & (high <= 1)).all()
    assert many.width < few.width


def test_intervals_widen_when_scores_are_wrong() -> None:
    assert cover(*told(4000, 0, slope=3.0)).errors > cover(*told(4000, 0)).errors
    odds, labels, _ = told(4000, 2, slope=3.0)
    assert covered(expit(odds), labels, cover(*told(4000, 0))) < 0.6


def test_one_outcome_cannot_be_split() -> None:
    with pytest.raises(LabelsError, match="fewer than 2"):
        split(np.array([True] * 9 + [False]), seed=0)
