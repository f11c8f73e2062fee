"""Contributions of features to the log-odds of rows, and the probabilities they add up to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ml.arrays import Bools, Floats, expit
from ml.ensemble.ensemble import added

#: no probability is surer than these
LOWEST, HIGHEST = 0.01, 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """The contribution of each feature to each lead's log-odds: arrays of [leads, features]."""

    features: tuple[str, ...]
    base: float
    contributions: Floats
    known: Bools
    #: contributions that contradict sense and are never shown as a reason
    absurd: Bools
    #: features that tell who a lead is, the others tell what it does
    contextual: Bools
    #: (lead, feature) -> plain words
    text: Callable[[int, int], str]
    #: probabilities -> the bounds of each; None where nobody measured them
    interval: Callable[[Floats], tuple[Floats, Floats]] | None = None

    def log_odds(self) -> Floats:
        """Return each lead's log-odds, added in order, so that a batch gives what one lead alone gives."""
        return self.base + added(self.contributions)


def clamped(log_odds: Floats) -> Floats:
    """Return the probabilities of log-odds, kept within 0.01 and 0.99: no score claims to be certain."""
    sure: Floats = np.clip(expit(log_odds), LOWEST, HIGHEST)
    return sure
