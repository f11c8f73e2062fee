"""Fit an ensemble by cross-validation: each fold fits its own preprocessing and members; options, weights and members
are chosen by their out-of-fold predictions.

The stacking weights that judge a fold are fitted on the out-of-fold predictions of the other folds, so that one round
of folds serves both to choose and to judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from ml.arrays import Bools, Floats, Ints
from ml.ensemble import boosting, forest, linear, trials
from ml.ensemble.ensemble import Ensemble
from ml.ensemble.options import USUAL, EnsembleOptions
from ml.ensemble.preprocessing import MIN_ROWS, MOST_LEVELS, EncodedRows, Preprocessing, fit_preprocessing
from ml.ensemble.stacking import GB, LR, RF, Folds, Margins, StackedModel, choose, cross_fitted
from ml.ensemble.trials import Trial, Tried
from ml.errors import LabelsError
from ml.profiles import FeatureMatrix

FOLDS = 5

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
class _TrainingData:
    """The labelled rows, and how their columns are encoded."""

    matrix: FeatureMatrix
    labels: Bools
    seed: int
    min_rows: int
    most_levels: int
    keep_all: bool
    options: EnsembleOptions

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
    options: EnsembleOptions = USUAL,
    progress: Progress | None = None,
) -> FittedEnsemble:
    """Learn from labelled rows. Raises LabelsError with fewer than two rows of an outcome.

    With `keep_all` all members are fitted and kept, also those that count nothing, and the score is made of as many as
    noise allows; else it is the simplest as good as the best. Rows of one of the `groups` are never on both sides of
    a fold; `options` fixes hyperparameters of members.
    """
    # one thread: the result then does not depend on the number of cores, and workers side by side do not fight for them
    with threadpool_limits(1):
        data = _TrainingData(
            matrix=matrix,
            labels=labels,
            seed=seed,
            min_rows=min_rows,
            most_levels=most_levels,
            keep_all=keep_all,
            options=options,
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
    labels = data.labels
    tried = _all_tried(data, parts, progress)
    best = {name: member.best(labels) for name, member in tried.items()}
    margins = {name: member.predicted[:, best[name]] for name, member in tried.items()}
    choice = choose(margins, labels, parts, keep_all=data.keep_all)
    chosen = {name: member.trial.options[best[name]] for name, member in tried.items()}
    fitted = FittedEnsemble(
        ensemble=_final(data, choice.blend, chosen),
        oof_log_odds=choice.oof_log_odds,
        members={name: cross_fitted({name: margin}, labels, parts) for name, margin in margins.items()},
        fold=_fold_of(parts, len(labels)),
        reason=choice.reason,
        options={name: member.trial.words(chosen[name]) for name, member in tried.items()},
    )
    progress(len(parts) + 1, len(parts) + 1)
    return fitted


def _all_tried(data: _TrainingData, parts: Folds, progress: Progress) -> dict[str, Tried[Any]]:
    """Try the options of each member; where the best of boosting lies on an edge, try those beyond it too."""
    rows, labels, fixed = len(data.labels), data.labels, data.options
    wanted: list[Trial[Any]] = [trials.of_linear(rows, fixed)]
    if data.keep_all or trials.has_trees(labels):
        wanted.append(trials.of_boosting(boosting.options(rows, fixed), rows, data.seed, fixed))
        wanted.append(trials.of_forest(data.seed, fixed))
    tried = _predict(data, parts, wanted, progress)
    # a few rows say too little of which of two large options is better
    while GB in tried and trials.has_trees(labels):
        options = tried[GB].trial.options
        further = boosting.beyond(options, options[tried[GB].best(labels)], rows, fixed)
        if not further:
            break
        more = trials.of_boosting(further, rows, data.seed, fixed)
        tried[GB] = tried[GB].joined(_predict(data, parts, [more], progress)[GB])
    return tried


def _predict(
    data: _TrainingData, parts: Folds, wanted: Sequence[Trial[Any]], progress: Progress
) -> dict[str, Tried[Any]]:
    """Return the out-of-fold log-odds of each row by each option of the members."""
    predicted = {trial.name: np.empty((len(data.labels), len(trial.options))) for trial in wanted}
    for done, (train, validation) in enumerate(parts):
        progress(done, len(parts) + 1)
        plan, train_rows, validation_rows = data.transform(train, validation)
        for trial in wanted:
            predicted[trial.name][validation] = trial.margins(plan, train_rows, data.labels[train], validation_rows)
    progress(len(parts), len(parts) + 1)
    return {trial.name: Tried(trial=trial, predicted=predicted[trial.name]) for trial in wanted}


def _final(data: _TrainingData, blend: StackedModel, best: Mapping[str, Any]) -> Ensemble:
    """Fit the chosen members on all rows, each with its best option."""
    labels, seed, fixed = data.labels, data.seed, data.options
    plan = data.plan(data.matrix)
    encoded = plan.transform(data.matrix)
    if not plan.features:
        return Ensemble(plan=plan, blend=StackedModel(constant=trials.rate_odds(labels), weights={}))
    inputs = plan.inputs(encoded)
    wanted = tuple(best) if data.keep_all else tuple(blend.weights)
    trees, start = None, 0.0
    if GB in wanted:
        trees, start = boosting.fit(inputs, labels, best[GB], rows=len(labels), seed=seed, fixed=fixed)
    return Ensemble(
        plan=plan,
        blend=blend,
        linear=linear.fit(plan, encoded, labels, best[LR]) if LR in wanted else None,
        boosting=trees,
        start=start,
        forest=forest.fit(inputs, labels, seed=seed, fixed=fixed) if RF in wanted else None,
    )


def _fold_of(folds: Folds, rows: int) -> Ints:
    fold = np.empty(rows, dtype=np.intp)
    for index, (_, validation) in enumerate(folds):
        fold[validation] = index
    return fold


def _no_progress(done: int, total: int) -> None:
    """Ignore progress: nobody watches."""
