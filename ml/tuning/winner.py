"""The loss of a trial from its folds, and the trial with the least."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ml.tuning.problem import FoldResult


def loss_of(folds: Sequence[FoldResult]) -> float:
    """Return the mean log loss of a row over all folds. Raises ValueError without a fold.

    >>> loss_of([FoldResult(loss=0.3, auc=None, rows=100), FoldResult(loss=0.6, auc=None, rows=50)])
    0.4
    """
    rows = sum(fold.rows for fold in folds)
    if not rows:
        raise ValueError("a trial without a fold has no loss")
    return math.fsum(fold.loss * fold.rows for fold in folds) / rows


def best(losses: Mapping[int, float]) -> int | None:
    """Return the number of the trial with the least loss, of equals the earliest; None without trials.

    >>> best({0: 0.41, 3: 0.4, 5: 0.4})
    3
    """
    return min(losses, key=lambda number: (losses[number], number), default=None)
