"""What a search is judged by: rows with outcomes, and the loss of a scorer with some options on one fold of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml.arrays import Bools, Ints
from ml.ensemble import trials
from ml.ensemble.cross_validation import split
from ml.ensemble.options import EnsembleOptions
from ml.ensemble.scorer import EnsembleScorer, checked_labels
from ml.ensemble.stacking import losses
from ml.leads.leaks import columns_alone
from ml.profiles import FeatureMatrix
from ml.training.evaluation import auc
from ml.tuning.space import Space, space_of

#: folds inside a fold, by which the scorer chooses and stacks its members
INNER_FOLDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Labelled rows without columns that leak the outcome, and the scorer that learns from them."""

    matrix: FeatureMatrix
    labels: Bools
    scorer: type[EnsembleScorer]
    #: rows of one group are never on both sides of a fold; None: each row is its own
    groups: Ints | None = None

    def space(self, *, folds: int) -> Space:
        """Return what is worth searching: trees only where the smallest training part suffices for them.

        Raises LabelsError where the outcomes are too few for folds.
        """
        parts = split(self.labels, seed=0, folds=folds, groups=self.groups)
        smallest = min((train for train, _ in parts), key=len)
        return space_of(trees=self.scorer.keeps_all_members or trials.has_trees(self.labels[smallest]))


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldResult:
    """How a scorer did on the validation rows of a fold."""

    #: mean log loss of a row, of log-odds that are not clamped
    loss: float
    #: None where all validation rows have one outcome
    auc: float | None
    #: validation rows
    rows: int


def problem_of(
    matrix: FeatureMatrix,
    labels: Sequence[bool] | Bools,
    *,
    scorer: type[EnsembleScorer],
    seed: int,
    groups: Sequence[str] | None = None,
) -> Problem:
    """Return the problem of labelled rows, without the columns that training would refuse. Raises LabelsError."""
    truth = checked_labels(matrix, labels, least=2)
    alone = columns_alone(matrix, truth, seed=seed)
    usable = matrix.select([name for name in matrix.columns if name not in alone or alone[name].leak is None])
    places = None if groups is None else np.unique(groups, return_inverse=True)[1].astype(np.intp)
    return Problem(matrix=usable, labels=truth, scorer=scorer, groups=places)


def judge(problem: Problem, options: EnsembleOptions, *, fold: int, folds: int, seed: int) -> FoldResult:
    """Fit the scorer with some options on all folds but one, and return its loss on that one (from 0).

    The folds are those of `seed`, the same for every trial; the same arguments give the same figures, bit for bit.
    Raises LabelsError where outcomes are too few, and IndexError where there are fewer folds.
    """
    train, validation = split(problem.labels, seed=seed, folds=folds, groups=problem.groups)[fold]
    scorer = problem.scorer()
    groups = None if problem.groups is None else problem.groups[train]
    rows, truth = problem.matrix.take(train), problem.labels[train]
    scorer.learn(rows, truth, seed=seed, folds=INNER_FOLDS, groups=groups, options=options)
    log_odds, outcomes = scorer.quick_log_odds(problem.matrix.take(validation)), problem.labels[validation]
    both = 0 < int(outcomes.sum()) < len(outcomes)
    return FoldResult(
        loss=float(losses(log_odds, outcomes).mean()),
        auc=float(auc(outcomes, log_odds)) if both else None,
        rows=len(validation),
    )
