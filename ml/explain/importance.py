"""What counts over all leads: how much worse a model answers when it may not know a meaning, with bounds.

Permutation importance after Breiman (2001), by meaning instead of by column, since columns that tell of the same stand
in for each other: the columns of a meaning are shuffled together between the leads, and the rise of the log-loss is
taken lead by lead. Bounds come from drawing the leads again (bootstrap), so they say how far the figure depends on who
happened to be among them. Give rows that the model did not learn from: on its own training rows it flatters itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ml.arrays import Bools, Floats, Ints
from ml.features.meanings import meanings_of
from ml.profiles import FeatureMatrix

#: times that a meaning is shuffled, and that the leads are drawn again
SHUFFLES, DRAWS = 5, 400
#: share of the draws that the bounds hold
_INSIDE = (0.05, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """How much a model needs the features of one meaning."""

    #: in words
    meaning: str
    features: tuple[str, ...]
    #: rise of the mean log-loss without it, in nats; about 0 or below: the model does not need it
    loss: float
    #: bounds that hold it nine times in ten
    low: float
    high: float


def importance(
    score: Callable[[FeatureMatrix], Floats],
    matrix: FeatureMatrix,
    labels: Bools,
    *,
    seed: int,
    shuffles: int = SHUFFLES,
    groups: Ints | None = None,
) -> tuple[Importance, ...]:
    """Return what a model needs, the most needed first; `score` gives the log-odds of rows, `labels` what came true.

    Rows of one of the `groups`, such as those of one lead, are drawn together for the bounds.

    >>> rng = np.random.default_rng(0)
    >>> rows = [{"showings": float(n), "budget": float(m)} for n, m in rng.normal(size=(200, 2))]
    >>> matrix, labels = FeatureMatrix.from_rows(rows), np.array([row["showings"] > 0 for row in rows])
    >>> found = importance(lambda rows: 3.0 * rows.values[:, 0].astype(float), matrix, labels, seed=0)
    >>> [(each.meaning, each.low > 0) for each in found]
    [('showings and offers', True), ('budget, pre-approval and timeline', False)]
    """
    rng = np.random.default_rng(seed)
    meanings = meanings_of(matrix.columns)
    usual = losses(score(matrix), labels)
    found = []
    for words, members in zip(meanings.words, meanings.members, strict=True):
        shuffled = [losses(score(_shuffled(matrix, members, rng)), labels) for _ in range(shuffles)]
        rise = np.mean(shuffled, axis=0) - usual
        (low,), (high,) = bounds(rise[:, None], seed=seed, groups=groups)
        names = tuple(matrix.columns[place] for place in members)
        found.append(
            Importance(meaning=words, features=names, loss=float(rise.mean()), low=float(low), high=float(high))
        )
    return tuple(sorted(found, key=lambda each: -each.loss))


def bounds(values: Floats, *, seed: int, draws: int = DRAWS, groups: Ints | None = None) -> tuple[Floats, Floats]:
    """Return bounds of the mean of each column of `values` ([rows, columns]), by drawing the rows again.

    Rows of one of the `groups` (one number a row) are drawn together.

    >>> low, high = bounds(np.array([[0.0], [1.0]] * 50), seed=0)
    >>> bool(0.4 < low[0] < 0.5 < high[0] < 0.6)
    True
    """
    _, place = np.unique(np.arange(len(values)) if groups is None else groups, return_inverse=True)
    counts = np.bincount(place).astype(np.float64)
    sums = np.zeros((len(counts), values.shape[1]))
    np.add.at(sums, place, values)
    times = np.random.default_rng(seed).multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=draws)
    low, high = np.quantile(times @ sums / (times @ counts)[:, None], _INSIDE, axis=0)
    return low, high


def losses(log_odds: Floats, labels: Bools) -> Floats:
    """Return the log-loss of each row, from log-odds: -log of the probability of what came true, in nats.

    >>> losses(np.array([0.0, 100.0]), np.array([True, True])).round(4).tolist()
    [0.6931, 0.0]
    """
    return np.logaddexp(0.0, np.where(labels, -1.0, 1.0) * log_odds)


def _shuffled(matrix: FeatureMatrix, members: tuple[int, ...], rng: np.random.Generator) -> FeatureMatrix:
    values = matrix.values.copy()
    places = np.asarray(members, dtype=np.intp)
    values[:, places] = values[rng.permutation(len(values))][:, places]
    return FeatureMatrix(columns=matrix.columns, values=values, levels=matrix.levels, refused=matrix.refused)
