"""Stack the members: non-negative weights, fitted out of fold, blend and calibrate in one step.

A member is left out unless the others are worse without it by more than noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ml.arrays import Bools, Floats, Ints, expit
from ml.ensemble.squash import BOUND, Squash, squashed
from ml.training.evaluation import auc

#: members, simplest first
LR, GB, RF = "lr", "gb", "rf"
MEMBERS = (LR, GB, RF)

#: log loss that no further member is worth, however sure it is
_TRIFLE = 2e-4
#: AUC that no further member is worth
_RANK_TRIFLE = 2e-3

Folds = Sequence[tuple[Ints, Ints]]
Margins = Mapping[str, Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class StackedModel:
    """log-odds = constant + sum of weight * member's log-odds, which are drawn in beyond a bound."""

    constant: float
    #: member -> weight, above zero
    weights: Mapping[str, float]
    #: members' log-odds are drawn in beyond this, up and down
    bound: float = BOUND
    #: how they are drawn in
    squash: Squash = "log"

    def __call__(self, margins: Margins) -> Floats:
        """Return the weighted sum of the members' log-odds."""
        total = np.full(len(next(iter(margins.values()))), self.constant)
        for name, weight in self.weights.items():
            total = total + weight * self.bounded(margins[name])
        return total

    def bounded(self, log_odds: Floats) -> Floats:
        """Return a member's log-odds as they are counted."""
        return squashed(log_odds, self.squash, self.bound)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The chosen members and their joint out-of-fold log-odds."""

    blend: StackedModel
    #: log-odds, each row with weights fitted on the other folds
    oof_log_odds: Floats
    #: in words
    reason: str


def losses(log_odds: Floats, labels: Bools) -> Floats:
    """Return the log loss of each row."""
    loss_of: Floats = np.logaddexp(0.0, np.where(labels, -log_odds, log_odds))
    return loss_of


def fit(margins: Margins, labels: Bools) -> StackedModel:
    """Fit the weights of some members to their out-of-fold log-odds; a member that only harms gets none."""
    from scipy.optimize import minimize

    members = np.column_stack([squashed(margin) for margin in margins.values()])
    # Platt's targets: a little short of 0 and 1, so that few rows do not make us certain
    positives, rows = int(labels.sum()), len(labels)
    target = np.where(labels, (positives + 1) / (positives + 2), 1 / (rows - positives + 2))

    def loss(weights: Floats) -> tuple[float, Floats]:
        z = weights[0] + members @ weights[1:]
        gap = (expit(z) - target) / rows
        return float(np.mean(np.logaddexp(0.0, z) - target * z)), np.r_[gap.sum(), gap @ members]

    start = np.r_[0.0, np.full(len(margins), 1 / len(margins))]
    bounds = [(None, None)] + [(0.0, None)] * len(margins)
    solution = minimize(
        loss, start, jac=True, bounds=bounds, method="L-BFGS-B", options={"ftol": 1e-12, "gtol": 1e-8}
    ).x
    weights = dict(zip(margins, solution[1:].tolist(), strict=True))
    return StackedModel(
        constant=float(solution[0]), weights={name: weight for name, weight in weights.items() if weight > 0}
    )


def cross_fitted(margins: Margins, labels: Bools, folds: Folds) -> Floats:
    """Return each row's log-odds from weights fitted on the other folds."""
    oof_log_odds = np.empty(len(labels))
    for train, validation in folds:
        blend = fit({name: margin[train] for name, margin in margins.items()}, labels[train])
        oof_log_odds[validation] = blend({name: margin[validation] for name, margin in margins.items()})
    return oof_log_odds


def choose(margins: Margins, labels: Bools, folds: Folds, *, keep_all: bool = False) -> Choice:
    """Choose the simplest set of members that is as good as the best set, within one standard error or a trifle.

    Of sets that are as good, none is chosen that ranks worse than another by more than a trifle. With `keep_all` the
    largest such set: all members, unless fewer are better by more than noise.
    """
    sets = [names for size in range(1, len(margins) + 1) for names in combinations(margins, size)]
    oof_log_odds = {names: cross_fitted({name: margins[name] for name in names}, labels, folds) for names in sets}
    loss_of = {names: losses(oof_log_odds[names], labels) for names in sets}
    best = min(sets, key=lambda names: float(loss_of[names].mean()))
    as_good = [names for names in sets if ties(loss_of[names], loss_of[best])]
    ranks = {names: auc(labels, oof_log_odds[names]) for names in as_good}
    well_ranked = [names for names in as_good if ranks[names] >= max(ranks.values()) - _RANK_TRIFLE]
    chosen = well_ranked[-1 if keep_all else 0]
    blend = fit({name: margins[name] for name in chosen}, labels)
    return Choice(blend=blend, oof_log_odds=oof_log_odds[chosen], reason=_reason(chosen, best, loss_of))


def ties(ours: Floats, best: Floats) -> bool:
    """Return whether losses are as good as the best ones, within one standard error of the difference or a trifle."""
    worse = ours - best
    return bool(worse.mean() <= max(_TRIFLE, worse.std() / np.sqrt(len(worse))))


def _reason(chosen: tuple[str, ...], best: tuple[str, ...], loss_of: Mapping[tuple[str, ...], Floats]) -> str:
    figures = f"log loss {loss_of[chosen].mean():.4f} out of fold"
    if len(loss_of) == 1:
        return f"{'+'.join(chosen)}: {figures}; too few rows to compare others"
    if chosen == best:
        return f"{'+'.join(chosen)} won: {figures}"
    nearness = "whole" if len(chosen) > len(best) else "the simplest"
    return f"{'+'.join(chosen)}, {nearness} within noise of {'+'.join(best)}: {figures}, {loss_of[best].mean():.4f}"
