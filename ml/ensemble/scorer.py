"""The scorer over an ensemble: fitting, log-odds, contributions, intervals and the state for artifacts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import ClassVar, Self

import numpy as np

from ml.arrays import Bools, Floats, Ints, ModelState
from ml.ensemble.column_types import mask
from ml.ensemble.cross_validation import FOLDS, FittedEnsemble, Progress, fit_ensemble
from ml.ensemble.ensemble import Ensemble, added, from_linear
from ml.ensemble.explained import Explained, clamped
from ml.ensemble.intervals import Coverage, cover
from ml.ensemble.linear import LinearModel
from ml.ensemble.options import USUAL, EnsembleOptions
from ml.ensemble.preprocessing import MIN_ROWS, MOST_LEVELS, EncodedRows, Preprocessing
from ml.errors import LabelsError, NotFittedError
from ml.explain import OTHER, describe
from ml.features.catalogue import better, group_of
from ml.profiles import FeatureMatrix


class EnsembleScorer:
    """A calibrated ensemble whose contributions add up to the log-odds. Each kind of model derives from it.

    >>> class Toy(EnsembleScorer):
    ...     kind = "toy"
    >>> rows = [{"showings": float(i % 5)} for i in range(300)]
    >>> toy = Toy().fit(FeatureMatrix.from_rows(rows), [i % 5 > 2 for i in range(300)], seed=0)
    >>> toy.probabilities(FeatureMatrix.from_rows([{"showings": 4.0}, {"showings": 0.0}])).tolist()
    [0.99, 0.01]
    """

    #: the name that artifacts know this kind of scorer by
    kind: ClassVar[str]
    #: whether what is predicted is good for us, so that good signs should count for it
    higher_is_better: ClassVar[bool] = True
    #: whether all members are kept, also those without a weight
    keeps_all_members: ClassVar[bool] = False

    def __init__(self, *, min_rows: int = MIN_ROWS, most_levels: int = MOST_LEVELS) -> None:
        #: rows that a level, or the absence of a value, needs for a weight of its own
        self.min_rows = min_rows
        #: levels of a category beyond these are one `other`
        self.most_levels = most_levels

    def fit(self, matrix: FeatureMatrix, labels: Sequence[bool] | Bools, *, seed: int) -> Self:
        """Fit the scorer to labelled rows. Raises LabelsError with fewer than two of a class."""
        self.learn(matrix, labels, seed=seed)
        return self

    def learn(
        self,
        matrix: FeatureMatrix,
        labels: Sequence[bool] | Bools,
        *,
        seed: int,
        folds: int = FOLDS,
        groups: Ints | None = None,
        options: EnsembleOptions = USUAL,
        progress: Progress | None = None,
    ) -> FittedEnsemble:
        """Fit the scorer and return the fitted ensemble with its out-of-fold log-odds."""
        truth = checked_labels(matrix, labels, least=2)
        sizes = {"min_rows": self.min_rows, "most_levels": self.most_levels}
        learnt = fit_ensemble(
            matrix,
            truth,
            seed=seed,
            folds=folds,
            keep_all=self.keeps_all_members,
            groups=groups,
            options=options,
            progress=progress,
            **sizes,
        )
        self.ensemble_ = learnt.ensemble
        self.coverage_: Coverage | None = cover(learnt.oof_log_odds, truth, learnt.fold)
        return learnt

    @property
    def features_(self) -> tuple[str, ...]:
        """Return the features that count, numbers first."""
        return self._fitted().plan.features

    @property
    def base_(self) -> float:
        """Log-odds of the average lead."""
        return self._fitted().base

    @property
    def dropped_(self) -> Mapping[str, str]:
        """Column -> why the model does not use it."""
        return self._fitted().plan.dropped

    def log_odds(self, matrix: FeatureMatrix) -> Floats:
        """Return each lead's log-odds."""
        ensemble = self._fitted()
        return ensemble.base + added(ensemble.contributions(self._read(matrix)))

    def probabilities(self, matrix: FeatureMatrix) -> Floats:
        """Return each lead's calibrated probability, 0.01 to 0.99."""
        return clamped(self.log_odds(matrix))

    def quick(self, matrix: FeatureMatrix) -> Floats:
        """Return many leads' probabilities without reasons, faster; the log-odds differ by rounding only."""
        return clamped(self.quick_log_odds(matrix))

    def quick_log_odds(self, matrix: FeatureMatrix) -> Floats:
        """Return many leads' log-odds without reasons: what ranks them, since no two that differ are made alike."""
        return self._fitted().quick(self._read(matrix))

    def explained(self, matrix: FeatureMatrix) -> Explained:
        """Return what each feature contributes to each lead's log-odds."""
        ensemble = self._fitted()
        cells = self._read(matrix)
        contributions = ensemble.contributions(cells)
        return Explained(
            features=self.features_,
            base=ensemble.base,
            contributions=contributions,
            known=cells.known,
            absurd=_absurd(ensemble.plan, cells, contributions if self.higher_is_better else -contributions),
            contextual=mask([group_of(name) == "contextual" for name in self.features_]),
            text=_texts(ensemble.plan, cells),
            interval=None if self.coverage_ is None else self.coverage_.bounds,
        )

    def coverage(self) -> Coverage | None:
        """Return how wide the intervals are and how often they held; None where they were not measured."""
        self._fitted()
        return self.coverage_

    def state(self) -> ModelState:
        """Return the fitted state as plain values and arrays, for an artifact."""
        learnt, coverage = self._fitted().state(), self.coverage_
        return {
            "min_rows": self.min_rows,
            "most_levels": self.most_levels,
            "coverage": None if coverage is None else asdict(coverage),
            **learnt,
        }

    @classmethod
    def restore(cls, state: ModelState) -> Self:
        """Return the scorer that gave this `state`; one from before ensembles existed holds a linear model alone."""
        scorer = cls(min_rows=state["min_rows"], most_levels=state["most_levels"])
        if "blend" in state:
            scorer.ensemble_ = Ensemble.restore(state)
            scorer.coverage_ = None if state["coverage"] is None else Coverage(**state["coverage"])
        else:
            scorer.ensemble_ = from_linear(Preprocessing.restore(state), LinearModel.restore(state))
            scorer.coverage_ = None
        return scorer

    def _read(self, matrix: FeatureMatrix) -> EncodedRows:
        return self._fitted().plan.transform(matrix)

    def _fitted(self) -> Ensemble:
        if not hasattr(self, "ensemble_"):
            raise NotFittedError(NotFittedError.__doc__)
        return self.ensemble_


