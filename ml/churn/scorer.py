"""The churn model: logistic regression, gradient boosting and random forest, stacked out of fold and calibrated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np

from ml.arrays import Bools, Floats, Ints, ModelState, expit
from ml.churn import derived_sums
from ml.churn.survival import Curves
from ml.ensemble.cross_validation import FOLDS, FittedEnsemble, Progress
from ml.ensemble.explained import clamped
from ml.ensemble.options import USUAL, EnsembleOptions
from ml.ensemble.preprocessing import EncodedRows
from ml.ensemble.scorer import EnsembleScorer
from ml.profiles import FeatureMatrix


class ChurnScorer(EnsembleScorer):
    """Score the risk that leads go cold. All three members are kept, also those without a weight.

    >>> rows = [{"showings": float(i % 5), "silence_days": float(i % 7)} for i in range(300)]
    >>> scorer = ChurnScorer().fit(FeatureMatrix.from_rows(rows), [i % 7 > 3 for i in range(300)], seed=0)
    >>> lead = FeatureMatrix.from_rows([{"showings": 1.0, "silence_days": 6.0}])
    >>> float(scorer.probabilities(lead)[0]) > 0.9, sorted(scorer.members(lead))
    (True, ['gb', 'lr', 'rf'])
    """

    kind = "churn"
    higher_is_better = False
    keeps_all_members = True

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
        self.sums_: derived_sums.Sums = derived_sums.find(matrix)
        #: when those at risk go cold; None until `follow` was given what is known of it
        self.curves_: Curves | None = None
        widened = derived_sums.add(matrix, self.sums_)
        return super().learn(widened, labels, seed=seed, folds=folds, groups=groups, options=options, progress=progress)

    def members(self, matrix: FeatureMatrix) -> dict[str, Floats]:
        """Return each member's probability of each lead, also those of members without a weight."""
        ensemble = self._fitted()
        return self._member_probabilities(ensemble.margins(self._read(matrix), ensemble.members))

    def together(self, matrix: FeatureMatrix) -> tuple[Floats, dict[str, Floats]]:
        """Return the results of `quick` and of `members` from one pass over the trees."""
        ensemble = self._fitted()
        margins = ensemble.margins(self._read(matrix), ensemble.members)
        return clamped(ensemble.joined(margins, len(matrix))), self._member_probabilities(margins)

    def known(self, matrix: FeatureMatrix) -> Floats:
        """Return the share of the model's features that are known of each lead."""
        known = self._read(matrix).known
        return known.mean(axis=1) if known.shape[1] else np.zeros(len(matrix))

    def state(self) -> ModelState:
        """Return the fitted state as plain values and arrays, for an artifact."""
        learnt = super().state()
        curves = None if self.curves_ is None else self.curves_.state()
        return {**learnt, "sums": {name: list(parts) for name, parts in self.sums_.items()}, "curves": curves}

    @classmethod
    def restore(cls, state: ModelState) -> Self:
        """Return the scorer that gave this `state`."""
        scorer = super().restore(state)
        scorer.sums_ = {name: tuple(parts) for name, parts in state["sums"].items()}
        scorer.curves_ = None if state["curves"] is None else Curves.restore(state["curves"])
        return scorer

    def _read(self, matrix: FeatureMatrix) -> EncodedRows:
        return super()._read(derived_sums.add(matrix, self.sums_))

    @staticmethod
    def _member_probabilities(margins: Mapping[str, Floats]) -> dict[str, Floats]:
        return {name: expit(margin) for name, margin in margins.items()}
