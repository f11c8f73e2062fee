"""Train a scorer without columns that leak the outcome, judge it out of fold; refuse where outcomes are too few."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from domain.closed_leads import MIN_LABELLED, MIN_OF_EACH
from ml.arrays import Bools, Floats, Ints
from ml.ensemble.cross_validation import FOLDS, FittedEnsemble, Progress, split
from ml.ensemble.explained import clamped
from ml.ensemble.intervals import Coverage
from ml.ensemble.options import USUAL, EnsembleOptions
from ml.ensemble.scorer import EnsembleScorer, checked_labels
from ml.explain.importance import bounds
from ml.features.meanings import meanings_of
from ml.leads.leaks import ColumnAlone, columns_alone, single_column_scores, unprobed
from ml.leads.scorer import LeadScorer
from ml.profiles import FeatureMatrix
from ml.training.calibration import Bin, bins
from ml.training.evaluation import Metrics, evaluate, lift_curve

#: changes when the same data would give another model
METHOD = "5"
#: columns beside the leaking ones whose own AUC a report keeps
MOST_ALONE = 30
#: rows that the size of contributions is taken from
_ROWS_FOR_TOP = 2000

_SILENCE = "silence_days"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The result of the check that a tenant has enough outcomes for its own model."""

    ok: bool
    #: what to gather still: labelled, won, lost; empty when ok
    missing: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeaningWeight:
    """How far the features of one meaning move scores, together."""

    #: in words
    meaning: str
    #: the features that count, the one with the largest contributions first
    features: tuple[str, ...]
    #: mean size of what they add to a lead's log-odds together
    log_odds: float
    #: share of the mean movement of all meanings, 0 to 1
    share: float
    #: bounds of `log_odds`, nine times in ten, by drawing the leads again; None: an earlier version measured none
    low: float | None = None
    high: float | None = None


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
    #: member -> the option that was best out of fold, in words
    options: Mapping[str, str] = field(default_factory=dict)
    #: column -> its own out-of-fold AUC, strongest first: of the leaking ones and of the best others
    alone: Mapping[str, float] = field(default_factory=dict)
    #: column that knows too much -> how that was found out
    leak_reasons: Mapping[str, str] = field(default_factory=dict)
    #: columns that were asked whether they know the outcome
    probed: tuple[str, ...] = ()
    #: column that could not be asked -> why
    unprobed: Mapping[str, str] = field(default_factory=dict)
    #: what moves scores, by meaning, strongest first
    meanings: tuple[MeaningWeight, ...] = ()


