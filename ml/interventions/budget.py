"""What a budget is spent on over a batch of leads.

A lead gets one action at most, so each has money reserved for the dearest action that it may get: whichever of what is
left to it is carried out, the sum stays within the budget. The reservations go, step by step, to where a unit of cost
brings the most worth (risk and urgency; where an uplift was measured, that too), unless one action alone is worth more
than all of that. So the worth is at least half of the greatest that any choice within the budget has. What is left over
is reserved for what else a lead may get, should a gate block what it gets first. Nothing depends on the order of the
leads: of equals a hash of lead and day decides, so that nobody is always the last.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ml.interventions.names import URGENCIES
from ml.interventions.policy_types import Need, Proposal, options

#: costs are counted in whole millionths, so that sums are exact
_MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class _Step:
    """What a lead gains when more is reserved for it."""

    gain: float
    cost: int
    lead: str
    #: reserved for it in all
    reserved: int

    @property
    def worth_per_cost(self) -> float:
        return self.gain / self.cost


def within_budget(
    ranked: Mapping[str, list[Proposal]], needs: Mapping[str, Need], budget: float | None
) -> dict[str, list[Proposal]]:
    """Keep of each lead's proposals what the budget (None = no end of it) bears; what costs nothing always stays."""
    if budget is None:
        return dict(ranked)
    money = math.floor(round(budget * _MICRO, 3))
    floor = _floor(ranked.values())
    dearest: dict[str, int] = {}
    steps: list[_Step] = []
    for lead, proposals in ranked.items():
        priced = [(_units(one.cost), worth(needs[lead], one, floor)) for one in options(proposals)]
        priced = [(cost, value) for cost, value in priced if cost <= money]
        dearest[lead] = max((cost for cost, _ in priced), default=0)
        steps += _steps(lead, priced)
    ties = {lead: _tie(needs[lead]) for lead in ranked}
    steps.sort(key=lambda step: (-step.worth_per_cost, ties[step.lead], step.reserved))
    reserved = _spend(steps, money)
    _fill(reserved, {lead: dearest[lead] for lead in sorted(ranked, key=ties.__getitem__)}, money)
    return {lead: _affordable(proposals, reserved.get(lead, 0)) for lead, proposals in ranked.items()}


def worth(need: Need, proposal: Proposal, floor: float = 1.0) -> float:
    """Give what it is worth to carry a proposal out: risk and urgency, times what was measured of it, if it was.

    What was not measured counts as `floor`: never more than the least of what was.
    """
    gain = floor
    if proposal.evidence == "model" and proposal.expected_uplift is not None:
        gain = proposal.expected_uplift.estimate
    return need.probability * (1 + URGENCIES.index(proposal.urgency)) * proposal.fit * gain


def _floor(ranked: Iterable[list[Proposal]]) -> float:
    measured = [
        one.expected_uplift.estimate
        for proposals in ranked
        for one in proposals
        if one.evidence == "model" and one.expected_uplift is not None
    ]
    return min(measured, default=1.0)


def _steps(lead: str, priced: Sequence[tuple[int, float]]) -> list[_Step]:
    """Give a lead's steps from cheap to dear, each with less gain per cost than the one before."""
    corners = _corners([(0, 0.0), *priced])
    return [_Step(value - before, cost - below, lead, cost) for (below, before), (cost, value) in pairwise(corners)]


def _corners(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Give the upper concave hull: what lies below it buys less than two others would on average."""
    hull: list[tuple[int, float]] = []
    for cost, value in sorted(points, key=lambda point: (point[0], -point[1])):
        if hull and (cost == hull[-1][0] or value <= hull[-1][1]):
            continue
        while len(hull) > 1 and _below(hull[-2], hull[-1], (cost, value)):
            hull.pop()
        hull.append((cost, value))
    return hull


def _below(left: tuple[int, float], point: tuple[int, float], right: tuple[int, float]) -> bool:
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
    alone = _alone(steps)
    return reserved if alone is None or alone[0] <= gained else {alone[1]: alone[2]}


def _fill(reserved: dict[str, int], dearest: Mapping[str, int], money: int) -> None:
    """Reserve what is left for the dearest action of each lead in turn."""
    left = money - sum(reserved.values())
    for lead, cost in dearest.items():
        more = cost - reserved.get(lead, 0)
        if 0 < more <= left:
            reserved[lead], left = cost, left - more


def _alone(steps: Iterable[_Step]) -> tuple[float, str, int] | None:
    """Give the action that is worth most alone: its gain, lead and cost."""
    sums: dict[str, float] = {}
    best: tuple[float, str, int] | None = None
    for step in steps:
        sums[step.lead] = sums.get(step.lead, 0.0) + step.gain
        if best is None or sums[step.lead] > best[0]:
            best = (sums[step.lead], step.lead, step.reserved)
    return best


def _affordable(proposals: Iterable[Proposal], reserved: int) -> list[Proposal]:
    """Keep what costs no more than is reserved; where a first choice is too dear, the next of its kind."""
    kept: list[Proposal] = []
    for proposal in proposals:
        open_to = [one for one in options([proposal]) if _units(one.cost) <= reserved]
        if open_to:
            kept.append(replace(open_to[0], otherwise=tuple(open_to[1:])))
    return kept


def _units(cost: float) -> int:
    return math.ceil(round(cost * _MICRO, 3))


def _tie(need: Need) -> bytes:
    return hashlib.sha256(f"{need.as_of.date()}\n{need.lead_id}".encode()).digest()
