from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom

from ml.experiments.effects import Arm, difference, sequence, wilson

#: the examples of Newcombe's paper (1998, table II, method 10)
PUBLISHED = [
    (Arm(70, 56), Arm(80, 48), 0.0524, 0.3339),
    (Arm(10, 9), Arm(10, 3), 0.1705, 0.8090),
    (Arm(7, 6), Arm(7, 2), 0.0582, 0.8062),
    (Arm(56, 5), Arm(29, 0), -0.0381, 0.1926),
    (Arm(10, 0), Arm(20, 0), -0.1611, 0.2775),
    (Arm(10, 0), Arm(10, 0), -0.2775, 0.2775),
    (Arm(10, 10), Arm(20, 0), 0.6791, 1.0),
    (Arm(10, 10), Arm(10, 0), 0.6075, 1.0),
]


@pytest.mark.parametrize("treated, held, low, high", PUBLISHED)
def test_the_interval_is_the_published_one(treated: Arm, held: Arm, low: float, high: float) -> None:
    found = difference(treated, held)
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def _coverage(sent: int, held: int, base: float, effect: float) -> float:
    """Exactly, over all outcomes that are not too rare to count."""
    of_sent, of_held = (binom.pmf(np.arange(n + 1), n, rate) for n, rate in ((sent, base + effect), (held, base)))
    covered = 0.0
    for kept in np.flatnonzero(of_sent > 1e-7).tolist():
        for stayed in np.flatnonzero(of_held > 1e-7).tolist():
            found = difference(Arm(sent, kept), Arm(held, stayed))
            assert found.low is not None
            assert found.high is not None
            if found.low <= effect <= found.high:
                covered += of_sent[kept] * of_held[stayed]
    return covered


@pytest.mark.parametrize(
    "sent, held, base, effect",
    [
        (90, 10, 0.2, 0.05),
        (90, 10, 0.05, 0.0),
        (90, 10, 0.9, -0.2),
        (270, 30, 0.2, 0.05),
        (270, 30, 0.5, -0.1),
        (540, 60, 0.2, 0.05),
    ],
)
def test_the_interval_covers_at_small_and_uneven_arms(sent: int, held: int, base: float, effect: float) -> None:
    assert 0.945 < _coverage(sent, held, base, effect) < 0.965


@pytest.mark.parametrize("treated, held", [(Arm(0, 0), Arm(5, 2)), (Arm(5, 2), Arm(0, 0)), (Arm(0, 0), Arm(0, 0))])
def test_an_empty_arm_tells_nothing(treated: Arm, held: Arm) -> None:
    found = difference(treated, held)
    assert (found.difference, found.low, found.high, sequence(treated, held)) == (None, None, None, None)
    assert (found.treated_rate, found.holdout_rate) == (treated.rate, held.rate)


@pytest.mark.parametrize("kept", [0, 1])
@pytest.mark.parametrize("stayed", [0, 1])
@pytest.mark.parametrize("sent, held", [(1, 1), (9, 1), (900, 100)])
def test_none_or_all_kept_is_no_certainty(kept: int, stayed: int, sent: int, held: int) -> None:
    treated, out = Arm(sent, sent * kept), Arm(held, held * stayed)
    found, always = difference(treated, out), sequence(treated, out)
    assert always is not None
    for low, high in ((found.low, found.high), always):
        assert low is not None
        assert high is not None
        assert -1 <= low < high <= 1
        assert low <= kept - stayed <= high


def test_a_higher_level_is_wider() -> None:
    arms = Arm(540, 135), Arm(60, 12)
    widths = [found.high - found.low for found in (difference(*arms, level=level) for level in (0.8, 0.95, 0.99))]
    assert widths == sorted(set(widths))


def test_more_leads_are_narrower() -> None:
    for interval in (lambda *arms: (difference(*arms).low, difference(*arms).high), sequence):
        bounds = [interval(Arm(90 * n, 20 * n), Arm(10 * n, 2 * n)) for n in (1, 10, 100)]
        widths = [high - low for low, high in bounds]
        assert widths == sorted(set(widths), reverse=True)


def test_arms_swapped_tell_the_opposite() -> None:
    first, second = difference(Arm(90, 30), Arm(10, 2)), difference(Arm(10, 2), Arm(90, 30))
    assert (first.low, first.high) == (pytest.approx(-second.high), pytest.approx(-second.low))


def test_an_arm_has_no_more_successes_than_leads() -> None:
    for count, successes in ((3, 4), (3, -1), (-1, -1)):
        with pytest.raises(ValueError):
            Arm(count, successes)


def test_arms_add_up() -> None:
    assert Arm(3, 1) + Arm(4, 2) == Arm(7, 3)


def test_nobody_has_no_rate() -> None:
    assert (Arm(0, 0).rate, wilson(Arm(0, 0))) == (None, None)


def _strayed(rate: float, looks: int, runs: int) -> tuple[float, float]:
    """Runs in which the one interval, and the other, left out 0 at some look though nothing differs."""
    random, strayed, hinted = np.random.default_rng(0), 0, 0
    for _ in range(runs):
        sent, held = (np.cumsum(random.binomial(n, rate, looks)) for n in (36, 4))
        arms = [(Arm(36 * day, int(sent[day - 1])), Arm(4 * day, int(held[day - 1]))) for day in range(1, looks + 1)]
        strayed += any(not _around(sequence(*pair)) for pair in arms)
        hinted += any(not _around((difference(*pair).low, difference(*pair).high)) for pair in arms)
    return strayed / runs, hinted / runs


def _around(bounds: tuple[float, float] | None) -> bool:
    return bounds is None or bounds[0] <= 0 <= bounds[1]


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_looking_every_day_misleads_a_sequence_in_one_of_twenty_at_most(rate: float) -> None:
    always, once = _strayed(rate, looks=90, runs=150)
    assert always <= 0.05
    # which is what the plain interval does not bear
    assert once > 0.15


def test_a_sequence_sees_a_large_harm() -> None:
    bounds = sequence(Arm(900, 180), Arm(100, 40))
    assert bounds is not None
    assert bounds[1] < 0
    assert math.isfinite(bounds[0])
