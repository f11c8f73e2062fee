"""Learners of a question with more than two answers: eight for each class, which learn that class against the rest."""

from __future__ import annotations

import random
from time import perf_counter

import numpy as np

from domain.learners import LEARNERS
from ml.arrays import Floats
from ml.online.encoding import Row
from ml.online.learner_set import LearnerSet

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
        self.seconds_: Floats = np.zeros(len(LEARNERS))
        self._random = random.Random(seed)

    def predict(self, raw: Row, scaled: Row) -> Floats:
        """Return what each learner says of each class, LEARNERS by classes; rows add up to 1 or are all alike."""
        said = np.full((len(LEARNERS), len(self.sets_)), 1 / self.classes)
        for column, learners in enumerate(self.sets_):
            if learners.rows_:
                for place in range(len(LEARNERS)):
                    started = perf_counter()
                    said[place, column] = learners.ask(place, raw, scaled)
                    self.seconds_[place] += perf_counter() - started
        if self.classes == 2:
            return np.concatenate([1 - said, said], axis=1)
        corrected = self._corrected(said)
        sums = corrected.sum(axis=1, keepdims=True)
        return np.where(sums > 0, corrected / np.where(sums > 0, sums, 1), 1 / self.classes)

    def learn(self, raw: Row, scaled: Row, label: int) -> None:
        """Take an outcome: the number of its class."""
        for column in [0] if self.classes == 2 else self._learning(label):
            answer = label == (1 if self.classes == 2 else column)
            learners = self.sets_[column]
            for place in range(len(LEARNERS)):
                started = perf_counter()
                learners.teach(place, raw, scaled, answer)
                self.seconds_[place] += perf_counter() - started
            learners.count(len(raw))

    def _learning(self, label: int) -> list[int]:
        """Return the classes that learn from a row: its own, and its rivals."""
        others = [column for column in range(self.classes) if column != label]
        if len(others) > MOST_RIVALS:
            others = self._random.sample(others, MOST_RIVALS)
        return sorted([label, *others])

    def _corrected(self, said: Floats) -> Floats:
        """Return probabilities with the odds that they would have if every class had learnt from every row."""
        share = min(1.0, MOST_RIVALS / (self.classes - 1))
        corrected: Floats = said * share / (said * share + 1 - said)
        return corrected
