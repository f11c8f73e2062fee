"""A fitted ensemble: the log-odds of rows, and what each feature contributes to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Self, TypeVar, cast

import numpy as np

from ml.arrays import Floats, ModelState, logit
from ml.ensemble.linear import LinearModel
from ml.ensemble.preprocessing import EncodedRows, Preprocessing
from ml.ensemble.squash import SQUASHES, Squash
from ml.ensemble.stacking import GB, LR, RF, StackedModel
from ml.ensemble.trees import Leaves, Trees

_SURE = 1e-9
#: of a model from before members were drawn in
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
            total += weight * self.blend.bounded(margins[name])
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
                "squash": self.blend.squash,
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
                squash=_known(blend.get("squash", "clip")),
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
            return _bounded(linear.contributions(self.plan, cells), linear.base, self.blend)
        if name == GB:
            boosting = _required(self.boosting)
            return _bounded(boosting.contributions(leaves[GB]), self._base(GB), self.blend)
        forest = _required(self.forest)
        return _as_log_odds(forest.contributions(leaves[RF]), forest.base, self.blend)

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
    alone = StackedModel(constant=0.0, weights={LR: 1.0}, bound=UNBOUNDED, squash="clip")
    return Ensemble(plan=plan, linear=linear, blend=alone)


def _bounded(contributions: Floats, base: float, blend: StackedModel) -> Floats:
    """Scale the contributions of rows beyond the bound, each feature in proportion."""
    total = added(contributions)
    outside = (np.abs(base + total) > blend.bound) & (total != 0)
    if not outside.any():
        return contributions
    scale = np.ones_like(total)
    np.divide(blend.bounded(base + total) - base, total, out=scale, where=outside)
    return contributions * scale[:, None]


def _as_log_odds(contributions: Floats, base: float, blend: StackedModel) -> Floats:
    """Turn shares of a probability into shares of its log-odds, each feature in proportion."""
    total = added(contributions)
    start, reached = _odds(base), blend.bounded(_odds(base + total))
    # where nothing changed the slope of the log-odds says what a small change is worth
    scale = np.full_like(total, 1 / (base * (1 - base)) if 0 < base < 1 else 0.0)
    np.divide(reached - start, total, out=scale, where=np.abs(total) > _SURE)
    return contributions * scale[:, None]


def _known(squash: str) -> Squash:
    if squash not in SQUASHES:
        raise ValueError("members are joined in a way that this version does not know")
    return cast("Squash", squash)


def _odds(share: Floats | float) -> Floats:
    odds: Floats = logit(np.clip(share, _SURE, 1 - _SURE))
    return odds


def _required(member: Member | None) -> Member:
    # a blend names only members that are there: `_complete` saw to it
    assert member is not None
    return member
