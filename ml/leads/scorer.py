"""The lead scorer: a calibrated ensemble whose contributions add up to the log-odds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Self

import numpy as np

from ml.ensemble.column_types import Codes, mask
from ml.ensemble.cross_validation import FOLDS, FittedEnsemble, Progress, fit_ensemble
from ml.ensemble.ensemble import Ensemble, added, of_linear
from ml.ensemble.intervals import Coverage, cover
from ml.ensemble.linear import LinearModel
from ml.ensemble.preprocessing import MIN_ROWS, MOST_LEVELS, EncodedRows, Preprocessing
from ml.errors import LabelsError, NotFittedError
from ml.explain import OTHER, describe
from ml.features.catalogue import better, group_of
from ml.leads.results import Explained, LeadScore, assemble, clamped
from ml.profiles import FeatureMatrix
from ml.training.calibration import Bools, Floats


class LeadScorer:
    """Scores leads from what was learnt of closed ones.

    >>> rows = [{"showings": float(i % 5), "source": "referral" if i % 3 else "portal"} for i in range(300)]
    >>> labels = [i % 5 > 2 for i in range(300)]
    >>> scorer = LeadScorer().fit(FeatureMatrix.from_rows(rows), labels, seed=0)
    >>> lead = scorer.score(FeatureMatrix.from_rows([{"showings": 4.0, "source": "portal"}]))[0]
    >>> lead.probability, lead.up[0].text
    (0.99, '4 showings')
    """

    kind = "lead_score"
    #: whether what is scored is good for us: its good signs should count for it
    welcome = True
    #: whether all members are kept, also those that count nothing
    whole = False

    def __init__(self, *, min_rows: int = MIN_ROWS, most_levels: int = MOST_LEVELS) -> None:
        #: rows that a level, or the absence of a value, needs for a weight of its own
        self.min_rows = min_rows
        #: levels of a category beyond these are one `other`
        self.most_levels = most_levels

    def fit(self, matrix: FeatureMatrix, labels: Sequence[bool] | Bools, *, seed: int) -> Self:
        """Learn from closed leads. Raises LabelsError with fewer than two of a class."""
        self.learn(matrix, labels, seed=seed)
        return self

    def learn(
        self,
        matrix: FeatureMatrix,
        labels: Sequence[bool] | Bools,
        *,
        seed: int,
        folds: int = FOLDS,
        groups: Codes | None = None,
        progress: Progress | None = None,
    ) -> FittedEnsemble:
        """Do what `fit` does, and give what was said out of fold on the way."""
        truth = checked_labels(matrix, labels, least=2)
        sizes = {"min_rows": self.min_rows, "most_levels": self.most_levels}
        learnt = fit_ensemble(
            matrix, truth, seed=seed, folds=folds, whole=self.whole, groups=groups, progress=progress, **sizes
        )
        self.ensemble_ = learnt.ensemble
        self.coverage_: Coverage | None = cover(learnt.unseen, truth, learnt.fold)
        return learnt

    @property
    def features_(self) -> tuple[str, ...]:
        """The features that count, numbers first."""
        return self._fitted().plan.features

    @property
    def base_(self) -> float:
        """Log-odds of the average lead."""
        return self._fitted().base

    @property
    def dropped_(self) -> Mapping[str, str]:
        """Column -> why it is not learnt from."""
        return self._fitted().plan.dropped

    def score(self, matrix: FeatureMatrix, *, explain: int = 3) -> list[LeadScore]:
        """Score leads, each with up to `explain` reasons for and against it. Raises NotFittedError."""
        return assemble(self.explained(matrix), explain=explain)

    def log_odds(self, matrix: FeatureMatrix) -> Floats:
        """Give each lead's log-odds."""
        ensemble = self._fitted()
        return ensemble.base + added(ensemble.contributions(self._read(matrix)))

    def probabilities(self, matrix: FeatureMatrix) -> Floats:
        """Give each lead's calibrated probability, 0.01 to 0.99."""
        return clamped(self.log_odds(matrix))

    def quick(self, matrix: FeatureMatrix) -> Floats:
        """Give many leads' probabilities without reasons, faster; the log-odds differ by rounding only."""
        return clamped(self._fitted().quick(self._read(matrix)))

    def explained(self, matrix: FeatureMatrix) -> Explained:
        """Give what each feature contributes to each lead's log-odds."""
        ensemble = self._fitted()
        cells = self._read(matrix)
        contributions = ensemble.contributions(cells)
        return Explained(
            features=self.features_,
            base=ensemble.base,
            contributions=contributions,
            known=cells.known,
            absurd=_absurd(ensemble.plan, cells, contributions if self.welcome else -contributions),
            contextual=mask([group_of(name) == "contextual" for name in self.features_]),
            text=_texts(ensemble.plan, cells),
            interval=None if self.coverage_ is None else self.coverage_.bounds,
        )

    def coverage(self) -> Coverage | None:
        """Give how wide the intervals are and how often they held; None where nobody measured them."""
        self._fitted()
        return self.coverage_

    def state(self) -> dict[str, Any]:
        """Give all that was learnt as plain values and arrays, for an artifact."""
        learnt, coverage = self._fitted().state(), self.coverage_
        return {
            "min_rows": self.min_rows,
            "most_levels": self.most_levels,
            "coverage": None if coverage is None else asdict(coverage),
            **learnt,
        }

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> Self:
        """Make the scorer again whose `state` this is; one from before there were ensembles is a line alone."""
        scorer = cls(min_rows=state["min_rows"], most_levels=state["most_levels"])
        if "blend" in state:
            scorer.ensemble_ = Ensemble.restore(state)
            scorer.coverage_ = None if state["coverage"] is None else Coverage(**state["coverage"])
        else:
            scorer.ensemble_ = of_linear(Preprocessing.restore(state), LinearModel.restore(state))
            scorer.coverage_ = None
        return scorer

    def _read(self, matrix: FeatureMatrix) -> EncodedRows:
        return self._fitted().plan.read(matrix)

    def _fitted(self) -> Ensemble:
        if not hasattr(self, "ensemble_"):
            raise NotFittedError(NotFittedError.__doc__)
        return self.ensemble_


