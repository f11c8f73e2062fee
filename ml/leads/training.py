"""Train a scorer and judge it out of fold; find columns that leak the outcome; refuse where outcomes are too few."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ml.arrays import Bools, Floats, Ints
from ml.ensemble.column_types import numbers
from ml.ensemble.cross_validation import FOLDS, FittedEnsemble, Progress, split
from ml.ensemble.explained import clamped
from ml.ensemble.intervals import Coverage
from ml.ensemble.scorer import EnsembleScorer, checked_labels
from ml.ensemble.stacking import Folds
from ml.leads.scorer import LeadScorer
from ml.profiles import FeatureMatrix
from ml.training.calibration import Bin, bins
from ml.training.evaluation import Metrics, auc, evaluate, lift_curve

#: changes when the same data would give another model
METHOD = "2"
#: a single column that ranks better than this knows the outcome until proved otherwise
LEAK_AUC = 0.95
#: what an own model needs
LABELLED, RARER = 200, 40
#: columns whose own AUC a report keeps
MOST_ALONE = 30
#: rows that the size of contributions is taken from
_ROWS_FOR_TOP = 2000

_SILENCE = "silence_days"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Whether the outcomes suffice for a model of the tenant's own."""

    ok: bool
    #: what to gather still: labelled, won, lost; empty when ok
    missing: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """A trained scorer and its out-of-fold quality."""

    scorer: EnsembleScorer
    #: of the out-of-fold probabilities
    metrics: Metrics
    #: one probability a row, each from a fold whose training rows leave out the row
    out_of_fold: tuple[float, ...]
    rows: int
    positives: int
    #: what the scorer learnt from
    features: tuple[str, ...]
    #: column -> why it was not learnt from
    dropped: Mapping[str, str]
    #: column -> its own out-of-fold AUC, for those that know too much; dropped unless allowed
    leaks: Mapping[str, float]
    #: "base_rate" and, where there is such a column, "silence_days" alone
    baselines: Mapping[str, Metrics]
    #: what was said and what came, in ten bins of equal count
    bands: tuple[Bin, ...]
    #: each kind of model that was tried, alone, out of fold: lr, gb, rf
    members: Mapping[str, Metrics]
    #: what each counts in the score; 0 = left out
    weights: Mapping[str, float]
    #: why these, in words
    choice: str
    #: of the interval beside each score
    interval: Coverage | None
    #: share of the leads called, best first, and share of the won ones among them
    lift: tuple[tuple[float, float], ...]
    #: feature -> mean size of its contribution in log-odds, strongest first
    top: Mapping[str, float]
    #: column -> its own out-of-fold AUC, strongest first: of the leaking ones and of the best others
    alone: Mapping[str, float] = field(default_factory=dict)


def gate(labels: Sequence[bool | None]) -> Gate:
    """Return whether labels suffice for an own model, and else what is missing. None stands for an open lead.

    >>> gate([True] * 30 + [False] * 190).missing
    {'won': 10}
    """
    won, lost = sum(label is True for label in labels), sum(label is False for label in labels)
    wanting = {"labelled": LABELLED - won - lost, "won": RARER - won, "lost": RARER - lost}
    missing = {name: count for name, count in wanting.items() if count > 0}
    return Gate(ok=not missing, missing=missing)


