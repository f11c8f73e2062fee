"""The options of each member that are compared out of fold, and what they predict of validation rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from ml.arrays import Bools, Floats, logit
from ml.ensemble import boosting, forest, linear
from ml.ensemble.boosting import Option
from ml.ensemble.options import EnsembleOptions
from ml.ensemble.preprocessing import EncodedRows, Preprocessing
from ml.ensemble.stacking import GB, LR, RF, fit, losses, ties
from ml.training.evaluation import auc

#: rows, and rows of the rarer outcome, from which trees are worth trying
ROWS_FOR_TREES, RARER_FOR_TREES = 1000, 100

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial(Generic[Value]):
    """One member with the options that are compared, simplest first."""

    name: str
    options: tuple[Value, ...]
    #: an option in words
    words: Callable[[Value], str]
    #: (preprocessing, train rows, train labels, validation rows) -> [validation rows, options]
    margins_of: Callable[[Preprocessing, EncodedRows, Bools, EncodedRows], Floats]
    #: whether the order of the rows tells good options apart
    by_rank: bool = False

    def margins(self, plan: Preprocessing, train: EncodedRows, labels: Bools, validation: EncodedRows) -> Floats:
        """Return the log-odds of validation rows by each option: [validation rows, options]."""
        if plan.features:
            return self.margins_of(plan, train, labels, validation)
        # nothing to learn from: the base rate
        return np.full((len(validation), len(self.options)), rate_odds(labels))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried(Generic[Value]):
    """One member with all options that were tried, and their out-of-fold log-odds: [rows, options]."""

    trial: Trial[Value]
    predicted: Floats

    def best(self, labels: Bools) -> int:
        """Return the place of the best option: by log loss, or by rank among those whose log loss is as good as any.

        Many boosted trees are too sure and rank well all the same; stacking calibrates them, so it is done here too.
        """
        options = list(self.predicted.T)
        if not self.trial.by_rank:
            return int(np.argmin([losses(option, labels).mean() for option in options]))
        loss_of = [losses(fit({GB: option}, labels)({GB: option}), labels) for option in options]
        least = min(loss_of, key=np.mean)
        ranks = [
            auc(labels, option) if ties(loss, least) else 0.0 for option, loss in zip(options, loss_of, strict=True)
        ]
        return int(np.argmax(ranks))

    def joined(self, more: Tried[Value]) -> Tried[Value]:
        """Return both with their options one after the other."""
        trial = Trial(
            name=self.trial.name,
            options=self.trial.options + more.trial.options,
            words=self.trial.words,
            margins_of=self.trial.margins_of,
            by_rank=self.trial.by_rank,
        )
        return Tried(trial=trial, predicted=np.column_stack([self.predicted, more.predicted]))


def has_trees(labels: Bools) -> bool:
    """Return whether there are rows enough for trees to be worth trying."""
    rarer = min(int(labels.sum()), int((~labels).sum()))
    return len(labels) >= ROWS_FOR_TREES and rarer >= RARER_FOR_TREES


def of_linear(rows: int, fixed: EnsembleOptions) -> Trial[float]:
    """Return the linear member with the penalties worth comparing at this number of rows."""
    penalties = linear.penalties_for(rows, fixed)

    def margins(plan: Preprocessing, train: EncodedRows, labels: Bools, validation: EncodedRows) -> Floats:
        terms = plan.terms(validation)
        fitted = linear.path(plan.terms(train), labels, penalties)
        return np.column_stack([terms @ weights + start for weights, start in fitted])

    return Trial(name=LR, options=penalties, words=lambda penalty: f"C {penalty:g}", margins_of=margins)


def of_boosting(options: tuple[Option, ...], rows: int, seed: int, fixed: EnsembleOptions) -> Trial[Option]:
    """Return the boosting member with some options."""

    def margins(plan: Preprocessing, train: EncodedRows, labels: Bools, validation: EncodedRows) -> Floats:
        inputs, later = plan.inputs(train), plan.inputs(validation)
        return boosting.staged_margins(inputs, labels, later, options, rows=rows, seed=seed, fixed=fixed)

    def words(option: Option) -> str:
        every = ", every feature open to each split" if option.share == 1 else ""
        return f"{option.rounds} trees of {option.leaves} leaves{every}"

    return Trial(name=GB, options=options, words=words, margins_of=margins, by_rank=True)


def of_forest(seed: int, fixed: EnsembleOptions) -> Trial[int]:
    """Return the forest, of which there is one option only: the number of its trees."""
    trees = fixed.forest_trees or forest.TREES

    def margins(plan: Preprocessing, train: EncodedRows, labels: Bools, validation: EncodedRows) -> Floats:
        inputs, later = plan.inputs(train), plan.inputs(validation)
        predicted = forest.validation_probabilities(inputs, labels, later, seed=seed, fixed=fixed)
        return np.asarray(logit(np.clip(predicted, 1e-9, 1 - 1e-9)))[:, None]

    return Trial(name=RF, options=(trees,), words=lambda count: f"{count} trees", margins_of=margins)


def rate_odds(labels: Bools) -> float:
    """Return the log-odds of the base rate, a little short of certain."""
    return float(logit((labels.sum() + 1) / (len(labels) + 2)))
