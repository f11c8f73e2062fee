"""Intervals around scores, with their coverage measured on out-of-fold rows.

The bounds are for the share that closes among leads with such a score. They are as wide as the share among the
training rows with the nearest scores is uncertain, and wider where held-out groups strayed further than chance allows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.arrays import Bools, Floats, Ints, expit

LEVEL = 0.9
#: the normal distribution holds `LEVEL` within these
_WIDTH = 1.6449
#: groups that the out-of-fold rows of all folds are cut into, and the fewest rows of one
_GROUPS, _FEWEST = 50, 10
#: the share of the rows that counts as having such a score, and the fewest
_NEAR_SHARE, _NEAR_FEWEST = 1 / 20, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """The width of the intervals, and how often they contained the outcome."""

    #: what is promised
    level: float
    #: share of the held-out groups whose outcome was in line, judged with widths learnt on the other folds
    coverage: float
    #: held-out groups that were looked at
    groups: int
    #: rows with the nearest scores that a bound stands for
    near: int
    #: standard errors to either side
    errors: float
    #: the mean width over the training rows
    width: float

    def bounds(self, probabilities: Floats) -> tuple[Floats, Floats]:
        """Return the lower and the upper bound of each probability."""
        return _wilson(probabilities, self.near, self.errors)


def cover(log_odds: Floats, labels: Bools, fold: Ints) -> Coverage:
    """Fit the width of the intervals to out-of-fold log-odds and the fold of each row."""
    probabilities = expit(log_odds)
    near = round(max(_NEAR_FEWEST, len(labels) * _NEAR_SHARE))
    deviations = [
        _deviations(probabilities[fold == fold_index], labels[fold == fold_index], near)
        for fold_index in np.unique(fold).tolist()
    ]
    inside = [
        within
        for fold_index, part in enumerate(deviations)
        for within in part
        <= _errors(np.concatenate([other for index, other in enumerate(deviations) if index != fold_index]))
    ]
    errors = _errors(np.concatenate(deviations))
    low, high = _wilson(probabilities, near, errors)
    return Coverage(
        level=LEVEL,
        coverage=float(np.mean(inside)),
        groups=len(inside),
        near=near,
        errors=errors,
        width=float((high - low).mean()),
    )


def covered(probabilities: Floats, labels: Bools, coverage: Coverage) -> float:
    """Return the share of groups of later rows whose outcome lay within the intervals."""
    return float(np.mean(_deviations(probabilities, labels, coverage.near) <= coverage.errors))


def _deviations(probabilities: Floats, labels: Bools, near: int) -> Floats:
    """Return how far the outcome lay from the prediction in groups of neighbouring scores, in standard errors."""
    count = max(1, min(_GROUPS // 5, len(probabilities) // _FEWEST))
    parts = np.array_split(np.argsort(probabilities, kind="stable"), count)
    predicted = np.array([probabilities[part].mean() for part in parts])
    observed = np.array([labels[part].mean() for part in parts])
    rows = np.array([len(part) for part in parts])
    # the group's own chance, and that of the rows that the interval stands for
    spread = np.sqrt(predicted * (1 - predicted) * (1 / rows + 1 / near))
    deviations: Floats = np.abs(observed - predicted) / np.maximum(spread, 1e-9)
    return deviations


def _errors(deviations: Floats) -> float:
    return max(_WIDTH, float(np.quantile(deviations, LEVEL)))


def _wilson(probabilities: Floats, rows: int, errors: float) -> tuple[Floats, Floats]:
    square = errors**2 / rows
    middle = (probabilities + square / 2) / (1 + square)
    half = errors / (1 + square) * np.sqrt(probabilities * (1 - probabilities) / rows + square / (4 * rows))
    return np.minimum(np.maximum(middle - half, 0.0), probabilities), np.maximum(
        np.minimum(middle + half, 1.0), probabilities
    )
