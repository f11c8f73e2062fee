"""Global importance finds what a model needs, with bounds that hold; reasons that are made up are not faithful."""

from __future__ import annotations

import numpy as np
import pytest

from ml.arrays import expit
from ml.explain.faithfulness import agreement, without
from ml.explain.importance import bounds, importance, losses
from ml.profiles import FeatureMatrix


@pytest.fixture(scope="module")
def world():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(600, 3))
    matrix = FeatureMatrix.from_rows([{"showings": a, "listing_views": b, "budget": c} for a, b, c in values.tolist()])
    labels = rng.random(600) < expit(2.0 * values[:, 0] + 0.7 * values[:, 1])
    return matrix, labels


def odds(rows):
    return 2.0 * rows.values[:, 0].astype(float) + 0.7 * rows.values[:, 1].astype(float)


def test_what_is_needed_more_comes_first_and_what_is_not_needed_costs_nothing(world):
    found = importance(odds, *world, seed=0)
    assert [each.features for each in found] == [("showings",), ("listing_views",), ("budget",)]
    assert found[0].low > found[1].high > found[1].low > 0
    assert (found[2].loss, found[2].low, found[2].high) == pytest.approx((0.0, 0.0, 0.0), abs=1e-12)


def test_bounds_hold_what_other_leads_give(world):
    """Of the same meaning over other leads of the same world, nine in ten figures lie between."""
    matrix, labels = world
    halves = np.random.default_rng(1).permutation(600).reshape(6, 100)
    found = [
        next(e for e in importance(odds, matrix.take(part), labels[part], seed=0) if e.features == ("showings",))
        for part in halves
    ]
    truth = next(e for e in importance(odds, matrix, labels, seed=0) if e.features == ("showings",)).loss
    assert sum(each.low <= truth <= each.high for each in found) >= 4


def test_the_same_seed_gives_the_same_figures(world):
    assert importance(odds, *world, seed=3) == importance(odds, *world, seed=3)


def test_losses_stay_finite_where_a_model_is_sure_and_wrong():
    assert np.isfinite(losses(np.array([800.0, -800.0]), np.array([False, True]))).all()


def test_bounds_of_one_value_are_that_value():
    low, high = bounds(np.full((50, 1), 2.5), seed=0)
    assert (low[0], high[0]) == (2.5, 2.5)


def test_rows_of_one_lead_are_drawn_together():
    """The same figure four times tells no more than once: the bounds stay as wide."""
    values = np.random.default_rng(0).normal(size=(100, 1))
    alone = bounds(values, seed=0)
    together = bounds(np.repeat(values, 4, axis=0), seed=0, groups=np.repeat(np.arange(100), 4))
    apart = bounds(np.repeat(values, 4, axis=0), seed=0)
    assert np.allclose(alone, together)
    assert together[1] - together[0] > 1.5 * (apart[1] - apart[0])


def test_true_reasons_agree_and_made_up_ones_do_not(world):
    matrix, _ = world
    rows = range(60)
    happened = np.array(
        [odds(matrix.take([r]))[0] - without(matrix.take([r]), ["showings"], odds, matrix, seed=r) for r in rows]
    )
    said = 2.0 * (matrix.values[:60, 0].astype(float) - matrix.values[:, 0].mean())
    true, made_up = agreement(said, happened), agreement(said[::-1].copy(), happened)
    assert true.correlation > 0.95
    assert true.direction > 0.9
    assert true.slope == pytest.approx(1.0, abs=0.1)
    assert made_up.correlation < 0.5
