"""Find the columns that know the outcome, as a reason for losing knows it: it is written once a deal is lost.

A column leaks where it ranks the rows too well alone, where it is filled in for one outcome only, or where part of its
values occur with one outcome only. Each of these is named with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.arrays import Bools, Floats, Ints
from ml.ensemble.column_types import kind_of, numbers
from ml.ensemble.cross_validation import split
from ml.ensemble.stacking import Folds
from ml.features.catalogue import FEATURES
from ml.profiles import FeatureMatrix
from ml.training.evaluation import auc

#: a single column that ranks better than this knows the outcome until proved otherwise
LEAK_AUC = 0.95
#: probability at which a column that has nothing to do with the outcome is named as one-sided
CHANCE = 1e-6
#: filled rows below which a column is too rarely filled to be judged by them
FEWEST_FILLED = 20
#: rows of a level, on average, below which a column is text: what few rows share cannot be compared by outcome
FEWEST_ALIKE = 2
#: share of one outcome's rate that the other may reach: a reopened deal keeps its reason for losing
EXCEPTIONS = 1 / 50
#: share of one outcome that values tell apart; with `EXCEPTIONS`, as far as an ordinary column with an AUC of 0.95 gets
TOLD = 0.5
#: groups that count what happened before the moment of a row: no outcome fills them
_COUNTED = frozenset({"behavioral", "temporal", "emotional"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnAlone:
    """What a single column says of the outcome."""

    #: out of fold, 0 to 1; a missing value counts as a value
    auc: float
    #: why it knows the outcome; None where it does not
    leak: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Marked:
    """The numbers of rows of each outcome that have a suspicious mark: a value, or one of certain values."""

    positives: int
    of_positives: int
    negatives: int
    of_negatives: int

    @property
    def more(self) -> float:
        """Return the share of marked rows in the outcome that has more of them."""
        return max(self.positives / self.of_positives, self.negatives / self.of_negatives)

    @property
    def less(self) -> float:
        """Return that share in the other outcome."""
        return min(self.positives / self.of_positives, self.negatives / self.of_negatives)

    @property
    def one_sided(self) -> bool:
        """Return whether the mark belongs to one outcome but for a few exceptions."""
        return self.less <= EXCEPTIONS * self.more

    @property
    def chance(self) -> float:
        """Return the probability of so few marked rows in the other outcome, were marks dealt out at random."""
        from scipy.stats import hypergeom

        rows, marked = self.of_positives + self.of_negatives, self.positives + self.negatives
        rarer_is_positive = self.positives / self.of_positives == self.less
        few, of = (self.positives, self.of_positives) if rarer_is_positive else (self.negatives, self.of_negatives)
        return float(hypergeom.cdf(few, rows, of, marked))

    def __str__(self) -> str:
        """Return the counts for people."""
        return f"{self.positives} of {self.of_positives} positive and {self.negatives} of {self.of_negatives} negative"


def probe(matrix: FeatureMatrix, labels: Bools, *, seed: int) -> dict[str, str]:
    """Return each column that knows the outcome, with the reason, strongest first.

    >>> rows = [{"why lost": None if row % 3 else "price", "rooms": row % 4} for row in range(240)]
    >>> probe(FeatureMatrix.from_rows(rows), np.arange(240) % 3 == 1, seed=0)
    {'why lost': 'filled in for 0 of 80 positive and 80 of 160 negative rows'}
    >>> probe(FeatureMatrix.from_rows(rows), np.arange(240) % 5 == 0, seed=0)
    {}
    """
    alone = columns_alone(matrix, labels, seed=seed)
    return {name: column.leak for name, column in alone.items() if column.leak is not None}


def columns_alone(matrix: FeatureMatrix, labels: Bools, *, seed: int) -> dict[str, ColumnAlone]:
    """Return what each column alone says of the outcome, strongest first. Both outcomes must be there."""
    folds = split(labels, seed=seed)
    alone = {name: _alone(matrix, name, labels, folds) for name in matrix.columns}
    return {name: alone[name] for name in sorted(alone, key=lambda name: (-alone[name].auc, name))}


def unprobed(matrix: FeatureMatrix) -> dict[str, str]:
    """Return the columns whose values cannot tell whether they know the outcome, each with the reason.

    >>> rows = [{"note": f"call {row}", "rooms": row % 4, "gate": None} for row in range(60)]
    >>> unprobed(FeatureMatrix.from_rows(rows))
    {'gate': 'no value at all', 'note': 'text: nearly every value differs'}
    """
    reasons = {name: _unprobed(matrix, name) for name in sorted(matrix.columns)}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def single_column_scores(matrix: FeatureMatrix, name: str, labels: Bools, folds: Folds) -> Floats:
    """Return the share of positives among the other folds' rows of the same value, drawn towards the average."""
    cells, scores = _value_codes(matrix, name), np.empty(len(labels))
    size, rate = int(cells.max()) + 1, labels.mean()
    for train_rows, validation in folds:
        rows = np.bincount(cells[train_rows], minlength=size)
        good = np.bincount(cells[train_rows], weights=labels[train_rows], minlength=size)
        scores[validation] = ((good + rate) / (rows + 1))[cells[validation]]
    return scores


