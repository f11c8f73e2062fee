"""The effect of sending: the difference of two proportions, with an interval for one look and one for daily looks.

`difference` is Newcombe's interval from two Wilson scores (1998, method 10: Statistics in Medicine 17, 873-890). It was
chosen by its exact coverage at hold-outs of a tenth, all outcomes enumerated, at held-out rates of 5 to 95 % and
effects of -20 to 20 points: with 540 sent against 60 held out it covers 94.9 to 95.9 %, where Agresti-Caffo's covers
94.8 to 96.9, Miettinen-Nurminen's 92.0 to 95.7 and Wald's 90.4 to 94.4; with 90 against 10 it covers 94.8 to 96.4 and
they 94.0 to 99.3, 87.9 to 96.4 and 60.1 to 91.2.

`sequence` holds at all looks together: Robbins' normal mixture (1970) in the form of Johari, Koomen, Pekelis and Walsh,
"Always valid inference" (Operations Research 70, 2022), at the variances at hand, which is asymptotic (Waudby-Smith,
Arbour, Sinha, Kennedy and Ramdas, Annals of Statistics 52, 2024).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

LEVEL = 0.95
#: effects of about this size are what a sequence sees soonest
EXPECTED = 0.10


@dataclass(frozen=True, slots=True)
class Arm:
    """Leads of one arm whose outcome is known; raises ValueError for counts that cannot be."""

    count: int
    successes: int

    def __post_init__(self) -> None:
        if not 0 <= self.successes <= self.count:
            raise ValueError("an arm has between none and all of its leads as successes")

    def __add__(self, other: Arm) -> Arm:
        """Both as one."""
        return Arm(self.count + other.count, self.successes + other.successes)

    @property
    def rate(self) -> float | None:
        """Return the share of successes; None of nobody."""
        return self.successes / self.count if self.count else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """The treated arm's rate less the held-out arm's; figures are None while an arm they need is empty."""

    treated: Arm
    holdout: Arm
    treated_rate: float | None
    holdout_rate: float | None
    difference: float | None
    low: float | None
    high: float | None
    level: float = LEVEL


def difference(treated: Arm, holdout: Arm, level: float = LEVEL) -> Effect:
    """Compare two arms at one look.

    >>> found = difference(Arm(540, 135), Arm(60, 12))
    >>> [round(value, 3) for value in (found.difference, found.low, found.high)]
    [0.05, -0.073, 0.14]
    >>> difference(Arm(9, 9), Arm(0, 0)).difference is None
    True
    """
    bounds = newcombe(treated, holdout, z_score(level)) if treated.count and holdout.count else None
    first, second = treated.rate, holdout.rate
    return Effect(
        treated=treated,
        holdout=holdout,
        treated_rate=first,
        holdout_rate=second,
        difference=None if first is None or second is None else first - second,
        low=bounds and bounds[0],
        high=bounds and bounds[1],
        level=level,
    )


def sequence(treated: Arm, holdout: Arm, level: float = LEVEL) -> tuple[float, float] | None:
    """Return an interval that holds the truth at all looks together, however often one looks; None with an empty arm.

    >>> low, high = sequence(Arm(540, 135), Arm(60, 24))
    >>> low < difference(Arm(540, 135), Arm(60, 24)).low, high > 0
    (True, True)
    """
    if not treated.count or not holdout.count:
        return None
    ratio = EXPECTED**2 / _variance(treated, holdout)
    reach = math.sqrt((1 + ratio) / ratio * (math.log1p(ratio) - 2 * math.log(1 - level)))
    return newcombe(treated, holdout, reach)


def wilson(arm: Arm, level: float = LEVEL) -> tuple[float, float] | None:
    """Return Wilson's interval of one arm's rate; None of nobody.

    >>> [round(bound, 3) for bound in wilson(Arm(10, 0))]
    [0.0, 0.278]
    """
    return _score(arm, z_score(level)) if arm.count else None


def newcombe(treated: Arm, holdout: Arm, reach: float) -> tuple[float, float]:
    """Return Newcombe's interval of as many standard errors; raises ZeroDivisionError with an empty arm."""
    (low, high), (least, most) = (_score(arm, reach) for arm in (treated, holdout))
    first, second = treated.successes / treated.count, holdout.successes / holdout.count
    below, above = math.hypot(first - low, most - second), math.hypot(high - first, second - least)
    between = first - second
    return between - below, between + above


def z_score(level: float) -> float:
    """Return how many standard errors a two-sided interval of a level reaches.

    >>> round(z_score(0.95), 2)
    1.96
    """
    return NormalDist().inv_cdf((1 + level) / 2)


def _variance(treated: Arm, holdout: Arm) -> float:
    """Of the difference; a success and a failure more in each arm, so that none has the variance 0."""
    return sum(
        (arm.successes + 1) * (arm.count - arm.successes + 1) / (arm.count + 2) ** 2 / arm.count
        for arm in (treated, holdout)
    )


def _score(arm: Arm, reach: float) -> tuple[float, float]:
    rate, square = arm.successes / arm.count, reach**2 / arm.count
    middle = (rate + square / 2) / (1 + square)
    half = math.sqrt(square * rate * (1 - rate) + square**2 / 4) / (1 + square)
    return max(middle - half, 0.0), min(middle + half, 1.0)
