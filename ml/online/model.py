"""One online model: a target with two outcomes, learnt test-then-train by eight learners and served by their blend."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from domain.learners import LEARNERS
from ml.arrays import Floats
from ml.errors import FeatureError
from ml.online.blend import BLENDED, EDGE, EXPERTS, Blend
from ml.online.encoding import FeatureEncoder, Features, Row
from ml.online.learner_set import LearnerSet
from ml.online.prequential import Prequential
from ml.online.race import Race
from ml.online.results import OnlineReport, OnlineScore, RaceReport

#: outcomes of the rarer class at which half of the confidence is reached that numbers can give
HALF_SURE = 40


class OnlineModel:
    """Scores a snapshot's features, and learns from its outcome.

    It draws random numbers from `seed` alone: the same outcomes give the same state and scores, bit for bit. `prior` is
    the probability before the first outcome; one of 0 or 1 is taken for nearly so.

    >>> model = OnlineModel(seed=0, prior=0.2)
    >>> model.score({"views": 3}).probability, model.score({"views": 3}).confidence
    (0.2, 0.0)
    >>> for row in range(60):
    ...     _ = model.learn({"views": row % 6}, row % 6 > 2)
    >>> model.score({"views": 5}).probability > 0.7 > 0.3 > model.score({"views": 0}).probability
    True
    >>> model.signals
    60
    """

    def __init__(self, seed: int, *, prior: float = 0.5) -> None:
        self.seed = seed
        self.signals = 0
        self.encoder_ = FeatureEncoder()
        self.learners_ = LearnerSet(seed)
        inside = min(max(prior, EDGE), 1 - EDGE)
        self.blend_ = Blend(np.array([1 - inside, inside]))
        self.served_ = Prequential(2)
        self.unchanged_ = 0
        self.race_ = Race(2)

    def score(self, features: Features) -> OnlineScore:
        """Return the score; nothing is learnt."""
        return self._score(self._experts(self.encoder_.encode(features)))

    def learn(self, features: Features, label: bool, served: Sequence[float] | None = None) -> OnlineScore:
        """Take an outcome and return the score before it was learnt.

        `served` is what the experts said when the snapshot was scored (`OnlineScore.experts`): weights are judged by
        that, else by what they say now. Raises FeatureError when it is not one probability for each of EXPERTS.
        """
        encoded = self.encoder_.encode(features)
        experts = self._experts(encoded)
        score = self._score(experts)
        judged = experts if served is None else _of_positives(served)
        outcome = int(label)
        self._judge(judged, outcome)
        self.blend_.learn(judged, outcome)
        if self.encoder_.learn(features, bool(label)):
            encoded = self.encoder_.encode(features)
        self.learners_.learn(*encoded, bool(label))
        self.signals += 1
        return score

    def report(self) -> OnlineReport:
        """Return the figures over all outcomes so far."""
        no_change = self.unchanged_ / self.signals if self.signals else None
        figures = self.served_.figures(no_change) if self.signals else None
        raced = self.race_.served_.figures() if self.signals else None
        return OnlineReport(
            signals=self.signals,
            positives=int(self.served_.came_[1]),
            accuracy=None if figures is None else figures.accuracy,
            log_loss=None if figures is None else figures.log_loss,
            ece=None if figures is None else figures.ece,
            kappa=None if figures is None else figures.kappa,
            kappa_t=None if figures is None else figures.kappa_t,
            no_change=no_change,
            weights=self.blend_.named_weights(),
            calibrated=self.blend_.calibrated(),
            leader=LEARNERS[self.race_.best_of_late()],
            race=RaceReport(
                leader=LEARNERS[self.race_.leader_],
                accuracy=None if raced is None else raced.accuracy,
                log_loss=None if raced is None else raced.log_loss,
                changes=self.race_.changes_,
            ),
        )

    def _experts(self, encoded: tuple[Row, Row]) -> Floats:
        said = self.learners_.predict(*encoded)
        positive = np.full(len(LEARNERS), self.blend_.rates_.prior[1]) if said is None else said
        return self.blend_.experts(np.stack([1 - positive, positive], axis=1))

    def _score(self, experts: Floats) -> OnlineScore:
        probability = float(experts[-1, 1])
        return OnlineScore(
            probability=probability,
            confidence=self._confidence(experts, probability),
            experts=tuple(experts[:, 1].tolist()),
            signals=self.signals,
        )

    def _confidence(self, experts: Floats, probability: float) -> float:
        rarer = float(self.served_.came_.min())
        apart = math.sqrt(self.blend_.weights() @ (experts[: len(BLENDED), 1] - probability) ** 2)
        return rarer / (rarer + HALF_SURE) * max(0.0, 1 - 2 * apart)

    def _judge(self, experts: Floats, outcome: int) -> None:
        last = self.blend_.rates_.last_
        self.unchanged_ += outcome == (0 if last is None else last)
        self.served_.learn(experts[-1], outcome)
        self.race_.judge(experts[: len(LEARNERS)], outcome)
        self.race_.learn(experts[: len(LEARNERS)], outcome)


def _of_positives(served: Sequence[float]) -> Floats:
    positive = np.asarray(served, dtype=np.float64)
    if positive.shape != (len(EXPERTS),) or not ((positive > 0) & (positive < 1)).all():
        raise FeatureError(f"served must be {len(EXPERTS)} probabilities, in the order of EXPERTS")
    return np.stack([1 - positive, positive], axis=1)
