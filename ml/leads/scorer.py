"""The lead scorer: a calibrated logistic regression whose contributions add up to the log-odds exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Self

import numpy as np

from ml.errors import LabelsError, NotFittedError
from ml.explain import OTHER, describe
from ml.features.catalogue import better, group_of
from ml.leads import regression
from ml.leads.columns import Codes, kind_of, mask, unfit
from ml.leads.encoding import Category, Numbers, plan_category, plan_numbers
from ml.leads.results import Bools, Explained, Floats, LeadScore, assemble, clamped
from ml.profiles import FeatureMatrix


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

    def __init__(self, *, min_rows: int = 10, most_levels: int = 30) -> None:
        #: rows that a level, or the absence of a value, needs for a weight of its own
        self.min_rows = min_rows
        #: levels of a category beyond these are one `other`
        self.most_levels = most_levels

    def fit(self, matrix: FeatureMatrix, labels: Sequence[bool] | Bools, *, seed: int) -> Self:
        """Learn from closed leads. Raises LabelsError with fewer than two of a class."""
        truth = checked_labels(matrix, labels, least=2)
        # the order of columns is an accident of the source and must not move a bit of the result
        names = sorted(matrix.columns)
        reasons = {name: unfit(matrix, name) for name in names}
        self.dropped_ = dict(matrix.refused) | {name: reason for name, reason in reasons.items() if reason is not None}
        usable = [name for name in names if reasons[name] is None]
        kinds = {name: kind_of(matrix, name) for name in usable}
        self.numbers_ = plan_numbers(
            matrix, [name for name in usable if kinds[name] == "number"], min_rows=self.min_rows
        )
        self.categories_ = tuple(
            plan_category(matrix, name, min_rows=self.min_rows, most=self.most_levels)
            for name in usable
            if kinds[name] == "category"
        )
        self._learn(matrix, truth, seed)
        return self

    @property
    def features_(self) -> tuple[str, ...]:
        """The features that count, numbers first."""
        self._require_fitted()
        return (*self.numbers_.names, *(category.name for category in self.categories_))

    def score(self, matrix: FeatureMatrix, *, explain: int = 3) -> list[LeadScore]:
        """Score leads, each with up to `explain` reasons for and against it. Raises NotFittedError."""
        return assemble(self.explained(matrix), explain=explain)

    def log_odds(self, matrix: FeatureMatrix) -> Floats:
        """Give each lead's log-odds."""
        return self.base_ + self._added(matrix)

    def probabilities(self, matrix: FeatureMatrix) -> Floats:
        """Give each lead's calibrated probability, 0.01 to 0.99."""
        return clamped(self.log_odds(matrix))

    def explained(self, matrix: FeatureMatrix) -> Explained:
        """Give what each feature contributes to each lead's log-odds."""
        found, codes = self._read(matrix)
        contributions = self._contributions(found, codes)
        missing = [held == len(category.levels) + 1 for category, held in zip(self.categories_, codes, strict=True)]
        known = ~np.column_stack([np.isnan(found), *missing])
        return Explained(
            features=self.features_,
            base=self.base_,
            contributions=contributions,
            known=known,
            absurd=self._absurd(found, contributions, known),
            contextual=mask([group_of(name) == "contextual" for name in self.features_]),
            text=lambda row, index: self._text(found, codes, row, index),
        )

    def state(self) -> dict[str, Any]:
        """Give all that was learnt as plain values and arrays, for an artifact."""
        self._require_fitted()
        return {
            "min_rows": self.min_rows,
            "most_levels": self.most_levels,
            "numbers": {part.name: getattr(self.numbers_, part.name) for part in fields(Numbers)},
            "categories": [{part.name: getattr(c, part.name) for part in fields(Category)} for c in self.categories_],
            "weights": self.weights_,
            "effects": list(self.effects_),
            "centre": self.centre_,
            "base": self.base_,
            "penalty": self.penalty_,
            "slope": self.slope_,
            "dropped": dict(self.dropped_),
        }

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> Self:
        """Make the scorer again whose `state` this is."""
        scorer = cls(min_rows=state["min_rows"], most_levels=state["most_levels"])
        numbers = state["numbers"]
        scorer.numbers_ = Numbers(**(numbers | {"names": tuple(numbers["names"])}))
        scorer.categories_ = tuple(Category(**(c | {"levels": tuple(c["levels"])})) for c in state["categories"])
        scorer.weights_, scorer.effects_ = state["weights"], tuple(state["effects"])
        scorer.centre_, scorer.base_ = state["centre"], state["base"]
        scorer.penalty_, scorer.slope_, scorer.dropped_ = state["penalty"], state["slope"], dict(state["dropped"])
        return scorer

    def _learn(self, matrix: FeatureMatrix, truth: Bools, seed: int) -> None:
        found, codes = self._read(matrix)
        terms = [self.numbers_.terms(found), *(c.terms(held) for c, held in zip(self.categories_, codes, strict=True))]
        used = np.concatenate([self.numbers_.used(), *(category.used for category in self.categories_)])
        line = regression.fit(np.hstack(terms)[:, used], truth, seed=seed)
        weights = np.zeros(len(used))
        weights[used] = line.weights
        self.penalty_, self.slope_ = line.penalty, line.slope
        self._share_out(weights)
        # centred on the training rows, so that the base is the average lead
        self.centre_ = np.zeros(len(self.features_))
        self.centre_ = self._contributions(found, codes).mean(axis=0)
        self.base_ = line.intercept + float(self.centre_.sum())

    def _share_out(self, weights: Floats) -> None:
        parts = self.numbers_.knots.shape[1] + 2
        end = parts * len(self.numbers_.names)
        self.weights_ = weights[:end].reshape(parts, -1)
        starts = end + np.cumsum([0, *(len(category.used) for category in self.categories_)])
        self.effects_ = tuple(
            _neutral(weights[start:stop], category.used)
            for category, start, stop in zip(self.categories_, starts[:-1], starts[1:], strict=True)
        )

    def _read(self, matrix: FeatureMatrix) -> tuple[Floats, list[Codes]]:
        self._require_fitted()
        return self.numbers_.read(matrix), [category.read(matrix) for category in self.categories_]

    def _contributions(self, found: Floats, codes: Sequence[Codes]) -> Floats:
        numeric = self.numbers_.effects(found, self.weights_)
        levels = [effects[held] for effects, held in zip(self.effects_, codes, strict=True)]
        return np.column_stack([numeric, *levels]) - self.centre_

    def _added(self, matrix: FeatureMatrix) -> Floats:
        explained = self.explained(matrix)
        return explained.log_odds() - explained.base

    def _absurd(self, found: Floats, contributions: Floats, known: Bools) -> Bools:
        """Mark what contradicts sense: nothing known as a plus, a good sign as a minus, a bad one as a plus."""
        absurd = ~known & (contributions > 0)
        width = found.shape[1]
        direction = np.array([better(name) for name in self.numbers_.names], dtype=np.float64)
        against = self.numbers_.standardised(found) * direction * contributions[:, :width] < 0
        absurd[:, :width] |= against & known[:, :width]
        return absurd

    def _text(self, found: Floats, codes: Sequence[Codes], row: int, index: int) -> str:
        name, width = self.features_[index], found.shape[1]
        if index < width:
            value = float(found[row, index])
            return describe(name, None if np.isnan(value) else value)
        levels = (*self.categories_[index - width].levels, OTHER, None)
        return describe(name, levels[int(codes[index - width][row])])

    def _require_fitted(self) -> None:
        if not hasattr(self, "numbers_"):
            raise NotFittedError(NotFittedError.__doc__)


def checked_labels(matrix: FeatureMatrix, labels: Sequence[bool] | Bools, *, least: int) -> Bools:
    """Give labels as an array. Raises LabelsError unless there is one a row and at least `least` of each class."""
    truth = np.asarray(labels, dtype=np.bool_)
    if truth.shape != (len(matrix),):
        raise LabelsError("labels and rows differ in number; give one label for each row")
    if min(int(truth.sum()), int((~truth).sum())) < least:
        raise LabelsError(f"fewer than {least} rows of one outcome; record more outcomes first")
    return truth


def _neutral(weights: Floats, used: Bools) -> Floats:
    # a level never learnt says nothing: it counts as the average of those learnt
    effects = weights.copy()
    effects[~used] = weights[used].mean() if used.any() else 0.0
    return effects
