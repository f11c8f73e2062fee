"""Training the lead scorer honestly: judged out of fold, probed for leaks, only with outcomes enough."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import StratifiedKFold

from ml.leads.columns import Codes, numbers
from ml.leads.results import Bools, Floats
from ml.leads.scorer import LeadScorer, checked_labels
from ml.profiles import FeatureMatrix
from ml.training.calibration import Bin, bins
from ml.training.evaluation import Metrics, auc, evaluate

FOLDS = 5
#: a single column that ranks better than this knows the outcome until proved otherwise
LEAK_AUC = 0.95
#: what an own model needs
LABELLED, RARER = 200, 40

_SILENCE = "silence_days"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Whether there are outcomes enough for an own model."""

    ok: bool
    #: what to gather still: labelled, won, lost; empty when ok
    missing: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """A trained scorer and how good it was on rows it had not seen."""

    scorer: LeadScorer
    #: of the out-of-fold probabilities
    metrics: Metrics
    #: one probability a row, each from a scorer that had not seen the row
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


def gate(labels: Sequence[bool | None]) -> Gate:
    """Say whether labels suffice for an own model, and else what is missing. None stands for an open lead.

    >>> gate([True] * 30 + [False] * 190).missing
    {'won': 10}
    """
    won, lost = sum(label is True for label in labels), sum(label is False for label in labels)
    wanting = {"labelled": LABELLED - won - lost, "won": RARER - won, "lost": RARER - lost}
    missing = {name: count for name, count in wanting.items() if count > 0}
    return Gate(ok=not missing, missing=missing)


def train(
    matrix: FeatureMatrix, labels: Sequence[bool] | Bools, *, seed: int, allow_leaks: Collection[str] = ()
) -> Training:
    """Train a scorer and judge it out of fold: every fold learns its own encoding, weights and calibration.

    Raises LabelsError with fewer than five rows of an outcome; ask `gate` whether there are enough to be worth it.
    """
    truth = checked_labels(matrix, labels, least=FOLDS)
    leaks = probe(matrix, truth, seed=seed)
    banned = {name: f"leaks the outcome: AUC {value:.3f} alone" for name, value in leaks.items()}
    banned = {name: reason for name, reason in banned.items() if name not in allow_leaks}
    usable = matrix.select([name for name in matrix.columns if name not in banned])
    said = out_of_fold(usable, truth, seed=seed)
    scorer = LeadScorer().fit(usable, truth, seed=seed)
    return Training(
        scorer=scorer,
        metrics=evaluate(truth, said, seed=seed),
        out_of_fold=tuple(said.tolist()),
        rows=len(truth),
        positives=int(truth.sum()),
        features=scorer.features_,
        dropped=scorer.dropped_ | banned,
        leaks=leaks,
        baselines=_baselines(matrix, truth, seed),
        bands=bins(truth, said),
    )


def out_of_fold(matrix: FeatureMatrix, labels: Bools, *, seed: int) -> Floats:
    """Give each row the probability of a scorer that had not seen it."""
    said = np.empty(len(labels))
    for seen, held in _folds(labels, seed):
        scorer = LeadScorer().fit(matrix.take(seen), labels[seen], seed=seed)
        said[held] = scorer.probabilities(matrix.take(held))
    return said


def probe(matrix: FeatureMatrix, labels: Bools, *, seed: int) -> dict[str, float]:
    """Name each column that alone ranks the rows better than `LEAK_AUC`, out of fold; its absence counts as a value."""
    folds = list(_folds(labels, seed))
    found = {name: auc(labels, _told_alone(_cells(matrix, name), labels, folds)) for name in matrix.columns}
    return {name: round(value, 4) for name, value in found.items() if value > LEAK_AUC}


def _folds(labels: Bools, seed: int) -> Iterator[tuple[Codes, Codes]]:
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    yield from splitter.split(np.zeros(len(labels)), labels)


def _cells(matrix: FeatureMatrix, name: str) -> Codes:
    """Give each row a code for its value: the level, or one of 50 ranges of a number."""
    if name in matrix.levels:
        cells = matrix.values[:, matrix.positions()[name]].astype(np.float64)
    else:
        cells = numbers(matrix, name)
        known = cells[~np.isnan(cells)]
        edges = np.unique(np.quantile(known, np.linspace(0, 1, 51)[1:-1])) if len(known) else known
        cells = np.where(np.isnan(cells), np.nan, np.searchsorted(edges, cells, side="right"))
    return np.where(np.isnan(cells), -1.0, cells).astype(np.intp) + 1


def _told_alone(cells: Codes, labels: Bools, folds: list[tuple[Codes, Codes]]) -> Floats:
    told = np.empty(len(labels))
    size, rate = int(cells.max()) + 1, labels.mean()
    for seen, held in folds:
        rows = np.bincount(cells[seen], minlength=size)
        good = np.bincount(cells[seen], weights=labels[seen], minlength=size)
        told[held] = ((good + rate) / (rows + 1))[cells[held]]
    return told


def _baselines(matrix: FeatureMatrix, labels: Bools, seed: int) -> dict[str, Metrics]:
    found = {"base_rate": evaluate(labels, np.full(len(labels), labels.mean()), seed=seed)}
    alone = matrix.select([_SILENCE])
    if alone.columns and np.isfinite(alone.values).any():
        found[_SILENCE] = evaluate(labels, out_of_fold(alone, labels, seed=seed), seed=seed)
    return found
