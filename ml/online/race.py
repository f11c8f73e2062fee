"""A race of the learners with one leader: kept as a report beside the blend, never served (decision 29)."""

from __future__ import annotations

import numpy as np

from domain.learners import LEARNERS
from ml.arrays import Floats
from ml.online.prequential import Prequential

#: outcomes that the lead remembers
MEMORY = 500.0
#: standard errors by which another learner must be ahead
NOISE = 2.0


class Race:
    """Who leads, by log-loss of late: the leader changes when another is better by more than noise."""

    def __init__(self, classes: int) -> None:
        self.leader_ = 0
        self.changes_ = 0
        self.served_ = Prequential(classes)
        # moments of each learner's loss minus the leader's, with forgetting
        self.weight_ = 0.0
        self.losses_: Floats = np.zeros(len(LEARNERS))
        self.products_: Floats = np.zeros((len(LEARNERS), len(LEARNERS)))

    def judge(self, learners: Floats, label: int) -> None:
        """Note what came of what the leader says now; `learners` is LEARNERS by classes."""
        self.served_.learn(learners[self.leader_], label)

    def learn(self, learners: Floats, label: int) -> None:
        """Take an outcome and what was said of it, and choose the leader again."""
        losses = -np.log(learners[:, label])
        keep = 1 - 1 / MEMORY
        self.weight_ = keep * self.weight_ + 1
        self.losses_ = keep * self.losses_ + losses
        self.products_ = keep * self.products_ + np.outer(losses, losses)
        self._choose()

    def best_of_late(self) -> int:
        """Return the learner with the lowest log-loss of late."""
        return int(self.losses_.argmin())

    def _choose(self) -> None:
        mean = (self.losses_ - self.losses_[self.leader_]) / self.weight_
        own = self.products_.diagonal()
        squares = (own - 2 * self.products_[:, self.leader_] + own[self.leader_]) / self.weight_
        error = np.sqrt(np.maximum(squares - mean**2, 0.0) / self.weight_)
        ahead = int(mean.argmin())
        if ahead != self.leader_ and mean[ahead] < -NOISE * error[ahead]:
            self.leader_, self.changes_ = ahead, self.changes_ + 1
