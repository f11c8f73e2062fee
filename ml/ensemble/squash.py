"""Keep the log-odds of a member from being too sure, without making rows alike that it tells apart."""

from __future__ import annotations

import math
from typing import Final, Literal, get_args

import numpy as np

from ml.arrays import Floats

#: `log` keeps the order of all rows; `clip` makes those beyond the bound alike: models trained before `log` have it
Squash = Literal["log", "clip"]
SQUASHES: Final = frozenset(get_args(Squash))
#: a member's log-odds are taken as they are within these: .001 to .999
BOUND: Final = math.log(0.999 / (1 - 0.999))


def squashed(log_odds: Floats, squash: Squash = "log", bound: float = BOUND) -> Floats:
    """Return log-odds drawn in beyond the bound, up and down; within it they are returned to the bit.

    With `log` an excess of e over the bound counts log(1 + e): steadily, without a kink, and larger for a larger one.

    >>> squashed(np.array([-2.0, 6.0, 20.0, 1e9])).round(2).tolist()
    [-2.0, 6.0, 9.55, 27.63]
    >>> squashed(np.array([-2.0, 20.0, 1e9]), "clip").round(2).tolist()
    [-2.0, 6.91, 6.91]
    """
    within: Floats = np.clip(log_odds, -bound, bound)
    if squash == "clip":
        return within
    return within + np.copysign(np.log1p(np.abs(log_odds - within)), log_odds)
