"""A fitted ensemble: the log-odds of rows, and what each feature contributes to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np

from ml.arrays import Floats, ModelState, logit
from ml.ensemble.linear import LinearModel
from ml.ensemble.preprocessing import EncodedRows, Preprocessing
from ml.ensemble.stacking import GB, LR, RF, StackedModel
from ml.ensemble.trees import Leaves, Trees

_SURE = 1e-9
#: of a model from before members were clipped
UNBOUNDED = 1e300

Member = TypeVar("Member")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """Preprocessing, members and their weights; a member that was left out is None, or has no weight.

    `base + contributions` is the log-odds; each member contributes in its own margin, times its weight.
    """

    plan: Preprocessing
    blend: StackedModel
    linear: LinearModel | None = None
    boosting: Trees | None = None
    #: log-odds that the boosted trees add to
    start: float = 0.0
    forest: Trees | None = None

    @property
    def base(self) -> float:
        """Log-odds of the average training row."""
        return float(sum((w * self._base(name) for name, w in self.blend.weights.items()), self.blend.constant))

    def contributions(self, cells: EncodedRows) -> Floats:
        """Return what each feature adds to each row's log-odds: [rows, features]."""
        total = np.zeros(cells.known.shape)
        leaves = self._leaves(cells, self.blend.weights)
        for name, weight in self.blend.weights.items():
            total = total + weight * self._shared(name, cells, leaves)
        return total

    def quick(self, cells: EncodedRows) -> Floats:
        """Return the log-odds of many rows without reasons: the same but for rounding, below 1e-9."""
        return self.joined(self.margins(cells, self.blend.weights), len(cells))

    def joined(self, margins: Mapping[str, Floats], rows: int) -> Floats:
        """Return the log-odds that the members' margins make together."""
        total = np.full(rows, self.blend.constant)
        for name, weight in self.blend.weights.items():
            total += weight * np.clip(margins[name], -self.blend.bound, self.blend.bound)
        return total

    def margins(self, cells: EncodedRows, names: Collection[str]) -> dict[str, Floats]:
        """Return the log-odds of each row by each of the named members alone."""
        leaves = self._leaves(cells, names)
        return {name: self._margin(name, cells, leaves) for name in names}

    @property
    def members(self) -> tuple[str, ...]:
        """Return the members that are there, also those that have no weight."""
        there = {LR: self.linear, GB: self.boosting, RF: self.forest}
        return tuple(name for name, member in there.items() if member is not None)

    def state(self) -> ModelState:
        """Return the ensemble as plain values and arrays."""
        return {
            **self.plan.state(),
            "blend": {
                "constant": self.blend.constant,
                "weights": dict(self.blend.weights),
                # the weights' order is the order of adding
                "order": list(self.blend.weights),
                "bound": self.blend.bound,
            },
            "line": self.linear and self.linear.state(),
            "boosting": self.boosting and self.boosting.state(),
            "start": self.start,
            "forest": self.forest and self.forest.state(),
        }

    @classmethod
    def restore(cls, state: ModelState) -> Self:
        """Return the ensemble that gave this `state`. Raises KeyError, TypeError or ValueError for any other value."""
        blend = state["blend"]
        made = cls(
            plan=Preprocessing.restore(state),
            blend=StackedModel(
                constant=blend["constant"],
                weights={name: blend["weights"][name] for name in blend["order"]},
                bound=blend["bound"],
            ),
            linear=LinearModel.restore(state["line"]) if state["line"] else None,
            boosting=Trees.restore(state["boosting"]) if state["boosting"] else None,
            start=state["start"],
            forest=Trees.restore(state["forest"]) if state["forest"] else None,
        )
        return made._complete()

    def _complete(self) -> Self:
        members = {LR: self.linear, GB: self.boosting, RF: self.forest}
        widths = [trees.width for trees in (self.boosting, self.forest) if trees is not None]
        if any(members[name] is None for name in self.blend.weights) or any(
            w != len(self.plan.features) for w in widths
        ):
            raise ValueError("a member is missing or reads other columns")
        return self

    def _leaves(self, cells: EncodedRows, names: Collection[str]) -> dict[str, Leaves]:
        trees = {name: member for name, member in ((GB, self.boosting), (RF, self.forest)) if name in names}
        if not any(trees.values()):
            return {}
        inputs = self.plan.inputs(cells)
        return {name: member.leaves(inputs) for name, member in trees.items() if member is not None}

    def _shared(self, name: str, cells: EncodedRows, leaves: Mapping[str, Leaves]) -> Floats:
        if name == LR:
            linear = _required(self.linear)
            return _bounded(linear.contributions(self.plan, cells), linear.base, self.blend.bound)
        if name == GB:
            boosting = _required(self.boosting)
            return _bounded(boosting.contributions(leaves[GB]), self._base(GB), self.blend.bound)
        forest = _required(self.forest)
        return _as_log_odds(forest.contributions(leaves[RF]), forest.base, self.blend.bound)

    def _margin(self, name: str, cells: EncodedRows, leaves: Mapping[str, Leaves]) -> Floats:
        if name == LR:
            linear = _required(self.linear)
            return np.asarray(linear.base + linear.contributions(self.plan, cells).sum(axis=1))
        if name == GB:
            return self.start + _required(self.boosting).totals(leaves[GB])
        return _odds(_required(self.forest).totals(leaves[RF]))

    def _base(self, name: str) -> float:
        if name == LR:
            return _required(self.linear).base
        if name == GB:
            return self.start + _required(self.boosting).base
        return float(_odds(_required(self.forest).base))


def added(contributions: Floats) -> Floats:
    """Return each row's sum, added in order, so that a batch gives what a row alone gives."""
    if contributions.shape[1] == 0:
        return np.zeros(len(contributions))
    # cumsum adds in order; sum may add in pairs that depend on the shape
    last: Floats = np.cumsum(np.ascontiguousarray(contributions), axis=1)[:, -1]
    return last


def from_linear(plan: Preprocessing, linear: LinearModel) -> Ensemble:
    """Return a linear model alone as an ensemble that predicts the same, bit for bit."""
    return Ensemble(plan=plan, linear=linear, blend=StackedModel(constant=0.0, weights={LR: 1.0}, bound=UNBOUNDED))


def _bounded(contributions: Floats, base: float, bound: float) -> Floats:
    """Scale the contributions of rows beyond the bound, each feature in proportion."""
    total = added(contributions)
    outside = np.abs(base + total) > bound
    if not outside.any():
        return contributions
    scale = np.ones_like(total)
    np.divide(np.clip(base + total, -bound, bound) - base, total, out=scale, where=outside)
    return contributions * scale[:, None]


def _as_log_odds(contributions: Floats, base: float, bound: float) -> Floats:
    """Turn shares of a probability into shares of its log-odds, each feature in proportion."""
    total = added(contributions)
    start, reached = _odds(base), np.clip(_odds(base + total), -bound, bound)
    # where nothing changed the slope of the log-odds says what a small change is worth
    scale = np.full_like(total, 1 / (base * (1 - base)) if 0 < base < 1 else 0.0)
    np.divide(reached - start, total, out=scale, where=np.abs(total) > _SURE)
    return contributions * scale[:, None]


def _odds(share: Floats | float) -> Floats:
    odds: Floats = logit(np.clip(share, _SURE, 1 - _SURE))
    return odds


def _required(member: Member | None) -> Member:
    # a blend names only members that are there: `_complete` saw to it
    assert member is not None
    return member
