"""Ask a model that scores one row of features at a time as if it scored many: the blend of online learners does so."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ml.arrays import Floats, logit
from ml.explain.counterfactual import LogOdds
from ml.profiles import FeatureMatrix, Row

#: nearer to 0 or 1 no probability is taken, so that log-odds stay finite
_SURE = 1e-9


def by_rows(probability: Callable[[Row], float]) -> LogOdds:
    """Return what gives the log-odds of many rows from what gives the probability of one.

    >>> score = by_rows(lambda row: 0.5 if row["showings"] else 0.0)
    >>> score(FeatureMatrix.from_rows([{"showings": 1.0}, {"showings": 0.0}])).round(1).tolist()
    [0.0, -20.7]
    """

    def log_odds(matrix: FeatureMatrix) -> Floats:
        rows = np.array([probability(row) for row in matrix.to_rows()], dtype=np.float64)
        found: Floats = logit(np.clip(rows, _SURE, 1 - _SURE))
        return found

    return log_odds