def checked_labels(matrix: FeatureMatrix, labels: Sequence[bool] | Bools, *, least: int) -> Bools:
    """Return labels as an array. Raises LabelsError unless there is one a row and at least `least` of each class."""
    truth = np.asarray(labels, dtype=np.bool_)
    if truth.shape != (len(matrix),):
        raise LabelsError("labels and rows differ in number; give one label for each row")
    if min(int(truth.sum()), int((~truth).sum())) < least:
        raise LabelsError(f"fewer than {least} rows of one outcome; record more outcomes first")
    return truth


def _absurd(plan: Preprocessing, cells: EncodedRows, contributions: Floats) -> Bools:
    """Return which contributions are absurd: unknown as a plus, a good sign as a minus, a bad one as a plus."""
    absurd = ~cells.known & (contributions > 0)
    width = cells.numeric_cells.shape[1]
    direction = np.array([better(name) for name in plan.numbers.names], dtype=np.float64)
    against = plan.numbers.standardised(cells.numeric_cells) * direction * contributions[:, :width] < 0
    absurd[:, :width] |= against & cells.known[:, :width]
    return absurd


def _texts(plan: Preprocessing, cells: EncodedRows) -> Callable[[int, int], str]:
    """Return a function from (row, feature) positions to the feature in plain words."""
    names, width = plan.features, cells.numeric_cells.shape[1]
    levels = [(*category.levels, OTHER, None) for category in plan.categories]
    # many leads of a batch share a value ("no showings"): each is put into words once
    in_words = lru_cache(maxsize=4096)(describe)

    def text(row: int, index: int) -> str:
        if index < width:
            value = float(cells.numeric_cells[row, index]) + 0.0  # no minus zero: it is the same key as zero
            return in_words(names[index], value if value == value else None)  # noqa: PLR0124 - NaN alone differs from itself
        return in_words(names[index], levels[index - width][int(cells.codes[index - width][row])])

    return text
