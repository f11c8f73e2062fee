"""The linear model itself: a logistic regression whose penalty and calibration are chosen out of fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

from ml.leads.results import Bools, Floats
from ml.training.calibration import sigmoid_fit

#: scikit-learn's C, small is strict
PENALTIES = (0.003, 0.03, 0.3, 3.0)
FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A calibrated line: log-odds = intercept + terms @ weights."""

    intercept: float
    weights: Floats
    #: the chosen C
    penalty: float
    #: of the calibration that is folded into the weights; 1 = none was needed
    slope: float


def fit(terms: Floats, labels: Bools, *, seed: int, penalties: Sequence[float] = PENALTIES) -> Line:
    """Fit a calibrated line; both classes must have at least two rows."""
    # one thread: the weights then do not depend on the number of cores, and workers side by side do not fight for them
    with threadpool_limits(1, user_api="blas"):
        return _fit(terms, labels, seed, penalties)


def _fit(terms: Floats, labels: Bools, seed: int, penalties: Sequence[float]) -> Line:
    if terms.shape[1] == 0:
        rate = (labels.sum() + 1) / (len(labels) + 2)
        return Line(intercept=float(logit(rate)), weights=np.zeros(0), penalty=float(penalties[0]), slope=1.0)
    folds = min(FOLDS, int(labels.sum()), int((~labels).sum()))
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    unseen = np.empty((len(labels), len(penalties)))
    for seen, held in splitter.split(terms, labels):
        unseen[held] = np.column_stack(
            [terms[held] @ weights + intercept for weights, intercept in _path(terms[seen], labels[seen], penalties)]
        )
    losses = [_loss(unseen[:, index], labels) for index in range(len(penalties))]
    best = int(np.argmin(losses))
    slope, shift = sigmoid_fit(unseen[:, best], labels)
    weights, intercept = _path(terms, labels, penalties[: best + 1])[-1]
    return Line(
        intercept=slope * intercept + shift, weights=slope * weights, penalty=float(penalties[best]), slope=slope
    )


def _path(terms: Floats, labels: Bools, penalties: Sequence[float]) -> list[tuple[Floats, float]]:
    # each fit starts where the stricter one ended
    model = LogisticRegression(solver="newton-cholesky", warm_start=True, max_iter=100, tol=1e-5)
    found = []
    for penalty in penalties:
        model.set_params(C=penalty).fit(terms, labels)
        found.append((model.coef_[0].astype(np.float64), float(model.intercept_[0])))
    return found


def _loss(log_odds: Floats, labels: Bools) -> float:
    return float(np.logaddexp(0.0, np.where(labels, -log_odds, log_odds)).mean())
