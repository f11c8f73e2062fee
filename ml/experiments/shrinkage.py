"""Estimate effects by intervention type with partial pooling: the fewer data a type has, the more the others count.

What the other types let expect of one comes from the normal hierarchical model with a flat prior on the common effect
and a half-normal one on how far types differ, integrated over a grid: Rubin, "Estimation in parallel randomized
experiments" (1981); Gelman and others, Bayesian Data Analysis, section 5.4. The estimate is its posterior mean.

The interval is not the posterior's. That one covers 95 % on average over types, and far less of a type unlike the
others: the harmful one that it ought to show. Yu and Hoff, "Adaptive multigroup confidence intervals with constant
coverage" (Biometrika 105, 2018): since the expectation comes from the others alone, it may choose how an interval's
error is divided between its ends; each type keeps its 95 %, and one that is as expected gets a shorter interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from ml.arrays import Floats
from ml.experiments.effects import LEVEL, Arm, newcombe

#: how far types' effects are thought to differ before any is measured: ten points is usual, thirty is not
SPREAD = 0.10
#: possible standard deviations of the types' effects, midpoints of equal steps
_GRID: Floats = np.linspace(0.0, 4 * SPREAD, 81)[1:] - SPREAD / 40
#: leads at all types' common rate that a type's variance counts on top of its own
_LENT = 4.0
#: the least share of the error that an end gets
_LEAST = 1e-6
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Uplift:
    """The effect of sending an intervention on the share of leads that are kept."""

    estimate: float
    low: float
    high: float
    #: settled leads of its own that it rests on, both arms
    leads: int

    @property
    def helps(self) -> bool:
        """Return whether it is significantly positive."""
        return self.low > 0

    @property
    def harms(self) -> bool:
        """Return whether it is significantly negative."""
        return self.high < 0

    @property
    def significant(self) -> bool:
        """Return whether its interval leaves out 0."""
        return self.helps or self.harms


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expected:
    """The effect of one type as expected from the other types; an infinite variance where there are none."""

    mean: float
    variance: float

    def lean(self, effect: float, variance: float) -> float:
        """Return the mean of what was expected and what was measured, each by its precision."""
        return effect + (self.mean - effect) / (1 + self.variance / variance)

    def above(self, effect: float, deviation: float) -> float:
        """Return how far an effect lies above the expected one, in the unit that divides the error between the ends."""
        return 2 * deviation * (effect - self.mean) / self.variance


def partial(tallies: Mapping[str, tuple[Arm, Arm]], level: float = LEVEL) -> dict[str, Uplift]:
    """Estimate each type's uplift from its treated and held-out arms; a type that lacks an arm is left out.

    >>> found = partial({"a": (Arm(900, 450), Arm(100, 40)), "b": (Arm(18, 4), Arm(2, 2))})
    >>> round(found["a"].estimate, 3), round(found["b"].estimate, 3)
    (0.085, -0.03)
    """
    measured = {name: pair for name, pair in tallies.items() if pair[0].count and pair[1].count}
    if not measured:
        return {}
    effects, variances = _measured(list(measured.values()))
    return {
        name: _uplift(pair, float(effects[at]), float(variances[at]), _expect(effects, variances, at), level)
        for at, (name, pair) in enumerate(measured.items())
    }


def _measured(arms: list[tuple[Arm, Arm]]) -> tuple[Floats, Floats]:
    """Return each type's own difference and its variance."""
    counts = np.array([[arm.count for arm in pair] for pair in arms], dtype=np.float64)
    successes = np.array([[arm.successes for arm in pair] for pair in arms], dtype=np.float64)
    common = (successes.sum(axis=0) + 1) / (counts.sum(axis=0) + 2)
    leaning = (successes + _LENT * common) / (counts + _LENT)
    rates = successes / counts
    return rates[:, 0] - rates[:, 1], (leaning * (1 - leaning) / counts).sum(axis=1)


def _expect(effects: Floats, variances: Floats, at: int) -> _Expected:
    """Return what all types but one let expect of it."""
    if len(effects) == 1:
        return _Expected(mean=0.0, variance=math.inf)
    others, other_variances = np.delete(effects, at)[:, None], np.delete(variances, at)[:, None]
    weights = 1 / (other_variances + _GRID**2)
    total = weights.sum(axis=0)
    common = (others * weights).sum(axis=0) / total
    far = ((others - common) ** 2 * weights).sum(axis=0)
    fit = 0.5 * (np.log(weights).sum(axis=0) - np.log(total) - far - (_GRID / SPREAD) ** 2)
    likely = np.exp(fit - fit.max())
    likely /= likely.sum()
    mean = float(likely @ common)
    return _Expected(mean=mean, variance=float(likely @ (_GRID**2 + 1 / total + (common - mean) ** 2)))


def _uplift(pair: tuple[Arm, Arm], effect: float, variance: float, expected: _Expected, level: float) -> Uplift:
    deviation = math.sqrt(variance)
    low, high = (_end(pair, deviation, expected, 1 - level, end) for end in (0, 1))
    return Uplift(
        estimate=min(max(expected.lean(effect, variance), low), high),
        low=low,
        high=high,
        leads=sum(arm.count for arm in pair),
    )


def _end(pair: tuple[Arm, Arm], deviation: float, expected: _Expected, error: float, end: int) -> float:
    """Return an end of the interval: the effect at which the error it is allowed is the one it has."""

    def bound(share: float) -> float:
        # `share` of the error lies above what an effect lets measure, which is what the lower end can miss
        return newcombe(*pair, -_NORMAL.inv_cdf(error * (share if end == 0 else 1 - share)))[end]

    def surplus(share: float) -> float:
        divided = _NORMAL.inv_cdf(error * (1 - share)) - _NORMAL.inv_cdf(error * share)
        return divided - expected.above(bound(share), deviation)

    return bound(_root(surplus))


def _root(surplus: Callable[[float], float]) -> float:
    """Return the share at which nothing is left over; `surplus` falls from one end to the other."""
    from scipy.optimize import brentq

    least, most = _LEAST, 1 - _LEAST
    if surplus(least) <= 0:
        return least
    return most if surplus(most) >= 0 else float(brentq(surplus, least, most))
