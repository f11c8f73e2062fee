"""Evidence that one of two fixed scorers is better, which may be looked at after every label.

A bet on each label: the stake is chosen from the two probabilities before the label is known, and where the first
scorer is no better than the second, nobody's capital grows on average. So the chance that it ever reaches 20 times its
start is at most 1 in 20, however often one looks (Ville's inequality; betting after Waudby-Smith and Ramdas 2024).
"""

from __future__ import annotations

import numpy as np

from ml.arrays import Bools, Floats

#: stakes for each point of Brier score, side by side with an equal part of the capital
_STAKES = 2.0 ** np.arange(-1, 6)
#: a row may cost at most this part of the capital
_MOST = 0.5


def most_evidence(labels: Bools, better: Floats, worse: Floats) -> float:
    """Return the most that the capital has been, as a multiple of its start, in the order of the rows; at least 1.

    `better` is the scorer that is bet on, `worse` the other; both probabilities were given before the label was known.
    Capital beyond 1e300 is told as that. Rows of one lead are not independent: give one row a lead.

    >>> labels = np.array([True, False] * 60)
    >>> sure, unsure = np.where(labels, 0.8, 0.2), np.full(120, 0.5)
    >>> most_evidence(labels, sure, unsure) > 1000, most_evidence(labels, unsure, sure)
    (True, 1.0)
    """
    if not len(labels):
        return 1.0
    gains = (worse - labels) ** 2 - (better - labels) ** 2
    # what the row costs at worst is known before the label: the smaller of the gains by both outcomes
    worst = -np.minimum(np.minimum(worse**2 - better**2, (1 - worse) ** 2 - (1 - better) ** 2), 0)
    stakes = np.minimum(_STAKES[:, None], _MOST / np.maximum(worst, 1e-12))
    logs = np.cumsum(np.log1p(stakes * gains), axis=1)
    most = float((np.logaddexp.reduce(logs, axis=0) - np.log(len(_STAKES))).max())
    return float(np.exp(min(max(most, 0.0), np.log(1e300))))
