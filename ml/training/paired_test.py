"""Test whether the mean of paired gains is above nothing, by groups of rows that belong together."""

from __future__ import annotations

import numpy as np

from ml.arrays import Floats, Ints


def p_value(gains: Floats, groups: Ints) -> float:
    """Return the chance of a mean gain like this, or a larger one, where there is none in truth; 0 to 1.

    `groups` names the group of each gain, from 0. The sums of groups are tested by Student's t. Where gains are skew,
    the t is corrected after Hall (1992, "On the removal of skewness by transformation") where that makes it smaller: a
    challenger that is slightly better for most leads and far off for a few looks better than it is.

    >>> rng = np.random.default_rng(0)
    >>> gains = rng.normal(0.1, 1, 400)
    >>> round(p_value(gains, np.arange(400)), 3)
    0.102
    """
    from scipy.special import stdtr  # a process that only scores need not load SciPy

    sums = np.bincount(groups, weights=gains)
    count, mean = len(sums), float(sums.mean())
    spread = float(sums.std(ddof=1)) if count > 1 else 0.0
    if spread == 0 or mean <= 0:
        return 0.0 if count > 1 and mean > 0 else 1.0
    signal = mean / spread
    skewness = float(((sums - mean) ** 3).mean()) / spread**3
    corrected = signal + skewness * signal**2 / 3 + skewness**2 * signal**3 / 27 + skewness / (6 * count)
    return float(stdtr(count - 1, -np.sqrt(count) * min(signal, corrected)))
