"""Sigmoid calibration of scores, and the calibration error over bins of equal count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.arrays import Bools, Floats, expit, logit

_STEPS = 50
#: keeps the fit finite when a score separates the classes
_RIDGE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """A run of rows with neighbouring probabilities: what was predicted and what was observed."""

    low: float
    high: float
    #: mean probability
    said: float
    #: share of positives
    came: float
    rows: int
    positives: int


def sigmoid_fit(log_odds: Floats, labels: Bools) -> tuple[float, float]:
    """Return slope and intercept that make `slope * log_odds + intercept` calibrated; the slope is never negative.

    `log_odds` must be out of fold.

    >>> slope, intercept = sigmoid_fit(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([False, True, False, True]))
    >>> 0 < slope < 1, abs(intercept) < 1e-6
    (True, True)
    """
    # Platt's targets: a little short of 0 and 1, so that few rows do not make us certain
    positives, negatives = int(labels.sum()), int((~labels).sum())
    target = np.where(labels, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    slope, intercept = _newton(np.column_stack([log_odds, np.ones_like(log_odds)]), target)
    if slope > 0:
        return slope, intercept
    # the score ranks the wrong way round: nothing was learnt, and the base rate is the honest answer
    return 0.0, float(logit((positives + 1) / (positives + negatives + 2)))


def slope_of(labels: Bools, probabilities: Floats) -> float:
    """Return the calibration slope: 1 is right, below 1 is over-confident; NaN when every probability is the same."""
    score = logit(np.clip(probabilities, 1e-6, 1 - 1e-6))
    if np.ptp(score) == 0:
        return float("nan")
    return _newton(np.column_stack([score, np.ones_like(score)]), labels.astype(np.float64))[0]


def bins(labels: Bools, probabilities: Floats, *, count: int = 10) -> tuple[Bin, ...]:
    """Return rows sorted by probability into bins of equal count, lowest first."""
    order = np.argsort(probabilities, kind="stable")
    parts = [part for part in np.array_split(order, count) if len(part)]
    return tuple(_bin(labels[part], probabilities[part]) for part in parts)


def expected_error(labels: Bools, probabilities: Floats, *, count: int = 10) -> float:
    """Return the expected calibration error over bins of equal count, 0 to 1; 0 is perfect."""
    parts = bins(labels, probabilities, count=count)
    return sum(part.rows * abs(part.said - part.came) for part in parts) / sum(part.rows for part in parts)


def _bin(labels: Bools, probabilities: Floats) -> Bin:
    return Bin(
        low=float(probabilities[0]),
        high=float(probabilities[-1]),
        said=float(probabilities.mean()),
        came=float(labels.mean()),
        rows=len(labels),
        positives=int(labels.sum()),
    )


def _newton(design: Floats, target: Floats) -> tuple[float, float]:
    weights = np.zeros(2)
    for _ in range(_STEPS):
        p = expit(design @ weights)
        gradient = design.T @ (p - target) + _RIDGE * weights
        curvature = (design * (p * (1 - p))[:, None]).T @ design + _RIDGE * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        # a full Newton step may overshoot where the curvature is thin
        weights -= step * min(1.0, 4.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-10:
            break
    return float(weights[0]), float(weights[1])
