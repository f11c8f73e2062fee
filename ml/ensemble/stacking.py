"""Joining members: weights that are never negative, fitted out of fold, blend and calibration in one.

A member is left out unless the others are worse without it by more than noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from ml.ensemble.column_types import Codes
from ml.training.calibration import Bools, Floats

#: members, simplest first
LR, GB, RF = "lr", "gb", "rf"
MEMBERS = (LR, GB, RF)
#: what a member says is taken to lie within these log-odds: .001 to .999
BOUND = float(logit(0.999))

#: log loss that no further member is worth, however sure it is
_TRIFLE = 2e-4

Folds = Sequence[tuple[Codes, Codes]]
Margins = Mapping[str, Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class StackedModel:
    """log-odds = constant + sum of weight * member's log-odds."""

    constant: float
    #: member -> weight, above zero
    weights: Mapping[str, float]
    #: members' log-odds are clipped to this, up and down
    bound: float = BOUND

    def __call__(self, margins: Margins) -> Floats:
        """Join the members' log-odds."""
        total = np.full(len(next(iter(margins.values()))), self.constant)
        for name, weight in self.weights.items():
            total = total + weight * np.clip(margins[name], -self.bound, self.bound)
        return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The members that were chosen, and what they say together of rows that they had not seen."""

    blend: StackedModel
    #: log-odds, each from weights fitted on the other folds
    unseen: Floats
    #: in words
    reason: str


def losses(log_odds: Floats, labels: Bools) -> Floats:
    """Give the log loss of each row."""
    lost: Floats = np.logaddexp(0.0, np.where(labels, -log_odds, log_odds))
    return lost


def fit(margins: Margins, labels: Bools) -> StackedModel:
    """Fit the weights of some members to rows that they had not seen; a member that only harms gets none."""
    members = np.column_stack([np.clip(margin, -BOUND, BOUND) for margin in margins.values()])
    # Platt's targets: a little short of 0 and 1, so that few rows do not make us certain
    positives, rows = int(labels.sum()), len(labels)
    target = np.where(labels, (positives + 1) / (positives + 2), 1 / (rows - positives + 2))

    def loss(weights: Floats) -> tuple[float, Floats]:
        z = weights[0] + members @ weights[1:]
        gap = (expit(z) - target) / rows
        return float(np.mean(np.logaddexp(0.0, z) - target * z)), np.r_[gap.sum(), gap @ members]

    start = np.r_[0.0, np.full(len(margins), 1 / len(margins))]
    bounds = [(None, None)] + [(0.0, None)] * len(margins)
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B", options={"ftol": 1e-12, "gtol": 1e-8}).x
    weights = dict(zip(margins, found[1:].tolist(), strict=True))
    return StackedModel(
        constant=float(found[0]), weights={name: weight for name, weight in weights.items() if weight > 0}
    )


def cross_fitted(margins: Margins, labels: Bools, folds: Folds) -> Floats:
    """Give each row's log-odds from weights fitted on the other folds."""
    unseen = np.empty(len(labels))
    for seen, held in folds:
        blend = fit({name: margin[seen] for name, margin in margins.items()}, labels[seen])
        unseen[held] = blend({name: margin[held] for name, margin in margins.items()})
    return unseen


def choose(margins: Margins, labels: Bools, folds: Folds, *, whole: bool = False) -> Choice:
    """Choose the simplest set of members that is as good as the best set, within one standard error or a trifle.

    With `whole` the largest such set: all members, unless fewer are better by more than noise.
    """
    sets = [names for size in range(1, len(margins) + 1) for names in combinations(margins, size)]
    unseen = {names: cross_fitted({name: margins[name] for name in names}, labels, folds) for names in sets}
    lost = {names: losses(unseen[names], labels) for names in sets}
    best = min(sets, key=lambda names: float(lost[names].mean()))
    taken = next(names for names in (reversed(sets) if whole else sets) if _ties(lost[names], lost[best]))
    blend = fit({name: margins[name] for name in taken}, labels)
    return Choice(blend=blend, unseen=unseen[taken], reason=_reason(taken, best, lost))


def _ties(ours: Floats, best: Floats) -> bool:
    worse = ours - best
    return bool(worse.mean() <= max(_TRIFLE, worse.std() / np.sqrt(len(worse))))


def _reason(taken: tuple[str, ...], best: tuple[str, ...], lost: Mapping[tuple[str, ...], Floats]) -> str:
    figures = f"log loss {lost[taken].mean():.4f} out of fold"
    if len(lost) == 1:
        return f"{'+'.join(taken)}: {figures}; too few rows to compare others"
    if taken == best:
        return f"{'+'.join(taken)} won: {figures}"
    found = "whole" if len(taken) > len(best) else "the simplest"
    return f"{'+'.join(taken)}, {found} within noise of {'+'.join(best)}: {figures}, {lost[best].mean():.4f}"
