"""Performance in a window: what labels say of it, and what probabilities say of it before labels come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ml.arrays import Bools, Floats, calibration_error

_SURE: Final = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Realised:
    """The figures of scores whose labels are known, in the order in which the labels came. Every figure is finite."""

    labels: int
    positives: int
    accuracy: float
    log_loss: float
    brier: float
    #: calibration error over ten bins of equal width, 0 to 1
    ece: float
    #: accuracy of "as last time", and the share of its errors that is avoided; None where it makes none
    no_change: float
    kappa_t: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimated:
    """The figures to be expected of scores where their probabilities are true. No label is needed."""

    rows: int
    accuracy: float
    log_loss: float
    brier: float
    #: by how much labels would differ from it by chance: one standard error of accuracy, and of the Brier score
    accuracy_error: float
    brier_error: float


def realised(labels: Sequence[bool] | Bools, probabilities: Sequence[float] | Floats) -> Realised | None:
    """Return the figures of scores in the order in which their labels came; None without any.

    >>> found = realised([True, False, True, True], [0.9, 0.2, 0.4, 0.8])
    >>> found.accuracy, round(found.brier, 4), found.no_change
    (0.75, 0.1125, 0.25)
    """
    truth, said = np.asarray(labels, dtype=np.bool_), np.asarray(probabilities, dtype=np.float64)
    if not len(truth):
        return None
    sure = np.clip(said, _SURE, 1 - _SURE)
    accuracy = float(((said >= 0.5) == truth).mean())
    # the first row has no label before it, and counts as missed
    no_change = float((truth[1:] == truth[:-1]).sum() / len(truth))
    return Realised(
        labels=len(truth),
        positives=int(truth.sum()),
        accuracy=accuracy,
        log_loss=float(-np.where(truth, np.log(sure), np.log1p(-sure)).mean()),
        brier=float(((said - truth) ** 2).mean()),
        ece=calibration_error(truth, said),
        no_change=no_change,
        kappa_t=None if no_change >= 1 else (accuracy - no_change) / (1 - no_change),
    )


def estimated(probabilities: Sequence[float] | Floats) -> Estimated | None:
    """Return the figures to be expected if the probabilities are true; None without any.

    A row of probability p is right at the border of .5 with max(p, 1 - p), and its squared error is p (1 - p) in the
    mean: so the estimate is as good as the calibration. The standard errors are those of labels drawn from p.

    >>> found = estimated([0.9, 0.2, 0.4, 0.8])
    >>> round(found.accuracy, 3), round(found.brier, 4), round(found.accuracy_error, 3)
    (0.775, 0.1625, 0.202)
    """
    said = np.asarray(probabilities, dtype=np.float64)
    if not len(said):
        return None
    right, spread = np.maximum(said, 1 - said), said * (1 - said)
    sure = np.clip(said, _SURE, 1 - _SURE)
    return Estimated(
        rows=len(said),
        accuracy=float(right.mean()),
        log_loss=float(-(sure * np.log(sure) + (1 - sure) * np.log1p(-sure)).mean()),
        brier=float(spread.mean()),
        accuracy_error=float(np.sqrt(spread.sum()) / len(said)),
        brier_error=float(np.sqrt((spread * (1 - 2 * said) ** 2).sum()) / len(said)),
    )
