"""Weights over experts by their log-loss, of which a share is dealt out anew after each outcome (fixed share).

Herbster and Warmuth, "Tracking the best expert", Machine Learning 32, 1998. Without a share, weights follow the expert
that was best over all time; with one, an expert that gets better is found within about 1 / share outcomes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ml.arrays import Floats

#: outcomes for which weights are learnt at a rate of 1, whatever their own; from there on it falls as 1 / outcomes, to
#: their own. So the first hundred outcomes tell who is good, and a thousand are followed calmly
QUICK_FOR = 100


class FixedShare:
    """Weights of several experts, kept at several rates and shares at once.

    Each pair of a rate and a share is a row of weights.

    >>> shares = FixedShare(2, rates=(1.0, 1.0), shares=(0.0, 0.05))
    >>> for _ in range(20):
    ...     shares.learn(np.array([0.9, 0.5]))
    >>> shares.weights_.round(3)
    array([[1.   , 0.   ],
           [0.946, 0.054]])
    """

    def __init__(self, experts: int, rates: Sequence[float], shares: Sequence[float]) -> None:
        self.rates = np.asarray(rates, dtype=np.float64)[:, None]
        self.kept = 1 - np.asarray(shares, dtype=np.float64)[:, None]
        self.dealt = np.asarray(shares, dtype=np.float64)[:, None] / experts
        self.settled = QUICK_FOR / float(self.rates.min())
        self.rows_ = 0
        self.weights_: Floats = np.full((len(rates), experts), 1 / experts)

    def mix(self, probabilities: Floats) -> Floats:
        """Return the mixture of each row of weights; `probabilities` is experts by classes."""
        mixed: Floats = self.weights_ @ probabilities
        return mixed

    def learn(self, of_outcome: Floats) -> None:
        """Take what each expert had given as the probability of what happened, which must not be 0."""
        self.rows_ += 1
        rates = self.rates if self.rows_ > self.settled else np.maximum(self.rates, min(1.0, QUICK_FOR / self.rows_))
        weights: Floats = self.weights_ * of_outcome**rates
        weights /= weights.sum(axis=1, keepdims=True)
        self.weights_ = self.kept * weights + self.dealt
