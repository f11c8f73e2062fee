"""Learning an ensemble: every fold makes its own plan and members; options, weights and the choice are made of what
they say of rows that they had not seen.

The weights that judge a fold's rows are fitted on the other folds' unseen answers, so that one round of folds serves
both to choose and to judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from threadpoolctl import threadpool_limits

from ml.ensemble import boosting, forest, linear
from ml.ensemble.column_types import Codes
from ml.ensemble.ensemble import Ensemble
from ml.ensemble.preprocessing import MIN_ROWS, MOST_LEVELS, EncodedRows, Preprocessing, fit_preprocessing
from ml.ensemble.stacking import GB, LR, RF, Folds, Margins, StackedModel, choose, cross_fitted, losses
from ml.errors import LabelsError
from ml.profiles import FeatureMatrix
from ml.training.calibration import Bools, Floats

FOLDS = 5
#: rows, and rows of the rarer outcome, from which trees are worth trying
ROWS_FOR_TREES, RARER_FOR_TREES = 1000, 100

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedEnsemble:
    """A fitted ensemble and what it, and each member alone, said of rows not seen: log-odds, calibrated."""

    ensemble: Ensemble
    unseen: Floats
    members: Margins
    #: the fold that each row was held out in
    fold: NDArray[np.intp]
    #: why these members, in words
    reason: str
    #: member -> the option that was best, in words
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """One member with all its options: how to judge them on held rows, and what each is called."""

    name: str
    options: tuple[str, ...]
    #: (plan, seen cells, seen labels, held cells) -> [held rows, options]
    judge: Callable[[Preprocessing, EncodedRows, Bools, EncodedRows], Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lesson:
    """What is learnt from, and how columns are read."""

    matrix: FeatureMatrix
    labels: Bools
    seed: int
    min_rows: int
    most_levels: int
    whole: bool

    def plan(self, rows: FeatureMatrix) -> Preprocessing:
        """Plan the columns over some rows."""
        return fit_preprocessing(rows, min_rows=self.min_rows, most_levels=self.most_levels)

    def read(self, seen: Codes, held: Codes) -> tuple[Preprocessing, EncodedRows, EncodedRows]:
        """Plan over the rows that are seen, and read both parts."""
        seen_rows = self.matrix.take(seen)
        plan = self.plan(seen_rows)
        return plan, plan.read(seen_rows), plan.read(self.matrix.take(held))


def fit_ensemble(
    matrix: FeatureMatrix,
    labels: Bools,
    *,
    seed: int,
    folds: int = FOLDS,
    min_rows: int = MIN_ROWS,
    most_levels: int = MOST_LEVELS,
    whole: bool = False,
    groups: Codes | None = None,
    progress: Progress | None = None,
) -> FittedEnsemble:
    """Learn from labelled rows. Raises LabelsError with fewer than two rows of an outcome.

    With `whole` all members are fitted and kept, also those that count nothing, and the score is made of as many as
    noise allows; else it is the simplest as good as the best. Rows of one of the `groups` are never on both sides of
    a fold.
    """
    # one thread: the result then does not depend on the number of cores, and workers side by side do not fight for them
    with threadpool_limits(1):
        lesson = _Lesson(
            matrix=matrix, labels=labels, seed=seed, min_rows=min_rows, most_levels=most_levels, whole=whole
        )
        return _learn(lesson, split(labels, seed=seed, folds=folds, groups=groups), progress or _silent)


def split(labels: Bools, *, seed: int, folds: int = FOLDS, groups: Codes | None = None) -> Folds:
    """Give the folds: (seen, held) rows, those of a group together.

    Raises LabelsError with fewer than two rows, or groups with rows, of an outcome.
    """
    if groups is not None:
        return _split_groups(labels, groups, seed=seed, folds=folds)
    most = min(folds, int(labels.sum()), int((~labels).sum()))
    if most < 2:
        raise LabelsError("fewer than 2 rows of one outcome; record more outcomes first")
    splitter = StratifiedKFold(most, shuffle=True, random_state=seed)
    return list(splitter.split(np.zeros(len(labels)), labels))


def _split_groups(labels: Bools, groups: Codes, *, seed: int, folds: int) -> Folds:
    most = min(folds, *(len(np.unique(groups[labels == outcome])) for outcome in (True, False)))
    if most < 2:
        raise LabelsError("the rows of one outcome are all of one lead; record more outcomes first")
    splitter = StratifiedGroupKFold(most, shuffle=True, random_state=seed)
    parts = list(splitter.split(np.zeros(len(labels)), labels, groups))
    if any(np.ptp(labels[seen].astype(np.int8)) == 0 for seen, _ in parts):
        raise LabelsError("one lead has nearly all rows of one outcome; record more outcomes first")
    return parts


def _learn(lesson: _Lesson, parts: Folds, progress: Progress) -> FittedEnsemble:
    labels, steps = lesson.labels, len(parts) + 1
    trials = _trials(labels, lesson.seed, whole=lesson.whole)
    tried = {trial.name: np.empty((len(labels), len(trial.options))) for trial in trials}
    for done, (seen, held) in enumerate(parts):
        progress(done, steps)
        plan, known, asked = lesson.read(seen, held)
        for trial in trials:
            tried[trial.name][held] = _judged(trial, plan, known, asked, labels[seen])
    progress(len(parts), steps)
    best = {name: int(np.argmin([losses(one, labels).mean() for one in said.T])) for name, said in tried.items()}
    margins = {name: said[:, best[name]] for name, said in tried.items()}
    choice = choose(margins, labels, parts, whole=lesson.whole)
    found = FittedEnsemble(
        ensemble=_final(lesson, choice.blend, best),
        unseen=choice.unseen,
        members={name: cross_fitted({name: margin}, labels, parts) for name, margin in margins.items()},
        fold=_fold_of(parts, len(labels)),
        reason=choice.reason,
        options={trial.name: trial.options[best[trial.name]] for trial in trials},
    )
    progress(steps, steps)
    return found


def _trials(labels: Bools, seed: int, *, whole: bool) -> tuple[_Trial, ...]:
    rows, rarer = len(labels), min(int(labels.sum()), int((~labels).sum()))
    penalties = linear.penalties_for(rows)

    def lined(plan: Preprocessing, seen: EncodedRows, truth: Bools, held: EncodedRows) -> Floats:
        terms = plan.terms(held)
        found = linear.path(plan.terms(seen), truth, penalties)
        return np.column_stack([terms @ weights + start for weights, start in found])

    lines = _Trial(name=LR, options=tuple(f"C {penalty:g}" for penalty in penalties), judge=lined)
    if not whole and (rows < ROWS_FOR_TREES or rarer < RARER_FOR_TREES):
        return (lines,)
    tried = boosting.options(rows)

    def boosted(plan: Preprocessing, seen: EncodedRows, truth: Bools, held: EncodedRows) -> Floats:
        return boosting.staged(plan.inputs(seen), truth, plan.inputs(held), tried, rows=rows, seed=seed)

    def forested(plan: Preprocessing, seen: EncodedRows, truth: Bools, held: EncodedRows) -> Floats:
        said = forest.held_out(plan.inputs(seen), truth, plan.inputs(held), seed=seed)
        return np.asarray(logit(np.clip(said, 1e-9, 1 - 1e-9)))[:, None]

    names = tuple(f"{count} trees of {leaves} leaves" for leaves, count in tried)
    return (
        lines,
        _Trial(name=GB, options=names, judge=boosted),
        _Trial(name=RF, options=(f"{forest.TREES} trees",), judge=forested),
    )


def _judged(trial: _Trial, plan: Preprocessing, seen: EncodedRows, held: EncodedRows, truth: Bools) -> Floats:
    if plan.features:
        return trial.judge(plan, seen, truth, held)
    # nothing to learn from: the base rate
    return np.full((len(held), len(trial.options)), _rate_odds(truth))


def _final(lesson: _Lesson, blend: StackedModel, best: Mapping[str, int]) -> Ensemble:
    """Fit the chosen members on all rows."""
    labels, seed = lesson.labels, lesson.seed
    plan = lesson.plan(lesson.matrix)
    cells = plan.read(lesson.matrix)
    if not plan.features:
        return Ensemble(plan=plan, blend=StackedModel(constant=_rate_odds(labels), weights={}))
    inputs = plan.inputs(cells)
    wanted = tuple(best) if lesson.whole else tuple(blend.weights)
    trees, start = None, 0.0
    if GB in wanted:
        option = boosting.options(len(labels))[best[GB]]
        trees, start = boosting.fit(inputs, labels, option, rows=len(labels), seed=seed)
    return Ensemble(
        plan=plan,
        blend=blend,
        line=linear.fit(plan, cells, labels, linear.penalties_for(len(labels))[best[LR]]) if LR in wanted else None,
        boosting=trees,
        start=start,
        forest=forest.fit(inputs, labels, seed=seed) if RF in wanted else None,
    )


def _rate_odds(labels: Bools) -> float:
    return float(logit((labels.sum() + 1) / (len(labels) + 2)))


def _fold_of(folds: Folds, rows: int) -> NDArray[np.intp]:
    fold = np.empty(rows, dtype=np.intp)
    for index, (_, held) in enumerate(folds):
        fold[held] = index
    return fold


def _silent(done: int, total: int) -> None:
    """Shows nobody anything."""