def gate(labels: Sequence[bool | None]) -> Gate:
    """Return whether labels suffice for an own model, and else what is missing. None stands for an open lead.

    >>> gate([True] * 30 + [False] * 190).missing
    {'won': 10}
    """
    won, lost = sum(label is True for label in labels), sum(label is False for label in labels)
    wanting = {"labelled": MIN_LABELLED - won - lost, "won": MIN_OF_EACH - won, "lost": MIN_OF_EACH - lost}
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
    options: EnsembleOptions = USUAL,
) -> Training:
    """Train a scorer and judge it out of fold: every fold learns its own encoding, members and calibration.

    `scorer` is one to be fitted, of another kind than a lead scorer; rows of one of the `groups` are judged together;
    `options` fixes hyperparameters of members. Rows are ranked by their log-odds, before these are clamped.
    Raises LabelsError with fewer rows of an outcome than folds; ask `gate` whether there are enough to be worth it.
    """
    truth = checked_labels(matrix, labels, least=folds)
    alone = columns_alone(matrix, truth, seed=seed)
    leaks = {name: column.leak for name, column in alone.items() if column.leak is not None}
    banned = {name: f"leaks the outcome: {reason}" for name, reason in leaks.items() if name not in allow_leaks}
    usable = matrix.select([name for name in matrix.columns if name not in banned])
    scorer = scorer or LeadScorer()
    fitted = scorer.learn(usable, truth, seed=seed, folds=folds, groups=groups, options=options, progress=progress)
    oof_probabilities = clamped(fitted.oof_log_odds)
    not_probed = unprobed(matrix)
    moved = _contributions(scorer, usable)
    return Training(
        scorer=scorer,
        metrics=evaluate(truth, oof_probabilities, seed=seed, scores=fitted.oof_log_odds),
        out_of_fold=tuple(oof_probabilities.tolist()),
        rows=len(truth),
        positives=int(truth.sum()),
        features=scorer.features_,
        dropped=dict(scorer.dropped_) | banned,
        leaks={name: alone[name].auc for name in leaks},
        leak_reasons=leaks,
        baselines=_baselines(matrix, truth, seed),
        bands=bins(truth, oof_probabilities),
        members={name: evaluate(truth, clamped(odds), seed=seed, scores=odds) for name, odds in fitted.members.items()},
        options=fitted.options,
        weights=_weights(fitted),
        choice=fitted.reason,
        interval=scorer.coverage(),
        lift=lift_curve(truth, fitted.oof_log_odds),
        top=_top(scorer, moved),
        alone=_most_telling(alone),
        probed=tuple(name for name in sorted(alone) if name not in not_probed),
        unprobed=not_probed,
        meanings=_by_meaning(scorer, moved, seed),
    )


def _baselines(matrix: FeatureMatrix, labels: Bools, seed: int) -> dict[str, Metrics]:
    baselines = {"base_rate": evaluate(labels, np.full(len(labels), labels.mean()), seed=seed)}
    if np.isfinite(matrix.select([_SILENCE]).values).any():
        oof_probabilities = single_column_scores(matrix, _SILENCE, labels, split(labels, seed=seed))
        baselines[_SILENCE] = evaluate(labels, oof_probabilities, seed=seed)
    return baselines


def _most_telling(alone: Mapping[str, ColumnAlone]) -> dict[str, float]:
    """Return the AUC of the columns that leak and of the best others, strongest first."""
    others = [name for name, column in alone.items() if column.leak is None][:MOST_ALONE]
    return {name: column.auc for name, column in alone.items() if column.leak is not None or name in others}


def _weights(fitted: FittedEnsemble) -> dict[str, float]:
    chosen = fitted.ensemble.blend.weights
    return {name: chosen.get(name, 0.0) for name in fitted.members}


def _contributions(scorer: EnsembleScorer, matrix: FeatureMatrix) -> Floats:
    """Return the contributions of features to rows that are taken evenly: [rows, features]."""
    rows = np.unique(np.linspace(0, len(matrix) - 1, min(len(matrix), _ROWS_FOR_TOP)).astype(np.intp))
    return scorer.explained(matrix.take(rows)).contributions


def _top(scorer: EnsembleScorer, contributions: Floats) -> dict[str, float]:
    sizes = np.abs(contributions).mean(axis=0)
    return {scorer.features_[index]: float(sizes[index]) for index in np.argsort(-sizes, kind="stable").tolist()}


def _by_meaning(scorer: EnsembleScorer, contributions: Floats, seed: int) -> tuple[MeaningWeight, ...]:
    meanings = meanings_of(scorer.features_)
    strongest = list(_top(scorer, contributions))
    moved = np.abs(meanings.sums(contributions))
    sizes = moved.mean(axis=0)
    low, high = bounds(moved, seed=seed)
    whole = float(sizes.sum()) or 1.0
    return tuple(
        MeaningWeight(
            meaning=meanings.words[place],
            features=tuple(name for name in strongest if scorer.features_.index(name) in meanings.members[place]),
            log_odds=float(sizes[place]),
            share=float(sizes[place]) / whole,
            low=float(low[place]),
            high=float(high[place]),
        )
        for place in np.argsort(-sizes, kind="stable").tolist()
    )