def checked_labels(matrix: FeatureMatrix, labels: Sequence[bool] | Bools, *, least: int) -> Bools:
    """Give labels as an array. Raises LabelsError unless there is one a row and at least `least` of each class."""
    truth = np.asarray(labels, dtype=np.bool_)
    if truth.shape != (len(matrix),):
        raise LabelsError("labels and rows differ in number; give one label for each row")
    if min(int(truth.sum()), int((~truth).sum())) < least:
        raise LabelsError(f"fewer than {least} rows of one outcome; record more outcomes first")
    return truth


def _absurd(plan: Preprocessing, cells: EncodedRows, contributions: Floats) -> Bools:
    """Mark what contradicts sense: nothing known as a plus, a good sign as a minus, a bad one as a plus."""
    absurd = ~cells.known & (contributions > 0)
    width = cells.found.shape[1]
    direction = np.array([better(name) for name in plan.numbers.names], dtype=np.float64)
    against = plan.numbers.standardised(cells.found) * direction * contributions[:, :width] < 0
    absurd[:, :width] |= against & cells.known[:, :width]
    return absurd


def _texts(plan: Preprocessing, cells: EncodedRows) -> Callable[[int, int], str]:
    """Give what says in plain words what a feature of a row is, by their positions."""
    names, width = plan.features, cells.found.shape[1]
    levels = [(*category.levels, OTHER, None) for category in plan.categories]

    def text(row: int, index: int) -> str:
        if index < width:
            value = float(cells.found[row, index])
            return describe(names[index], None if np.isnan(value) else value)
        return describe(names[index], levels[index - width][int(cells.codes[index - width][row])])

    return text
