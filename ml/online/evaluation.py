"""Test-then-train over a whole stream: each learner, the race and the blend, with outcomes that come late."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from domain.learners import LEARNERS, LearnerType
from ml.arrays import Floats
from ml.errors import LabelsError
from ml.monitoring.detectors import DriftDetector
from ml.online.blend import Blend
from ml.online.drift_score import DriftFigures, Positions, score_drift
from ml.online.encoding import FeatureEncoder, Features
from ml.online.one_against_rest import ClassLearners
from ml.online.prequential import Prequential, PrequentialFigures
from ml.online.race import Race

#: eight learners for each class are held in memory
MOST_CLASSES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerFigures:
    """One learner alone."""

    accuracy: float
    kappa: float | None
    log_loss: float
    #: rows that it alone scores and learns in a second
    rows_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BlendFigures:
    """What serves."""

    accuracy: float
    log_loss: float
    ece: float
    kappa: float | None
    #: None where "as last time" is always right
    kappa_t: float | None
    #: expert -> its weight after the last outcome, the largest first
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class RaceFigures:
    """A single leader, who changes when another learner is better by more than noise."""

    accuracy: float
    log_loss: float
    leader: str
    changes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoChange:
    """The outcome known last, said again."""

    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BestSingle:
    """The learner with the lowest log-loss over the whole stream, known afterwards only."""

    name: str
    accuracy: float
    log_loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFigures:
    """All of it; every row is scored before its outcome is learnt."""

    rows: int
    classes: int
    #: rows after which an outcome is known
    delay: int
    learners: Mapping[str, LearnerFigures]
    blend: BlendFigures
    race: RaceFigures
    no_change: NoChange
    best_single: BestSingle
    drift: DriftFigures


def evaluate(
    rows: Sequence[Features],
    labels: Sequence[str],
    *,
    seed: int = 0,
    delay: int = 0,
    positions: Positions | None = None,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> StreamFigures:
    """Run a stream in its order; the outcome of a row is learnt when `delay` later rows were scored.

    Of two classes the second in order of their names is the positive one. `positions` say where the stream really
    changes. `progress` is given the numbers of the rows and yields them. Raises LabelsError for fewer than two classes
    or more than MOST_CLASSES.

    >>> features = [{"views": row % 5} for row in range(200)]
    >>> figures = evaluate(features, ["yes" if row % 5 > 2 else "no" for row in range(200)])
    >>> figures.rows, figures.blend.accuracy > 0.9, figures.drift.detections
    (200, True, ())
    """
    names = sorted(set(labels))
    if not 2 <= len(names) <= MOST_CLASSES:
        raise LabelsError(f"the target has {len(names)} values; a stream needs 2 to {MOST_CLASSES}")
    stream = _Stream(len(names), seed)
    numbers = {name: number for number, name in enumerate(names)}
    for row in progress(range(len(rows))):
        stream.score(rows[row], numbers[labels[row]])
        if len(stream.waiting) > delay:
            stream.learn()
    return stream.figures(delay, positions)


@dataclass(frozen=True, slots=True)
class _Scored:
    """A row whose outcome is not known yet."""

    features: Features
    experts: Floats
    label: int


class _Stream:
    def __init__(self, classes: int, seed: int) -> None:
        self.encoder = FeatureEncoder()
        self.learners = ClassLearners(classes, seed)
        self.blend = Blend(np.full(classes, 1 / classes))
        self.served = Prequential(classes)
        self.alone = [Prequential(classes) for _ in LEARNERS]
        self.race = Race(classes)
        self.detector = DriftDetector()
        self.unchanged = 0
        self.warnings: list[int] = []
        self.detections: list[int] = []
        self.waiting: deque[_Scored] = deque()

    def score(self, features: Features, label: int) -> None:
        """Score a row, judge what was said, and let it wait for its outcome."""
        experts = self.blend.experts(self.learners.predict(*self.encoder.encode(features)))
        self.served.learn(experts[-1], label)
        self.race.judge(experts[: len(LEARNERS)], label)
        for figures, said in zip(self.alone, experts, strict=False):
            figures.learn(said, label)
        last = self.blend.rates_.last_
        self.unchanged += label == (0 if last is None else last)
        self.waiting.append(_Scored(features, experts, label))

    def learn(self) -> None:
        """Learn the outcome that is due."""
        scored = self.waiting.popleft()
        self.race.learn(scored.experts[: len(LEARNERS)], scored.label)
        self._watch(scored)
        self.blend.learn(scored.experts, scored.label)
        encoded = self.encoder.encode(scored.features)
        # the importance of a column is that for two sides: of more classes, one half against the other
        if self.encoder.learn(scored.features, 2 * scored.label >= self.learners.classes):
            encoded = self.encoder.encode(scored.features)
        self.learners.learn(*encoded, scored.label)

    def _watch(self, scored: _Scored) -> None:
        finding = self.detector.update(float(int(scored.experts[-1].argmax()) != scored.label))
        if finding is not None and finding.level in ("warning", "retrain"):
            noticed = self.served.rows_ - 1
            (self.detections if finding.level == "retrain" else self.warnings).append(noticed)

    def figures(self, delay: int, positions: Positions | None) -> StreamFigures:
        """Return the figures of the whole stream."""
        alone = dict(zip(LEARNERS, [figures.figures() for figures in self.alone], strict=True))
        best = min(alone, key=lambda name: alone[name].log_loss)
        no_change = self.unchanged / self.served.rows_
        served, raced = self.served.figures(no_change), self.race.served_.figures()
        return StreamFigures(
            rows=self.served.rows_,
            classes=self.learners.classes,
            delay=delay,
            learners=dict(self._learners(alone)),
            blend=BlendFigures(
                accuracy=served.accuracy,
                log_loss=served.log_loss,
                ece=served.ece,
                kappa=served.kappa,
                kappa_t=served.kappa_t,
                weights=self.blend.named_weights(),
            ),
            race=RaceFigures(
                accuracy=raced.accuracy,
                log_loss=raced.log_loss,
                leader=LEARNERS[self.race.leader_],
                changes=self.race.changes_,
            ),
            no_change=NoChange(accuracy=no_change),
            best_single=BestSingle(name=best, accuracy=alone[best].accuracy, log_loss=alone[best].log_loss),
            drift=score_drift(self.warnings, self.detections, positions, delay),
        )

    def _learners(self, alone: Mapping[LearnerType, PrequentialFigures]) -> Iterator[tuple[str, LearnerFigures]]:
        for (name, figures), seconds in zip(alone.items(), self.learners.seconds_.tolist(), strict=True):
            yield (
                name,
                LearnerFigures(
                    accuracy=figures.accuracy,
                    kappa=figures.kappa,
                    log_loss=figures.log_loss,
                    rows_per_second=self.served.rows_ / seconds if seconds else 0.0,
                ),
            )
