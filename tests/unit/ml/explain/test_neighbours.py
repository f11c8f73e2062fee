"""Similar leads are near in the model's own space, and one that nobody is like is called so."""

from __future__ import annotations

import numpy as np
import pytest

from ml.explain.neighbours import by_meaning, nearest, share_of
from ml.leads import LeadScorer
from ml.profiles import FeatureMatrix


def test_the_nearest_come_first_and_ties_keep_their_order():
    known = np.array([[0.0, 1.0], [3.0, 0.0], [0.0, -1.0], [0.0, 0.5]])
    found = nearest(np.zeros(2), known, k=3)
    assert [each.row for each in found.neighbours] == [3, 0, 2]
    assert [each.distance for each in found.neighbours] == [0.5, 1.0, 1.0]


def test_nobody_is_like_one_far_away():
    known = np.random.default_rng(0).normal(size=(500, 4))
    assert nearest(np.full(4, 9.0), known).unlike_all
    assert not nearest(known[3], known).unlike_all


def test_without_known_leads_there_are_no_neighbours():
    found = nearest(np.zeros(2), np.zeros((0, 2)))
    assert (found.neighbours, found.typical, found.unlike_all) == ((), 0.0, False)


def test_columns_that_the_model_does_not_use_do_not_part_leads():
    rng = np.random.default_rng(0)
    rows = [{"showings": float(rng.integers(0, 5)), "budget": float(rng.normal())} for _ in range(300)]
    labels = [row["showings"] > 2 for row in rows]
    scorer = LeadScorer().fit(FeatureMatrix.from_rows(rows), labels, seed=0)

    def space(some):
        explained = scorer.explained(FeatureMatrix.from_rows(some))
        return by_meaning(explained.features, explained.contributions)

    place = space([{"showings": 4.0, "budget": 50.0}])[0]
    found = nearest(place, space(rows), k=10)
    assert {rows[each.row]["showings"] for each in found.neighbours} <= {3.0, 4.0}


@pytest.mark.parametrize("won", [0, 5, 20])
def test_bounds_of_a_share_hold_it(won):
    share = share_of([row < won for row in range(20)])
    assert (share.of, share.count) == (20, won)
    assert 0 <= share.low <= won / 20 <= share.high <= 1


def test_bounds_hold_nine_times_in_ten():
    rng = np.random.default_rng(0)
    held = [(found := share_of((rng.random(20) < 0.3).tolist())).low <= 0.3 <= found.high for _ in range(1000)]
    assert np.mean(held) == pytest.approx(0.9, abs=0.05)
