"""The ensemble keeps the order that its members see: nothing is clipped to a tie, and grids grow where they end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from ml.artifacts import dump, load
from ml.ensemble import boosting, trials
from ml.ensemble.baseline import plain_boosting
from ml.ensemble.boosting import LARGER_TREES, MORE_ROUNDS, Option, beyond
from ml.ensemble.cross_validation import fit_ensemble, split
from ml.ensemble.ensemble import Ensemble
from ml.ensemble.options import LIMITS, EnsembleOptions
from ml.ensemble.preprocessing import fit_preprocessing
from ml.ensemble.squash import BOUND, squashed
from ml.ensemble.stacking import GB, LR, RF, choose
from ml.errors import ArtifactCorruptedError, OptionsError
from ml.leads import LeadScorer, train
from ml.profiles import FeatureMatrix
from ml.training.evaluation import auc, evaluate

CLIPPED = Path(__file__).parent / "clipped.json"


def separable(rows: int, seed: int = 0) -> tuple[FeatureMatrix, np.ndarray]:
    """Leads of whom most are all but certain, and are still to be ranked."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(0, 12, size=rows)
    matrix = FeatureMatrix(columns=("column:a",), values=odds[:, None].astype(np.float32), levels={})
    return matrix, rng.random(rows) < expit(odds)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_a_squash_keeps_the_order_and_leaves_what_lies_within_the_bound(odds: list[float]) -> None:
    ordered = np.sort(np.array(odds))
    drawn = squashed(ordered)
    apart = np.diff(ordered) > 1e-6 * np.abs(ordered[1:]) + 1e-9
    assert (np.diff(drawn)[apart] > 0).all()
    assert (np.diff(drawn) >= 0).all()
    within = np.abs(ordered) <= BOUND
    assert (drawn[within] == ordered[within]).all()


def test_rows_beyond_the_bound_are_ranked_by_the_blend() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 12, size=4000)
    labels = rng.random(4000) < expit(truth)
    found = choose({LR: truth}, labels, split(labels, seed=0)).oof_log_odds
    assert auc(labels, found) == pytest.approx(auc(labels, truth), abs=5e-4)
    assert len(np.unique(found)) > 3900


def test_auc_is_that_of_the_log_odds_not_of_what_is_shown() -> None:
    matrix, labels = separable(900)
    fitted = fit_ensemble(matrix, labels, seed=0, folds=3)
    found = train(matrix, labels, seed=0, folds=3, allow_leaks=matrix.columns)
    assert found.metrics.auc == auc(labels, fitted.oof_log_odds)
    assert len(np.unique(found.out_of_fold)) < 600
    assert (min(found.out_of_fold), max(found.out_of_fold)) == (0.01, 0.99)
    assert found.metrics.brier == evaluate(labels, found.out_of_fold, seed=0).brier
    assert found.scorer.quick(matrix).max() == 0.99
    assert len(np.unique(found.scorer.quick_log_odds(matrix))) > 890


def test_rows_that_are_shown_alike_are_ranked_by_their_scores() -> None:
    labels = np.array([False, True, False, True])
    shown, scores = np.array([0.01, 0.01, 0.99, 0.99]), np.array([-9.0, -6.0, 6.0, 9.0])
    assert evaluate(labels, shown, seed=0).auc == 0.5
    assert evaluate(labels, shown, seed=0, scores=scores).auc == 0.75


def test_a_model_that_clipped_its_members_answers_to_the_bit_as_it_did() -> None:
    kept = json.loads(CLIPPED.read_text(encoding="utf-8"))
    scorer = load(kept["artifact"].encode())
    assert isinstance(scorer, LeadScorer)
    assert scorer.ensemble_.blend.squash == "clip"
    rows = FeatureMatrix.from_rows(kept["rows"])
    margins = scorer.ensemble_.margins(scorer.ensemble_.plan.transform(rows), (LR, GB, RF))
    assert all((np.abs(margin) > BOUND).any() for margin in margins.values())
    for again in (scorer, load(dump(scorer))):
        assert isinstance(again, LeadScorer)
        assert again.log_odds(rows).tolist() == kept["log_odds"]
        assert again.quick(rows).tolist() == kept["quick"]
        assert again.explained(rows).contributions.tolist() == kept["contributions"]


def test_a_way_of_joining_that_is_not_known_is_refused(blended: LeadScorer) -> None:
    state = blended.ensemble_.state()
    with pytest.raises(ValueError, match="does not know"):
        Ensemble.restore({**state, "blend": {**state["blend"], "squash": "cube"}})
    text = json.loads(dump(blended))
    assert text["format"] == 2
    assert text["state"]["blend"]["squash"] == "log"
    with pytest.raises(ArtifactCorruptedError):
        load(json.dumps(text).encode())


