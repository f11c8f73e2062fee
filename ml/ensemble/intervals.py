"""How far a score may be from what comes: an interval whose coverage is measured on rows not seen.

The bounds are for the share that closes among leads with such a score. They are as wide as the share among the
training rows with the nearest scores is uncertain, and wider where held-out groups strayed further than chance allows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ml.training.calibration import Bools, Floats

LEVEL = 0.9
#: the normal distribution holds `LEVEL` within these
_WIDTH = 1.6449
#: groups that the unseen rows of all folds are cut into, and the fewest rows of one
_GROUPS, _FEWEST = 50, 10
#: the share of the rows that counts as having such a score, and the fewest
_NEAR_SHARE, _NEAR_FEWEST = 1 / 20, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How wide the intervals are, and how often they held."""

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
        """Give the lower and the upper bound of each probability."""
        return _wilson(probabilities, self.near, self.errors)


def cover(log_odds: Floats, labels: Bools, fold: NDArray[np.intp]) -> Coverage:
    """Learn how wide intervals must be, from what was said of rows not seen and the fold of each."""
    said = expit(log_odds)
    near = round(max(_NEAR_FEWEST, len(labels) * _NEAR_SHARE))
    strayed = [_strayed(said[fold == held], labels[fold == held], near) for held in np.unique(fold).tolist()]
    held_in = [
        bool_
        for held, part in enumerate(strayed)
        for bool_ in part <= _errors(np.concatenate([other for index, other in enumerate(strayed) if index != held]))
    ]
    errors = _errors(np.concatenate(strayed))
    low, high = _wilson(said, near, errors)
    return Coverage(
        level=LEVEL,
        coverage=float(np.mean(held_in)),
        groups=len(held_in),
        near=near,
        errors=errors,
        width=float((high - low).mean()),
    )


def covered(probabilities: Floats, labels: Bools, found: Coverage) -> float:
    """Give the share of groups of later rows whose outcome was in line with the intervals."""
    return float(np.mean(_strayed(probabilities, labels, found.near) <= found.errors))


def _strayed(said: Floats, labels: Bools, near: int) -> Floats:
    """Give for groups of neighbouring scores how far the outcome lay from what was said, in standard errors."""
    count = max(1, min(_GROUPS // 5, len(said) // _FEWEST))
    parts = np.array_split(np.argsort(said, kind="stable"), count)
    told = np.array([said[part].mean() for part in parts])
    came = np.array([labels[part].mean() for part in parts])
    rows = np.array([len(part) for part in parts])
    # the group's own chance, and that of the rows that the interval stands for
    spread = np.sqrt(told * (1 - told) * (1 / rows + 1 / near))
    strayed: Floats = np.abs(came - told) / np.maximum(spread, 1e-9)
    return strayed


def _errors(strayed: Floats) -> float:
    return max(_WIDTH, float(np.quantile(strayed, LEVEL)))


def _wilson(said: Floats, rows: int, errors: float) -> tuple[Floats, Floats]:
    square = errors**2 / rows
    middle = (said + square / 2) / (1 + square)
    half = errors / (1 + square) * np.sqrt(said * (1 - said) / rows + square / (4 * rows))
    return np.minimum(np.maximum(middle - half, 0.0), said), np.maximum(np.minimum(middle + half, 1.0), said)
