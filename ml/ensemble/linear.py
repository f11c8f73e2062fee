"""The linear member: a logistic regression over hinges and levels, with its penalty chosen out of fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from ml.arrays import Bools, Floats, ModelState, logit
from ml.ensemble.options import USUAL, EnsembleOptions
from ml.ensemble.preprocessing import EncodedRows, Preprocessing

#: scikit-learn's C, small is strict
PENALTIES = (0.003, 0.03, 0.3, 3.0)

#: from so many rows on, strict penalties lose for sure
MANY = 30_000

Weights = tuple[Floats, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearModel:
    """A fitted linear model; contributions are measured against the average training row."""

    #: [parts, numeric features]
    weights: Floats
    #: one array a category: a weight for each level, other and missing
    effects: tuple[Floats, ...]
    #: the average contribution of each feature in training
    centre: Floats
    #: log-odds of the average training row
    base: float

    def contributions(self, plan: Preprocessing, cells: EncodedRows) -> Floats:
        """Return what each feature adds to each row's log-odds: [rows, features]."""
        return self._uncentred(plan, cells) - self.centre

    def state(self) -> ModelState:
        """Return the model as plain values and arrays."""
        return {"weights": self.weights, "effects": list(self.effects), "centre": self.centre, "base": self.base}

    @classmethod
    def restore(cls, state: ModelState) -> Self:
        """Return the model that gave this `state`."""
        return cls(
            weights=state["weights"], effects=tuple(state["effects"]), centre=state["centre"], base=state["base"]
        )

    def _uncentred(self, plan: Preprocessing, cells: EncodedRows) -> Floats:
        numeric = plan.numbers.effects(cells.numeric_cells, self.weights)
        return np.column_stack(
            [numeric, *(effects[codes] for effects, codes in zip(self.effects, cells.codes, strict=True))]
        )


def penalties_for(rows: int, fixed: EnsembleOptions = USUAL) -> tuple[float, ...]:
    """Return the penalties worth comparing at this number of rows; one that is fixed alone."""
    if fixed.penalty is not None:
        return (fixed.penalty,)
    return PENALTIES if rows < MANY else PENALTIES[-2:]


def path(terms: Floats, labels: Bools, penalties: Sequence[float]) -> list[Weights]:
    """Fit one model for each penalty, strictest first: weights and intercept."""
    if terms.shape[1] == 0:
        return [(np.zeros(0), float(logit((labels.sum() + 1) / (len(labels) + 2))))] * len(penalties)
    from sklearn.linear_model import LogisticRegression

    # each fit starts where the stricter one ended
    model = LogisticRegression(solver="newton-cholesky", warm_start=True, max_iter=100, tol=1e-5)
    coefficients = []
    for penalty in penalties:
        model.set_params(C=penalty).fit(terms, labels)
        coefficients.append((model.coef_[0].astype(np.float64), float(model.intercept_[0])))
    return coefficients


def fit(plan: Preprocessing, cells: EncodedRows, labels: Bools, penalty: float) -> LinearModel:
    """Fit the linear model at one penalty."""
    stricter = [candidate for candidate in penalties_for(len(labels)) if candidate < penalty]
    chosen, intercept = path(plan.terms(cells), labels, [*stricter, penalty])[-1]
    used = plan.used()
    weights = np.zeros(len(used))
    weights[used] = chosen
    return _centred(_share_out(plan, weights), plan, cells, intercept)


def _share_out(plan: Preprocessing, weights: Floats) -> LinearModel:
    names, parts = plan.numbers.names, plan.numbers.knots.shape[1] + 2
    end = parts * len(names)
    stops = end + np.cumsum([len(category.used) for category in plan.categories], dtype=np.intp)
    levels = np.split(weights[end:], stops[:-1] - end) if plan.categories else []
    effects = [
        _neutral(level_weights, category.used) for category, level_weights in zip(plan.categories, levels, strict=True)
    ]
    width = len(plan.features)
    return LinearModel(
        weights=weights[:end].reshape(parts, -1) if names else np.zeros((parts, 0)),
        effects=tuple(effects),
        centre=np.zeros(width),
        base=0.0,
    )


def _centred(line: LinearModel, plan: Preprocessing, cells: EncodedRows, intercept: float) -> LinearModel:
    # centred on the training rows, so that the base is the average row
    centre = line.contributions(plan, cells).mean(axis=0)
    base = intercept + float(centre.sum())
    return LinearModel(weights=line.weights, effects=line.effects, centre=centre, base=base)


def _neutral(weights: Floats, used: Bools) -> Floats:
    # a level never learnt says nothing: it counts as the average of those learnt
    effects = weights.copy()
    effects[~used] = weights[used].mean() if used.any() else 0.0
    return effects