def _alone(matrix: FeatureMatrix, name: str, labels: Bools, folds: Folds) -> ColumnAlone:
    scores = single_column_scores(matrix, name, labels, folds)
    ranked = round(auc(labels, scores), 4)
    if ranked > LEAK_AUC:
        return ColumnAlone(auc=ranked, leak=f"AUC {ranked:.3f} alone")
    counted = name in FEATURES and FEATURES[name].group in _COUNTED
    return ColumnAlone(auc=ranked, leak=None if counted else _one_sided(_filled(matrix, name), scores, labels))


def _unprobed(matrix: FeatureMatrix, name: str) -> str | None:
    cells = matrix.values[:, matrix.positions()[name]]
    filled = cells[~np.isnan(cells)]
    if not len(filled):
        return "no value at all"
    if len(filled) < FEWEST_FILLED:
        return f"fewer than {FEWEST_FILLED} values"
    is_text = kind_of(matrix, name) == "category" and len(filled) < FEWEST_ALIKE * len(np.unique(filled))
    return "text: nearly every value differs" if is_text else None


def _filled(matrix: FeatureMatrix, name: str) -> Bools:
    filled: Bools = ~np.isnan(matrix.values[:, matrix.positions()[name]])
    return filled


def _one_sided(filled: Bools, scores: Floats, labels: Bools) -> str | None:
    """Return which rows of a column tell the outcome; None where neither what is filled in nor any values do."""
    there = _marked(filled, labels)
    if filled.sum() >= FEWEST_FILLED and there.one_sided and there.chance < CHANCE:
        return f"filled in for {there} rows"
    ways = {"blank in {} rows": _marked(~filled, labels), "values that {} rows have": _told(scores, labels)}
    certain = (way for way, rows in ways.items() if rows.more >= TOLD and rows.one_sided and rows.chance < CHANCE)
    return next((way.format(ways[way]) for way in certain), None)


def _marked(marks: Bools, labels: Bools) -> _Marked:
    positives = int(labels.sum())
    return _Marked(
        positives=int(marks[labels].sum()),
        of_positives=positives,
        negatives=int(marks[~labels].sum()),
        of_negatives=len(labels) - positives,
    )


def _told(scores: Floats, labels: Bools) -> _Marked:
    """Return the most rows at either end of the scores that are of one outcome but for a few exceptions."""
    levels, places = np.unique(scores, return_inverse=True)
    positives = np.bincount(places[labels], minlength=len(levels))
    negatives = np.bincount(places[~labels], minlength=len(levels))
    above, below = slice(None, None, -1), slice(None)
    ends = [
        _Marked(positives=good, of_positives=int(positives.sum()), negatives=bad, of_negatives=int(negatives.sum()))
        for end in (above, below)
        for good, bad in zip(np.cumsum(positives[end]).tolist(), np.cumsum(negatives[end]).tolist(), strict=True)
    ]
    return max((end for end in ends if end.one_sided), key=lambda end: end.more, default=ends[0])


def _value_codes(matrix: FeatureMatrix, name: str) -> Ints:
    """Return a code for each row's value: the level, or one of 50 ranges of a number."""
    if name in matrix.levels:
        cells = matrix.values[:, matrix.positions()[name]].astype(np.float64)
    else:
        cells = numbers(matrix, name)
        present = cells[~np.isnan(cells)]
        edges = np.unique(np.quantile(present, np.linspace(0, 1, 51)[1:-1])) if len(present) else present
        cells = np.where(np.isnan(cells), np.nan, np.searchsorted(edges, cells, side="right"))
    return np.where(np.isnan(cells), -1.0, cells).astype(np.intp) + 1
