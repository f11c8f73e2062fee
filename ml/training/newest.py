"""The loss of the newest rows alone: by it challengers are compared that learnt from more rows and from fewer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from ml.arrays import Bools, Floats
from ml.training.evaluation import validated

#: the fewest rows whose loss is told; each further count is the double of the one before
FEWEST = 100
_SURE = 1e-15


def newest_losses(
    labels: Sequence[bool] | Bools, probabilities: Sequence[float] | Floats, known_at: Sequence[datetime]
) -> dict[str, float]:
    """Return the mean log loss of the newest 100, 200, 400 … rows by their number, in the order given where times tie.

    `probabilities` must be out of fold. Empty with fewer than 100 rows. Raises LabelsError where labels and
    probabilities do not fit together.

    >>> from datetime import UTC, timedelta
    >>> times = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(250)]
    >>> labels = [day % 2 == 0 for day in range(250)]
    >>> losses = newest_losses(labels, [0.9 if label else 0.1 for label in labels], times)
    >>> {rows: round(loss, 3) for rows, loss in losses.items()}
    {'100': 0.105, '200': 0.105}
    """
    truth, predicted = validated(labels, probabilities)
    order = np.argsort(np.array([moment.timestamp() for moment in known_at]), kind="stable")[::-1]
    sure = np.clip(predicted, _SURE, 1 - _SURE)
    losses = np.where(truth, -np.log(sure), -np.log1p(-sure))[order]
    counts = [FEWEST << step for step in range(len(losses).bit_length()) if FEWEST << step <= len(losses)]
    return {str(count): float(losses[:count].mean()) for count in counts}


def common_losses(newest: Sequence[dict[str, float]]) -> list[float]:
    """Return the loss of each challenger on the most newest rows that all of them were judged on.

    Raises ValueError where there is no such number.

    >>> common_losses([{"100": 0.5, "200": 0.4}, {"100": 0.6}])
    [0.5, 0.6]
    """
    shared = set.intersection(*(set(losses) for losses in newest))
    most = max(shared, key=int)
    return [losses[most] for losses in newest]
