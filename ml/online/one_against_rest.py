"""Learners of a question with more than two answers: eight for each class, which learn that class against the rest."""

from __future__ import annotations

import random
from time import perf_counter

import numpy as np

from domain.learners import LEARNERS
from ml.arrays import Floats
from ml.online.encoding import Row
from ml.online.learner_set import LearnerSet
from ml.online.learners import build

#: classes beside its own that learn from a row: with fewer classes all do, with more so many are drawn, and what
#: learners say is corrected for it. So the time for a row grows with the classes by what they say alone
MOST_RIVALS = 7
_KNN = LEARNERS.index("knn")


class ClassLearners:
    """Eight learners for two classes, or eight for each class where there are more.

    It measures the seconds of each learner, and so is for evaluations: a state that is kept has none.

    >>> learners = ClassLearners(3, seed=0)
    >>> for label in (0, 1, 2) * 20:
    ...     learners.learn({0: float(label)}, {0: float(label)}, label)
    >>> learners.predict({0: 2.0}, {0: 2.0}).shape
    (8, 3)
    >>> int(learners.predict({0: 2.0}, {0: 2.0})[3].argmax())
    2
    """

    def __init__(self, classes: int, seed: int) -> None:
        self.classes = classes
        self.sets_ = [LearnerSet(seed + place) for place in range(1 if classes == 2 else classes)]
        #: which class is asked whether it is its own: of two, the second; the nearest neighbours of a row are the same
        #: whichever class asks, so that of more classes the neighbours are asked once, for all
        self._asking = [1] if classes == 2 else list(range(classes))
        self._places = [place for place in range(len(LEARNERS)) if classes == 2 or place != _KNN]
        self._neighbours = None if classes == 2 else build(seed)["knn"]
        self.seconds_: Floats = np.zeros(len(LEARNERS))
        self._random = random.Random(seed)

    def predict(self, raw: Row, scaled: Row) -> Floats:
        """Return what each learner says of each class, LEARNERS by classes; rows add up to 1."""
        said = np.full((len(LEARNERS), len(self.sets_)), 1 / self.classes)
        for column, learners in enumerate(self.sets_):
            for place in self._places if learners.rows_ else ():
                started = perf_counter()
                said[place, column] = learners.ask(place, raw, scaled)
                self.seconds_[place] += perf_counter() - started
        if self._neighbours is None:
            return np.concatenate([1 - said, said], axis=1)
        corrected = self._corrected(said)
        started = perf_counter()
        near: dict[int, float] = self._neighbours.predict_proba_one(scaled)
        self.seconds_[_KNN] += perf_counter() - started
        corrected[_KNN] = [near.get(column, 0.0) for column in range(self.classes)]
        sums = corrected.sum(axis=1, keepdims=True)
        return np.where(sums > 0, corrected / np.where(sums > 0, sums, 1), 1 / self.classes)

    def learn(self, raw: Row, scaled: Row, label: int) -> None:
        """Take an outcome: the number of its class."""
        for column in self._learning(label):
            learners = self.sets_[column]
            for place in self._places:
                started = perf_counter()
                learners.teach(place, raw, scaled, label == self._asking[column])
                self.seconds_[place] += perf_counter() - started
            learners.count(len(raw))
        if self._neighbours is not None:
            started = perf_counter()
            self._neighbours.learn_one(scaled, label)
            self.seconds_[_KNN] += perf_counter() - started

    def _learning(self, label: int) -> list[int]:
        """Return the sets that learn from a row: that of its class and those of its rivals."""
        every = range(len(self.sets_))
        if len(every) <= MOST_RIVALS + 1:
            return list(every)
        return sorted([label, *self._random.sample([column for column in every if column != label], MOST_RIVALS)])

    def _corrected(self, said: Floats) -> Floats:
        """Return probabilities with the odds that they would have if every class had learnt from every row."""
        share = min(1.0, MOST_RIVALS / (self.classes - 1))
        corrected: Floats = said * share / (said * share + 1 - said)
        return corrected
