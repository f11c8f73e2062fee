"""Types of the arrays that models pass to each other, and of what they store; log-odds and back.

SciPy and scikit-learn are imported where they are called, here and in the modules that fit: they take two seconds, and
who reads a list of calls on the command line needs neither. A worker loads them before it forks (workers.bootstrap).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
#: floats as matrices and trees keep them
Floats32 = NDArray[np.float32]
Bools = NDArray[np.bool_]
#: positions, counts and codes
Ints = NDArray[np.intp]
Ints32 = NDArray[np.int32]

#: what a fitted model learnt, by name: arrays, figures, texts, and lists and mappings of these
ModelState: TypeAlias = Mapping[str, Any]


def expit(log_odds: ArrayLike) -> Any:
    """Return the probabilities of log-odds, an array or one: SciPy's, bit for bit.

    >>> float(expit(0.0))
    0.5
    """
    from scipy import special

    return special.expit(log_odds)


def calibration_error(truth: Bools, said: Floats, *, bins: int = 10) -> float:
    """Return the expected calibration error over bins of equal width, 0 to 1; 0 is perfect.

    `said` are probabilities, one a row. Source: Naeini, Cooper and Hauskrecht (2015).

    >>> round(calibration_error(np.array([True, False]), np.array([0.9, 0.3])), 3)
    0.2
    """
    places = np.minimum((said * bins).astype(np.intp), bins - 1)
    gaps = np.bincount(places, weights=said - truth, minlength=bins)
    return float(np.abs(gaps).sum() / max(1, len(said)))


def logit(probabilities: ArrayLike) -> Any:
    """Return the log-odds of probabilities, an array or one: SciPy's, bit for bit.

    >>> float(logit(0.5))
    0.0
    """
    from scipy import special

    return special.logit(probabilities)
