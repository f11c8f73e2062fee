"""The band table of a model: of the leads that were scored so, how many closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml.training.evaluation import validated


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreBand:
    """Leads whose score lay in one tenth."""

    low: float
    high: float
    rows: int
    positives: int


def by_score(labels: Sequence[bool], probabilities: Sequence[float]) -> tuple[ScoreBand, ...]:
    """Count leads and closed ones by tenths of the score, highest first; empty tenths are left out.

    >>> [(band.low, band.rows, band.positives) for band in by_score([True, False, True], [0.85, 0.81, 0.2])]
    [(0.8, 2, 1), (0.2, 1, 1)]
    """
    truth, predicted = validated(labels, probabilities)
    tenths = np.clip((predicted * 10 + 1e-9).astype(np.intp), 0, 9)
    rows, positives = (np.bincount(tenths, weights=weights, minlength=10) for weights in (None, truth))
    return tuple(
        ScoreBand(low=tenth / 10, high=(tenth + 1) / 10, rows=int(rows[tenth]), positives=int(positives[tenth]))
        for tenth in reversed(range(10))
        if rows[tenth]
    )
