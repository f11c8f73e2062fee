"""The eight learners of one question with two answers: what they say, and what they learn."""

from __future__ import annotations

from typing import Any

import numpy as np

from domain.learners import LEARNERS
from ml.arrays import Floats
from ml.online.encoding import Row
from ml.online.learners import LOOK_EVERY, bound_growth, build, shipped


class LearnerSet:
    """Eight learners that see the same rows.

    >>> learners = LearnerSet(seed=0)
    >>> learners.predict({0: 1.0}, {0: 1.0}) is None
    True
    >>> for value in (0.0, 1.0) * 20:
    ...     learners.learn({0: value}, {0: value}, value > 0)
    >>> bool(learners.predict({0: 1.0}, {0: 1.0}).mean() > 0.5)
    True
    """

    def __init__(self, seed: int) -> None:
        self.rows_ = 0
        self.learners_: list[Any] = list(build(seed).values())

    def predict(self, raw: Row, scaled: Row) -> Floats | None:
        """Return the probability of yes, of each of LEARNERS; None while nothing was learnt. Nothing is learnt."""
        if not self.rows_:
            return None  # River's forest would take the first row that it sees as its columns, scored or learnt
        return np.array([self.ask(place, raw, scaled) for place in range(len(LEARNERS))])

    def ask(self, place: int, raw: Row, scaled: Row) -> float:
        """Return what one learner says."""
        said: dict[Any, float] = self.learners_[place].predict_proba_one(_row(place, raw, scaled))
        return said.get(True, 0.0)

    def learn(self, raw: Row, scaled: Row, label: bool) -> None:
        """Take one outcome; now and then look how large the trees have become."""
        for place in range(len(LEARNERS)):
            self.teach(place, raw, scaled, label)
        self.count(len(raw))

    def teach(self, place: int, raw: Row, scaled: Row, label: bool) -> None:
        """Let one learner take an outcome; `count` follows when all have."""
        self.learners_[place].learn_one(_row(place, raw, scaled), label)

    def count(self, columns: int) -> None:
        """Note that an outcome was learnt, of a row of so many columns."""
        self.rows_ += 1
        if self.rows_ % LOOK_EVERY == 0:
            for name, learner in zip(LEARNERS, self.learners_, strict=True):
                bound_growth(name, learner, columns)


def _row(place: int, raw: Row, scaled: Row) -> Row:
    return scaled if shipped()[LEARNERS[place]].input == "scaled" else raw
