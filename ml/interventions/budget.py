"""Decide on which leads of a batch a budget is spent.

A lead gets one action at most, so money is reserved for the most expensive action that it may get: whichever of its
remaining actions is carried out, the sum stays within the budget. Reservations go, step by step, to the lead where a
unit of cost brings the most worth (risk and urgency, and the measured uplift if there is one), unless a single action
is worth more than all of that. So the total worth is at least half of the best possible choice within the budget. The
rest of the budget is reserved for other actions of a lead, in case a gate blocks its first one. The order of the leads
makes no difference: among equals a hash of lead and day decides, so that no lead is always last.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from domain.interventions import URGENCIES
from ml.interventions.policy_types import Need, Proposal, options

#: costs are counted in whole millionths, so that sums are exact
_MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class _Step:
    """The gain of a lead when more money is reserved for it."""

    gain: float
    cost: int
    lead: str
    #: reserved for the lead in total
    reserved: int

    @property
    def worth_per_cost(self) -> float:
        return self.gain / self.cost


def within_budget(
    ranked: Mapping[str, list[Proposal]], needs: Mapping[str, Need], budget: float | None
) -> dict[str, list[Proposal]]:
    """Return each lead's proposals that fit the budget (None: unlimited); proposals without cost always stay."""
    if budget is None:
        return dict(ranked)
    money = math.floor(round(budget * _MICRO, 3))
    floor = _least_measured(ranked.values())
    dearest: dict[str, int] = {}
    steps: list[_Step] = []
    for lead, proposals in ranked.items():
        priced = [(_micro_units(option.cost), worth(needs[lead], option, floor)) for option in options(proposals)]
        priced = [(cost, value) for cost, value in priced if cost <= money]
        dearest[lead] = max((cost for cost, _ in priced), default=0)
        steps += _steps(lead, priced)
    ties = {lead: _tie_break(needs[lead]) for lead in ranked}
    steps.sort(key=lambda step: (-step.worth_per_cost, ties[step.lead], step.reserved))
    reserved = _spend(steps, money)
    _fill(reserved, {lead: dearest[lead] for lead in sorted(ranked, key=ties.__getitem__)}, money)
    return {lead: _affordable(proposals, reserved.get(lead, 0)) for lead, proposals in ranked.items()}


def worth(need: Need, proposal: Proposal, floor: float = 1.0) -> float:
    """Return what a proposal is worth: risk and urgency, times its measured uplift.

    A proposal without a measured uplift counts as `floor`, which is never more than the least measured one.
    """
    gain = floor
    if proposal.evidence == "model" and proposal.expected_uplift is not None:
        gain = proposal.expected_uplift.estimate
    return need.probability * (1 + URGENCIES.index(proposal.urgency)) * proposal.fit * gain


def _least_measured(ranked: Iterable[list[Proposal]]) -> float:
    measured = [
        proposal.expected_uplift.estimate
        for proposals in ranked
        for proposal in proposals
        if proposal.evidence == "model" and proposal.expected_uplift is not None
    ]
    return min(measured, default=1.0)


def _steps(lead: str, priced: Sequence[tuple[int, float]]) -> list[_Step]:
    """Return a lead's steps from cheap to expensive, each with less gain per cost than the one before."""
    corners = _upper_hull([(0, 0.0), *priced])
    return [_Step(value - before, cost - below, lead, cost) for (below, before), (cost, value) in pairwise(corners)]


def _upper_hull(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return the upper concave hull: a point below it buys less than a mix of two points on it."""
    hull: list[tuple[int, float]] = []
    for cost, value in sorted(points, key=lambda point: (point[0], -point[1])):
        if hull and (cost == hull[-1][0] or value <= hull[-1][1]):
            continue
        while len(hull) > 1 and _lies_below(hull[-2], hull[-1], (cost, value)):
            hull.pop()
        hull.append((cost, value))
    return hull


def _lies_below(left: tuple[int, float], point: tuple[int, float], right: tuple[int, float]) -> bool:
    return (point[1] - left[1]) * (right[0] - left[0]) <= (right[1] - left[1]) * (point[0] - left[0])


def _spend(steps: Sequence[_Step], money: int) -> dict[str, int]:
    """Reserve step by step; a lead whose step does not fit gets no later one."""
    reserved: dict[str, int] = {}
    closed: set[str] = set()
    gained, left = 0.0, money
    for step in steps:
        if step.lead in closed or step.cost > left:
            closed.add(step.lead)
            continue
        reserved[step.lead] = step.reserved
        gained, left = gained + step.gain, left - step.cost
    alone = _best_alone(steps)
    return reserved if alone is None or alone[0] <= gained else {alone[1]: alone[2]}


def _fill(reserved: dict[str, int], dearest: Mapping[str, int], money: int) -> None:
    """Reserve what is left for the dearest action of each lead in turn."""
    left = money - sum(reserved.values())
    for lead, cost in dearest.items():
        more = cost - reserved.get(lead, 0)
        if 0 < more <= left:
            reserved[lead], left = cost, left - more


def _best_alone(steps: Iterable[_Step]) -> tuple[float, str, int] | None:
    """Return the single action that is worth most: its gain, lead and cost."""
    sums: dict[str, float] = {}
    best: tuple[float, str, int] | None = None
    for step in steps:
        sums[step.lead] = sums.get(step.lead, 0.0) + step.gain
        if best is None or sums[step.lead] > best[0]:
            best = (sums[step.lead], step.lead, step.reserved)
    return best


def _affordable(proposals: Iterable[Proposal], reserved: int) -> list[Proposal]:
    """Return the proposals that cost no more than is reserved; a cheaper option replaces one that is too expensive."""
    affordable: list[Proposal] = []
    for proposal in proposals:
        within = [option for option in options([proposal]) if _micro_units(option.cost) <= reserved]
        if within:
            affordable.append(replace(within[0], otherwise=tuple(within[1:])))
    return affordable


def _micro_units(cost: float) -> int:
    return math.ceil(round(cost * _MICRO, 3))


def _tie_break(need: Need) -> bytes:
    return hashlib.sha256(f"{need.as_of.date()}\n{need.lead_id}".encode()).digest()
