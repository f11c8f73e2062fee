"""A fitted ensemble: what it says of rows, and what each feature contributes to that."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import numpy as np
from scipy.special import logit

from ml.ensemble.linear import LinearModel
from ml.ensemble.preprocessing import EncodedRows, Preprocessing
from ml.ensemble.stacking import GB, LR, RF, StackedModel
from ml.ensemble.trees import Leaves, Trees
from ml.training.calibration import Floats

_SURE = 1e-9
#: of a model from before members were clipped
UNBOUNDED = 1e300

Member = TypeVar("Member")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """A plan, its members and how they are joined; a member that was left out is None, or has no weight.

    `base + contributions` is the log-odds; each member contributes in its own margin, times its weight.
    """

    plan: Preprocessing
    blend: StackedModel
    line: LinearModel | None = None
    boosting: Trees | None = None
    #: log-odds that the boosted trees add to
    start: float = 0.0
    forest: Trees | None = None

    @property
    def base(self) -> float:
        """Log-odds of the average training row."""
        return float(sum((w * self._base(name) for name, w in self.blend.weights.items()), self.blend.constant))

    def contributions(self, cells: EncodedRows) -> Floats:
        """Give what each feature adds to each row's log-odds: [rows, features]."""
        total = np.zeros(cells.known.shape)
        leaves = self._leaves(cells, self.blend.weights)
        for name, weight in self.blend.weights.items():
            total = total + weight * self._shared(name, cells, leaves)
        return total

    def quick(self, cells: EncodedRows) -> Floats:
        """Give the log-odds of many rows without reasons: the same but for rounding, below 1e-9."""
        return self.joined(self.margins(cells, self.blend.weights), len(cells))

    def joined(self, margins: Mapping[str, Floats], rows: int) -> Floats:
        """Give the log-odds that the members' margins make together."""
        total = np.full(rows, self.blend.constant)
        for name, weight in self.blend.weights.items():
            total += weight * np.clip(margins[name], -self.blend.bound, self.blend.bound)
        return total

    def margins(self, cells: EncodedRows, names: Collection[str]) -> dict[str, Floats]:
        """Give what some members say of each row, each alone: log-odds."""
        leaves = self._leaves(cells, names)
        return {name: self._margin(name, cells, leaves) for name in names}

    @property
    def members(self) -> tuple[str, ...]:
        """The members that are there, also those that have no weight."""
        there = {LR: self.line, GB: self.boosting, RF: self.forest}
        return tuple(name for name, member in there.items() if member is not None)

    def state(self) -> dict[str, Any]:
        """Give it as plain values and arrays."""
        return {
            **self.plan.state(),
            "blend": {
                "constant": self.blend.constant,
                "weights": dict(self.blend.weights),
                # the weights' order is the order of adding
                "order": list(self.blend.weights),
                "bound": self.blend.bound,
            },
            "line": self.line and self.line.state(),
            "boosting": self.boosting and self.boosting.state(),
            "start": self.start,
            "forest": self.forest and self.forest.state(),
        }

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> Self:
        """Make it again from its `state`. Raises KeyError, TypeError or ValueError for what is none."""
        blend = state["blend"]
        made = cls(
            plan=Preprocessing.restore(state),
            blend=StackedModel(
                constant=blend["constant"],
                weights={name: blend["weights"][name] for name in blend["order"]},
                bound=blend["bound"],
            ),
            line=LinearModel.restore(state["line"]) if state["line"] else None,
            boosting=Trees.restore(state["boosting"]) if state["boosting"] else None,
            start=state["start"],
            forest=Trees.restore(state["forest"]) if state["forest"] else None,
        )
        return made._complete()

    def _complete(self) -> Self:
        members = {LR: self.line, GB: self.boosting, RF: self.forest}
        widths = [trees.width for trees in (self.boosting, self.forest) if trees is not None]
        if any(members[name] is None for name in self.blend.weights) or any(
            w != len(self.plan.features) for w in widths
        ):
            raise ValueError("a member is missing or reads other columns")
        return self

    def _leaves(self, cells: EncodedRows, names: Collection[str]) -> dict[str, Leaves]:
        trees = {name: one for name, one in ((GB, self.boosting), (RF, self.forest)) if name in names}
        if not any(trees.values()):
            return {}
        inputs = self.plan.inputs(cells)
        return {name: one.leaves(inputs) for name, one in trees.items() if one is not None}

    def _shared(self, name: str, cells: EncodedRows, leaves: Mapping[str, Leaves]) -> Floats:
        if name == LR:
            line = _required(self.line)
            return _bounded(line.contributions(self.plan, cells), line.base, self.blend.bound)
        if name == GB:
            boosting = _required(self.boosting)
            return _bounded(boosting.contributions(leaves[GB]), self._base(GB), self.blend.bound)
        forest = _required(self.forest)
        return _as_log_odds(forest.contributions(leaves[RF]), forest.base, self.blend.bound)

    def _margin(self, name: str, cells: EncodedRows, leaves: Mapping[str, Leaves]) -> Floats:
        if name == LR:
            line = _required(self.line)
            return np.asarray(line.base + line.contributions(self.plan, cells).sum(axis=1))
        if name == GB:
            return self.start + _required(self.boosting).totals(leaves[GB])
        return _odds(_required(self.forest).totals(leaves[RF]))

    def _base(self, name: str) -> float:
        if name == LR:
            return _required(self.line).base
        if name == GB:
            return self.start + _required(self.boosting).base
        return float(_odds(_required(self.forest).base))


def added(contributions: Floats) -> Floats:
    """Add up each row one after the other, so that a batch gives what a row alone gives."""
    if contributions.shape[1] == 0:
        return np.zeros(len(contributions))
    # cumsum adds in order; sum may add in pairs that depend on the shape
    last: Floats = np.cumsum(np.ascontiguousarray(contributions), axis=1)[:, -1]
    return last


def of_linear(plan: Preprocessing, line: LinearModel) -> Ensemble:
    """Give a line alone as an ensemble that answers bit for bit as the line does."""
    return Ensemble(plan=plan, line=line, blend=StackedModel(constant=0.0, weights={LR: 1.0}, bound=UNBOUNDED))


def _bounded(contributions: Floats, base: float, bound: float) -> Floats:
    """Shrink what leads beyond the bound, each feature in proportion."""
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
