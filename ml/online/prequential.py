"""Test-then-train figures, kept as outcomes come: each outcome is scored before it is learnt."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ml.arrays import Floats
from ml.errors import LabelsError

_BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PrequentialFigures:
    """Figures over the outcomes so far."""

    rows: int
    accuracy: float
    log_loss: float
    #: calibration error of the class that is said, or of the positive one if there are two; ten bins of equal width
    ece: float
    #: None where guessing by the class rates is always right
    kappa: float | None
    #: None where "as last time" is always right, or is not known
    kappa_t: float | None


class Prequential:
    """Running figures of one scorer over two classes or more.

    >>> figures = Prequential(2)
    >>> for label in (0, 1, 1):
    ...     figures.learn(np.array([0.4, 0.6]), label)
    >>> round(figures.figures(no_change=0.5).accuracy, 3), round(figures.figures(no_change=0.5).kappa_t, 3)
    (0.667, 0.333)
    """

    def __init__(self, classes: int) -> None:
        self.rows_ = 0
        self.right_ = 0
        self.loss_ = 0.0
        self.said_: Floats = np.zeros(classes)
        self.came_: Floats = np.zeros(classes)
        #: a bin: rows, sum of probabilities, how often it came true
        self.bins_: Floats = np.zeros((_BINS, 3))

    def learn(self, probabilities: Floats, label: int) -> None:
        """Take what was said of each class, and the class that came."""
        binary = len(probabilities) == 2
        said = int(probabilities[1] >= 0.5) if binary else int(probabilities.argmax())
        judged = 1 if binary else said
        probability = float(probabilities[judged])
        self.rows_ += 1
        self.right_ += said == label
        self.loss_ -= math.log(max(float(probabilities[label]), 1e-12))
        self.said_[said] += 1
        self.came_[label] += 1
        self.bins_[min(int(probability * _BINS), _BINS - 1)] += (1.0, probability, judged == label)

    def figures(self, no_change: float | None = None) -> PrequentialFigures:
        """Return the figures; `no_change` is the accuracy of "as last time", which kappa-T is measured against.

        Raises LabelsError before the first outcome.
        """
        if not self.rows_:
            raise LabelsError("no outcome was learnt yet, so there is nothing to measure")
        accuracy = self.right_ / self.rows_
        chance = float(self.said_ @ self.came_) / self.rows_**2
        return PrequentialFigures(
            rows=self.rows_,
            accuracy=accuracy,
            log_loss=self.loss_ / self.rows_,
            ece=float(np.abs(self.bins_[:, 1] - self.bins_[:, 2]).sum()) / self.rows_,
            kappa=_beyond(accuracy, chance),
            kappa_t=None if no_change is None else _beyond(accuracy, no_change),
        )


def _beyond(accuracy: float, reference: float) -> float | None:
    """Return which share of a reference's errors is avoided; None where it makes none."""
    return None if reference >= 1 else (accuracy - reference) / (1 - reference)
