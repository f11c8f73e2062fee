"""Fit an ensemble by cross-validation: each fold fits its own preprocessing and members; options, weights and members
are chosen by their out-of-fold predictions.

The stacking weights that judge a fold are fitted on the out-of-fold predictions of the other folds, so that one round
of folds serves both to choose and to judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from ml.arrays import Bools, Floats, Ints, logit
from ml.ensemble import boosting, forest, linear
from ml.ensemble.ensemble import Ensemble
from ml.ensemble.preprocessing import MIN_ROWS, MOST_LEVELS, EncodedRows, Preprocessing, fit_preprocessing
from ml.ensemble.stacking import GB, LR, RF, Folds, Margins, StackedModel, choose, cross_fitted, losses
from ml.errors import LabelsError
from ml.profiles import FeatureMatrix

FOLDS = 5
#: rows, and rows of the rarer outcome, from which trees are worth trying
ROWS_FOR_TREES, RARER_FOR_TREES = 1000, 100

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedEnsemble:
    """A fitted ensemble with its out-of-fold log-odds and those of each member alone, calibrated."""

    ensemble: Ensemble
    oof_log_odds: Floats
    members: Margins
    #: the fold in which each row was validated
    fold: Ints
    #: why these members, in words
    reason: str
    #: member -> the option that was best, in words
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """One member with all its options: how to predict validation rows with each, and what each is called."""

    name: str
    options: tuple[str, ...]
    #: (preprocessing, train rows, train labels, validation rows) -> [validation rows, options]
    margins_of: Callable[[Preprocessing, EncodedRows, Bools, EncodedRows], Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class _TrainingData:
    """The labelled rows, and how their columns are encoded."""

    matrix: FeatureMatrix
    labels: Bools
    seed: int
    min_rows: int
    most_levels: int
    keep_all: bool

    def plan(self, rows: FeatureMatrix) -> Preprocessing:
        """Fit the preprocessing on some rows."""
        return fit_preprocessing(rows, min_rows=self.min_rows, most_levels=self.most_levels)

    def transform(self, train: Ints, validation: Ints) -> tuple[Preprocessing, EncodedRows, EncodedRows]:
        """Fit the preprocessing on the train rows, and encode train and validation rows."""
        train_rows = self.matrix.take(train)
        plan = self.plan(train_rows)
        return plan, plan.transform(train_rows), plan.transform(self.matrix.take(validation))


def fit_ensemble(
    matrix: FeatureMatrix,
    labels: Bools,
    *,
    seed: int,
    folds: int = FOLDS,
    min_rows: int = MIN_ROWS,
    most_levels: int = MOST_LEVELS,
    keep_all: bool = False,
    groups: Ints | None = None,
    progress: Progress | None = None,
) -> FittedEnsemble:
    """Learn from labelled rows. Raises LabelsError with fewer than two rows of an outcome.

    With `whole` all members are fitted and kept, also those that count nothing, and the score is made of as many as
    noise allows; else it is the simplest as good as the best. Rows of one of the `groups` are never on both sides of
    a fold.
    """
    # one thread: the result then does not depend on the number of cores, and workers side by side do not fight for them
    with threadpool_limits(1):
        data = _TrainingData(
            matrix=matrix, labels=labels, seed=seed, min_rows=min_rows, most_levels=most_levels, keep_all=keep_all
        )
        return _fit(data, split(labels, seed=seed, folds=folds, groups=groups), progress or _no_progress)


def split(labels: Bools, *, seed: int, folds: int = FOLDS, groups: Ints | None = None) -> Folds:
    """Return the folds as (train, validation) rows; rows of a group stay together.

    Raises LabelsError with fewer than two rows, or groups with rows, of an outcome.
    """
    if groups is not None:
        return _split_groups(labels, groups, seed=seed, folds=folds)
    most = min(folds, int(labels.sum()), int((~labels).sum()))
    if most < 2:
        raise LabelsError("fewer than 2 rows of one outcome; record more outcomes first")
    from sklearn.model_selection import StratifiedKFold

    splitter = StratifiedKFold(most, shuffle=True, random_state=seed)
    return list(splitter.split(np.zeros(len(labels)), labels))


def _split_groups(labels: Bools, groups: Ints, *, seed: int, folds: int) -> Folds:
    most = min(folds, *(len(np.unique(groups[labels == outcome])) for outcome in (True, False)))
    if most < 2:
        raise LabelsError("the rows of one outcome are all of one lead; record more outcomes first")
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(most, shuffle=True, random_state=seed)
    parts = list(splitter.split(np.zeros(len(labels)), labels, groups))
    if any(np.ptp(labels[train].astype(np.int8)) == 0 for train, _ in parts):
        raise LabelsError("one lead has nearly all rows of one outcome; record more outcomes first")
    return parts


def _fit(data: _TrainingData, parts: Folds, progress: Progress) -> FittedEnsemble:
    labels, steps = data.labels, len(parts) + 1
    trials = _trials(labels, data.seed, keep_all=data.keep_all)
    tried = {trial.name: np.empty((len(labels), len(trial.options))) for trial in trials}
    for done, (train, validation) in enumerate(parts):
        progress(done, steps)
        plan, train_rows, validation_rows = data.transform(train, validation)
        for trial in trials:
            tried[trial.name][validation] = _margins_of(trial, plan, train_rows, validation_rows, labels[train])
    progress(len(parts), steps)
    best = {
        name: int(np.argmin([losses(option, labels).mean() for option in predicted.T]))
        for name, predicted in tried.items()
    }
    margins = {name: predicted[:, best[name]] for name, predicted in tried.items()}
    choice = choose(margins, labels, parts, keep_all=data.keep_all)
    fitted = FittedEnsemble(
        ensemble=_final(data, choice.blend, best),
        oof_log_odds=choice.oof_log_odds,
        members={name: cross_fitted({name: margin}, labels, parts) for name, margin in margins.items()},
        fold=_fold_of(parts, len(labels)),
        reason=choice.reason,
        options={trial.name: trial.options[best[trial.name]] for trial in trials},
    )
    progress(steps, steps)
    return fitted


def _trials(labels: Bools, seed: int, *, keep_all: bool) -> tuple[_Trial, ...]:
    rows, rarer = len(labels), min(int(labels.sum()), int((~labels).sum()))
    penalties = linear.penalties_for(rows)

    def linear_margins(plan: Preprocessing, train: EncodedRows, truth: Bools, validation: EncodedRows) -> Floats:
        terms = plan.terms(validation)
        fitted = linear.path(plan.terms(train), truth, penalties)
        return np.column_stack([terms @ weights + start for weights, start in fitted])

    linear_trial = _Trial(name=LR, options=tuple(f"C {penalty:g}" for penalty in penalties), margins_of=linear_margins)
    if not keep_all and (rows < ROWS_FOR_TREES or rarer < RARER_FOR_TREES):
        return (linear_trial,)
    tried = boosting.options(rows)

    def boosting_margins(plan: Preprocessing, train: EncodedRows, truth: Bools, validation: EncodedRows) -> Floats:
        return boosting.staged_margins(plan.inputs(train), truth, plan.inputs(validation), tried, rows=rows, seed=seed)

    def forest_margins(plan: Preprocessing, train: EncodedRows, truth: Bools, validation: EncodedRows) -> Floats:
        predicted = forest.validation_probabilities(plan.inputs(train), truth, plan.inputs(validation), seed=seed)
        return np.asarray(logit(np.clip(predicted, 1e-9, 1 - 1e-9)))[:, None]

    names = tuple(f"{count} trees of {leaves} leaves" for leaves, count in tried)
    return (
        linear_trial,
        _Trial(name=GB, options=names, margins_of=boosting_margins),
        _Trial(name=RF, options=(f"{forest.TREES} trees",), margins_of=forest_margins),
    )


def _margins_of(
    trial: _Trial, plan: Preprocessing, train: EncodedRows, validation: EncodedRows, truth: Bools
) -> Floats:
    if plan.features:
        return trial.margins_of(plan, train, truth, validation)
    # nothing to learn from: the base rate
    return np.full((len(validation), len(trial.options)), _rate_odds(truth))


def _final(data: _TrainingData, blend: StackedModel, best: Mapping[str, int]) -> Ensemble:
    """Fit the chosen members on all rows."""
    labels, seed = data.labels, data.seed
    plan = data.plan(data.matrix)
    encoded = plan.transform(data.matrix)
    if not plan.features:
        return Ensemble(plan=plan, blend=StackedModel(constant=_rate_odds(labels), weights={}))
    inputs = plan.inputs(encoded)
    wanted = tuple(best) if data.keep_all else tuple(blend.weights)
    trees, start = None, 0.0
    if GB in wanted:
        option = boosting.options(len(labels))[best[GB]]
        trees, start = boosting.fit(inputs, labels, option, rows=len(labels), seed=seed)
    return Ensemble(
        plan=plan,
        blend=blend,
        linear=linear.fit(plan, encoded, labels, linear.penalties_for(len(labels))[best[LR]]) if LR in wanted else None,
        boosting=trees,
        start=start,
        forest=forest.fit(inputs, labels, seed=seed) if RF in wanted else None,
    )


def _rate_odds(labels: Bools) -> float:
    return float(logit((labels.sum() + 1) / (len(labels) + 2)))


def _fold_of(folds: Folds, rows: int) -> Ints:
    fold = np.empty(rows, dtype=np.intp)
    for index, (_, validation) in enumerate(folds):
        fold[validation] = index
    return fold


def _no_progress(done: int, total: int) -> None:
    """Ignore progress: nobody watches."""
