"""The value of scores and interventions: shares that closed with their bounds, and money at a tenant's own figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ml.experiments.effects import Arm, difference, wilson

#: outcomes of an enrolment that count for somebody; of these one is a deal
_COUNTED = frozenset({"kept", "won", "churned", "neglected"})
_DEAL = "won"
_NOBODY = Arm(0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Realised:
    """Leads of one band whose end is known."""

    band: str
    leads: int
    converted: int
    #: the share that converted, and its 95 % interval (Wilson); None of nobody
    rate: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """The extra revenue of treated leads over the rate of held-out leads, with 95 % bounds."""

    amount: float
    low: float
    high: float
    #: settled leads that were sent to
    leads: int
    #: their share of deals less that of leads held out
    difference: float


def realised(ended: Iterable[tuple[str, bool]], bands: Sequence[str]) -> list[Realised]:
    """Count leads by the band they were in and whether they converted; an empty band is listed too.

    >>> hot, cold = realised([("hot", True), ("hot", True), ("hot", False)], ("hot", "cold"))
    >>> hot.leads, hot.converted, [round(bound, 2) for bound in hot.interval], cold.rate
    (3, 2, [0.21, 0.94], None)
    """
    arms = dict.fromkeys(bands, _NOBODY)
    for band, converted in ended:
        arms[band] = arms.get(band, _NOBODY) + Arm(1, int(converted))
    return [
        Realised(band=band, leads=arm.count, converted=arm.successes, rate=arm.rate, interval=wilson(arm))
        for band, arm in arms.items()
    ]


def deals(counts: Iterable[tuple[bool, str | None, int]]) -> tuple[Arm, Arm]:
    """Gather the leads sent to and those held out, and the deals of each, of counts by arm (held out?) and outcome.

    >>> deals([(False, "won", 2), (False, "kept", 7), (True, "churned", 1), (True, "gone", 5), (True, None, 9)])
    (Arm(count=9, successes=2), Arm(count=1, successes=0))
    """
    arms = [_NOBODY, _NOBODY]
    for held_out, outcome, count in counts:
        if outcome in _COUNTED:
            arms[held_out] += Arm(count, count * (outcome == _DEAL))
    return arms[0], arms[1]


def money(sent: Arm, holdout: Arm, *, deal: float) -> Money | None:
    """Return what sending brought where a deal brings `deal`; None while an arm is empty.

    >>> found = money(Arm(900, 90), Arm(100, 6), deal=10_000.0)
    >>> round(found.amount), found.low < 0 < found.high
    (360000, True)
    """
    effect = difference(sent, holdout)
    if effect.difference is None or effect.low is None or effect.high is None:
        return None
    each = sent.count * deal
    return Money(
        amount=effect.difference * each,
        low=effect.low * each,
        high=effect.high * each,
        leads=sent.count,
        difference=effect.difference,
    )