def train(
    matrix: FeatureMatrix,
    labels: Sequence[bool] | Bools,
    *,
    seed: int,
    allow_leaks: Collection[str] = (),
    folds: int = FOLDS,
    progress: Progress | None = None,
    scorer: EnsembleScorer | None = None,
    groups: Ints | None = None,
) -> Training:
    """Train a scorer and judge it out of fold: every fold learns its own encoding, members and calibration.

    `scorer` is one to be fitted, of another kind than a lead scorer; rows of one of the `groups` are judged together.
    Raises LabelsError with fewer rows of an outcome than folds; ask `gate` whether there are enough to be worth it.
    """
    truth = checked_labels(matrix, labels, least=folds)
    alone = single_column_aucs(matrix, truth, seed=seed)
    leaks = {name: value for name, value in alone.items() if value > LEAK_AUC}
    banned = {name: f"leaks the outcome: AUC {value:.3f} alone" for name, value in leaks.items()}
    banned = {name: reason for name, reason in banned.items() if name not in allow_leaks}
    usable = matrix.select([name for name in matrix.columns if name not in banned])
    scorer = scorer or LeadScorer()
    fitted = scorer.learn(usable, truth, seed=seed, folds=folds, groups=groups, progress=progress)
    oof_probabilities = clamped(fitted.oof_log_odds)
    return Training(
        scorer=scorer,
        metrics=evaluate(truth, oof_probabilities, seed=seed),
        out_of_fold=tuple(oof_probabilities.tolist()),
        rows=len(truth),
        positives=int(truth.sum()),
        features=scorer.features_,
        dropped=dict(scorer.dropped_) | banned,
        leaks=leaks,
        baselines=_baselines(matrix, truth, seed),
        bands=bins(truth, oof_probabilities),
        members={name: evaluate(truth, clamped(odds), seed=seed) for name, odds in fitted.members.items()},
        weights=_weights(fitted),
        choice=fitted.reason,
        interval=scorer.coverage(),
        lift=lift_curve(truth, oof_probabilities),
        top=_top(scorer, usable),
        alone=dict(list(alone.items())[:MOST_ALONE]),
    )


def probe(matrix: FeatureMatrix, labels: Bools, *, seed: int) -> dict[str, float]:
    """Return each column that alone ranks the rows better than `LEAK_AUC`, out of fold; missing counts as a value."""
    return {name: value for name, value in single_column_aucs(matrix, labels, seed=seed).items() if value > LEAK_AUC}


def single_column_aucs(matrix: FeatureMatrix, labels: Bools, *, seed: int) -> dict[str, float]:
    """Return the out-of-fold AUC of each column alone, strongest first; a missing value counts as a value."""
    folds = split(labels, seed=seed)
    found = {
        name: auc(labels, _single_column_scores(_value_codes(matrix, name), labels, folds)) for name in matrix.columns
    }
    return {name: round(found[name], 4) for name in sorted(found, key=lambda name: (-found[name], name))}


def _value_codes(matrix: FeatureMatrix, name: str) -> Ints:
    """Return a code for each row's value: the level, or one of 50 ranges of a number."""
    if name in matrix.levels:
        cells = matrix.values[:, matrix.positions()[name]].astype(np.float64)
    else:
        cells = numbers(matrix, name)
        known = cells[~np.isnan(cells)]
        edges = np.unique(np.quantile(known, np.linspace(0, 1, 51)[1:-1])) if len(known) else known
        cells = np.where(np.isnan(cells), np.nan, np.searchsorted(edges, cells, side="right"))
    return np.where(np.isnan(cells), -1.0, cells).astype(np.intp) + 1


def _single_column_scores(cells: Ints, labels: Bools, folds: Folds) -> Floats:
    scores = np.empty(len(labels))
    size, rate = int(cells.max()) + 1, labels.mean()
    for train_rows, validation in folds:
        rows = np.bincount(cells[train_rows], minlength=size)
        good = np.bincount(cells[train_rows], weights=labels[train_rows], minlength=size)
        scores[validation] = ((good + rate) / (rows + 1))[cells[validation]]
    return scores


def _baselines(matrix: FeatureMatrix, labels: Bools, seed: int) -> dict[str, Metrics]:
    found = {"base_rate": evaluate(labels, np.full(len(labels), labels.mean()), seed=seed)}
    if np.isfinite(matrix.select([_SILENCE]).values).any():
        oof_probabilities = _single_column_scores(_value_codes(matrix, _SILENCE), labels, split(labels, seed=seed))
        found[_SILENCE] = evaluate(labels, oof_probabilities, seed=seed)
    return found


def _weights(fitted: FittedEnsemble) -> dict[str, float]:
    chosen = fitted.ensemble.blend.weights
    return {name: chosen.get(name, 0.0) for name in fitted.members}


def _top(scorer: EnsembleScorer, matrix: FeatureMatrix) -> dict[str, float]:
    rows = np.unique(np.linspace(0, len(matrix) - 1, min(len(matrix), _ROWS_FOR_TOP)).astype(np.intp))
    sizes = np.abs(scorer.explained(matrix.take(rows)).contributions).mean(axis=0)
    return {scorer.features_[index]: float(sizes[index]) for index in np.argsort(-sizes, kind="stable").tolist()}