def test_contributions_add_up_beyond_the_bound_too() -> None:
    matrix, labels = separable(300)
    scorer = LeadScorer().fit(matrix, labels, seed=0)
    cells = scorer.ensemble_.plan.transform(matrix)
    assert (np.abs(scorer.ensemble_.margins(cells, [LR])[LR]) > BOUND).any()
    assert scorer.log_odds(matrix) == pytest.approx(scorer.quick_log_odds(matrix), abs=1e-9)


def test_edges_move_up_to_an_end() -> None:
    tried: tuple[Option, ...] = boosting.options(10_000)
    seen: list[int] = []
    while more := beyond(tried, max(tried), 10_000):
        seen.append(len(more))
        tried += more
    assert len(seen) == 2
    assert max(option.leaves for option in tried) == LARGER_TREES[-1]
    assert max(option.rounds for option in tried) == MORE_ROUNDS
    assert len(set(tried)) == len(tried)
    assert beyond(tried, Option(16, 200), 10_000) == ()


def test_an_edge_stays_where_options_are_fixed() -> None:
    fixed = EnsembleOptions(leaves=16, rounds=300)
    tried = boosting.options(10_000, fixed)
    assert tried == (Option(16, 300),)
    assert beyond(tried, tried[0], 10_000, fixed) == ()


def tangled(rows: int) -> tuple[FeatureMatrix, np.ndarray]:
    """Leads whose outcome it takes three columns at once to tell, in eight ways: small trees cannot follow."""
    rng = np.random.default_rng(1)
    numbers = rng.normal(size=(rows, 6))
    ways = [(0, 1, 2), (3, 4, 5), (0, 3, 5), (1, 2, 4)]
    odds = sum(2.2 * ((numbers[:, way] > 0.2).sum(axis=1) % 2 - 0.5) for way in ways)
    matrix = FeatureMatrix(
        columns=tuple(f"column:n{index}" for index in range(6)), values=numbers.astype(np.float32), levels={}
    )
    return matrix, rng.random(rows) < expit(odds)


def test_where_the_best_lies_on_an_edge_larger_trees_win_and_plain_boosting_is_not_ahead() -> None:
    matrix, labels = tangled(3000)
    found = train(matrix, labels, seed=0, folds=3)
    small = train(matrix, labels, seed=0, folds=3, options=EnsembleOptions(leaves=16))
    assert found.metrics.auc > small.metrics.auc
    leaves = int(found.options[GB].split(" trees of ")[1].split()[0])
    assert leaves in LARGER_TREES
    plain = auc(labels, plain_boosting(matrix, labels, seed=0, folds=3))
    assert found.metrics.auc >= plain - 0.001


def test_options_reach_the_members() -> None:
    matrix, labels = tangled(1200)
    fixed = EnsembleOptions(
        penalty=0.7, leaves=5, rounds=20, learning_rate=0.2, depth=3, smallest_leaf=40, l2=3.0, features_share=0.9,
        forest_trees=12, forest_depth=2, forest_smallest_leaf=30, forest_features_share=0.2,
    )  # fmt: skip
    assert set(fixed.fixed()) == set(LIMITS)
    found = fit_ensemble(matrix, labels, seed=0, folds=3, keep_all=True, options=fixed)
    ensemble = found.ensemble
    assert found.options == {LR: "C 0.7", GB: "20 trees of 5 leaves", RF: "12 trees"}
    assert ensemble.boosting is not None
    assert ensemble.forest is not None
    assert (len(ensemble.boosting), len(ensemble.forest)) == (20, 12)
    assert (ensemble.boosting.depth - 1, ensemble.forest.depth - 1) <= (3, 2)
    assert len(ensemble.boosting.child) <= 20 * 9
    plan = fit_preprocessing(matrix)
    tried = trials.of_boosting(boosting.options(1200, fixed), 1200, 0, fixed)
    usual = trials.of_boosting((Option(5, 20, 0.9),), 1200, 0, EnsembleOptions())
    rows = plan.transform(matrix)
    assert (tried.margins(plan, rows, labels, rows) != usual.margins(plan, rows, labels, rows)).any()


@pytest.mark.parametrize("name", sorted(LIMITS))
def test_an_option_outside_its_limits_is_refused_by_name(name: str) -> None:
    for value in (LIMITS[name][0] - 1e-3, LIMITS[name][1] + 1, float("nan")):
        with pytest.raises(OptionsError, match=f"^{name} must"):
            EnsembleOptions(**{name: value})
