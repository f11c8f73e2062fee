"""Power analysis: the smallest effect that a hold-out can detect, and the leads and weeks that an effect needs.

The figures come from the usual normal approximation.

See Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions (2003), chapter 4, for arms of unequal size.
"""

from __future__ import annotations

import math

from ml.experiments.effects import LEVEL, z_score

POWER = 0.8
#: nothing smaller is looked for
_LEAST = 1e-9


def needed(base_rate: float, effect: float, share: float, *, power: float = POWER, level: float = LEVEL) -> int:
    """Return the leads, both arms together, with which an effect on the held-out rate is seen with this power.

    Newcombe's interval, which is a little wider than the approximation, sees the example's effect in 76 of 100 runs; an
    interval that bears daily looks takes 13,000 leads for 79. Raises ValueError where there is nothing to see or
    nobody to compare.

    >>> needed(0.20, 0.05, 0.10)
    5678
    """
    treated = base_rate + effect
    if not effect or not 0 <= base_rate <= 1 or not 0 <= treated <= 1 or not 0 < share < 1:
        raise ValueError("two different rates and a share between 0 and 1 are needed")
    spread = treated * (1 - treated) / (1 - share) + base_rate * (1 - base_rate) / share
    return math.ceil(_reach(power, level) ** 2 * spread / effect**2)


def detectable(
    treated_n: int, holdout_n: int, base_rate: float, *, power: float = POWER, level: float = LEVEL
) -> float | None:
    """Return the smallest rise of the held-out rate that arms of this size see with this power; None: not even to 1.

    >>> round(detectable(5130, 570, 0.20), 3)
    0.05
    >>> detectable(9, 1, 0.5) is None
    True
    """
    if not treated_n or not holdout_n:
        return None
    from scipy.optimize import brentq

    holdout_variance = base_rate * (1 - base_rate) / holdout_n

    def short(effect: float) -> float:
        rate = base_rate + effect
        return effect - _reach(power, level) * math.sqrt(holdout_variance + max(rate * (1 - rate), 0.0) / treated_n)

    most = 1 - base_rate
    return float(brentq(short, _LEAST, most)) if most > _LEAST and short(most) >= 0 > short(_LEAST) else None


def weeks_needed(leads: int, weekly: float, *, settled: int = 0) -> float | None:
    """Return the weeks until as many leads are settled, at as many a week; None while none come.

    >>> weeks_needed(5678, 100.0, settled=678)
    50.0
    """
    if settled >= leads:
        return 0.0
    return (leads - settled) / weekly if weekly > 0 else None


def _reach(power: float, level: float) -> float:
    """In standard errors; `z_score` is two-sided, power is one-sided."""
    return z_score(level) + z_score(2 * power - 1)
