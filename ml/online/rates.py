"""Experts that look at no feature: the base rate, the rate of late, and "as last time"."""

from __future__ import annotations

import numpy as np

from ml.arrays import Floats

#: outcomes that the prior counts as
_PRIOR = 2.0
#: outcomes that the rate of late remembers; those that "as last time" remembers, for each class
RECENT, LAST = 100.0, 200.0


class ClassRates:
    """Rates of classes over all outcomes, over those of late, and after each class.

    >>> rates = ClassRates(np.array([0.5, 0.5]))
    >>> for label in (0, 0, 0, 1):
    ...     rates.learn(label)
    >>> rates.probabilities().round(2)
    array([[0.67, 0.33],
           [0.67, 0.33],
           [0.5 , 0.5 ]])
    """

    def __init__(self, prior: Floats) -> None:
        self.prior = prior
        self.counts_: Floats = _PRIOR * prior
        self.recent_: Floats = _PRIOR * prior
        #: how often a class stayed and how often another followed it, with forgetting
        self.stayed_: Floats = _PRIOR * prior
        self.left_: Floats = _PRIOR * (1 - prior)
        self.last_: int | None = None

    def probabilities(self) -> Floats:
        """Return three rows: the base rate, the rate of late, as last time."""
        base, recent = self.counts_ / self.counts_.sum(), self.recent_ / self.recent_.sum()
        return np.stack([base, recent, base if self.last_ is None else self._as_last_time(base, self.last_)])

    def learn(self, label: int) -> None:
        """Take an outcome: the number of its class."""
        self.counts_[label] += 1
        self.recent_ *= 1 - 1 / RECENT
        self.recent_[label] += 1
        last = self.last_
        if last is not None:
            self.stayed_[last] = (1 - 1 / LAST) * self.stayed_[last] + (last == label)
            self.left_[last] = (1 - 1 / LAST) * self.left_[last] + (last != label)
        self.last_ = label

    def _as_last_time(self, base: Floats, last: int) -> Floats:
        stays = self.stayed_[last] / (self.stayed_[last] + self.left_[last])
        others = base.copy()
        others[last] = 0.0
        others *= (1 - stays) / others.sum()
        others[last] = stays
        return others
