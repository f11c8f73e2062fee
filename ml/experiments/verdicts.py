"""The results of a hold-out so far, in figures and in plain words, and the interventions to pause."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from ml.experiments.effects import Arm, Effect, difference, sequence
from ml.experiments.power import detectable, needed, weeks_needed
from ml.experiments.shrinkage import Uplift, partial

Verdict = Literal["helps", "harms", "no_difference_seen", "too_early"]

#: the effect that is worth waiting for: a hold-out that would have seen it and did not says so
SOUGHT = 0.05
#: how many times as many leads a hint may need, in steps of a tenth
_TIMES = tuple(1.1**step for step in range(1, 40))
_NOBODY = Arm(0, 0)
#: what an enrolment's outcome counts as; others count for nobody
_KEPT: Mapping[str, bool] = MappingProxyType({"kept": True, "won": True, "churned": False, "neglected": False})

Bounds = tuple[float, float]
Tallies = Mapping[str, tuple[Arm, Arm]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeVerdict:
    """The results of one intervention type."""

    #: of its own leads alone
    effect: Effect
    #: leaning on the other types; None while no type has both arms
    uplift: Uplift | None
    #: of its own leads, for all looks together
    always: Bounds | None
    #: whether it is to be paused
    harmful: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The results of a hold-out so far; arms are of settled leads, all types together."""

    treated: Arm
    holdout: Arm
    effect: Effect
    #: the effect's interval for all looks together, which the verdict goes by
    always: Bounds | None
    #: the smallest effect that arms of this size see with power .8
    detectable: float | None
    #: until they see `SOUGHT`; None while nobody enrols
    weeks_needed: float | None
    verdict: Verdict
    #: in plain words
    reason: str
    types: Mapping[str, TypeVerdict]
    #: types to pause
    harmful: tuple[str, ...]
    #: uplifts to target by: significant ones that help (what harms is told by `harmful`, which bears daily looks)
    significant: Mapping[str, Uplift]


def arms(counts: Iterable[tuple[str, bool, str | None, int]]) -> dict[str, tuple[Arm, Arm]]:
    """Gather each type's treated and held-out arm of counts by type, arm (held out?) and outcome.

    >>> arms([("a", False, "kept", 3), ("a", False, "churned", 1), ("a", True, "won", 1), ("b", True, None, 9)])
    {'a': (Arm(count=4, successes=3), Arm(count=1, successes=1)), 'b': (Arm(count=0, successes=0), Arm(count=0, ...))}
    """
    arms_by_type: defaultdict[str, list[Arm]] = defaultdict(lambda: [_NOBODY, _NOBODY])
    for name, held_out, outcome, count in counts:
        is_success = _KEPT.get(outcome or "")
        arms_by_type[name][held_out] += _NOBODY if is_success is None else Arm(count, count * is_success)
    return {name: (treated, holdout) for name, (treated, holdout) in arms_by_type.items()}


def harmful(tallies: Tallies) -> tuple[str, ...]:
    """Return the types that do harm, by each one's own leads: their interval for all looks together lies below 0.

    So a harmless type is named in at most 1 of 40 hold-outs, however often one looks.

    >>> harmful({"a": (Arm(900, 300), Arm(100, 60)), "b": (Arm(90, 30), Arm(10, 6))})
    ('a',)
    """
    return tuple(sorted(name for name, pair in tallies.items() if _harms(sequence(*pair))))


def report(tallies: Tallies, *, share: float, weekly: float) -> Report:
    """Return what a hold-out of a share has shown, of each type's treated and held-out arm of settled leads.

    `weekly` is how many leads enrol in a week, both arms together.

    >>> found = report({"a": (Arm(900, 450), Arm(100, 25))}, share=0.1, weekly=50)
    >>> found.verdict, found.harmful, list(found.significant)
    ('helps', (), ['a'])
    """
    treated, holdout = (sum((pair[arm] for pair in tallies.values()), _NOBODY) for arm in (0, 1))
    effect, always = difference(treated, holdout), sequence(treated, holdout)
    base = _base(holdout)
    smallest = detectable(treated.count, holdout.count, base)
    weeks = _weeks(treated.count + holdout.count, base, share, weekly)
    verdict = _verdict(effect, always, smallest)
    uplifts, paused = partial(tallies), harmful(tallies)
    return Report(
        treated=treated,
        holdout=holdout,
        effect=effect,
        always=always,
        detectable=smallest,
        weeks_needed=weeks,
        verdict=verdict,
        reason=_reason(verdict, effect, always, smallest=smallest, weeks=weeks, weekly=weekly),
        types={name: _of_type(pair, uplifts.get(name), harms=name in paused) for name, pair in tallies.items()},
        harmful=paused,
        significant={name: uplift for name, uplift in uplifts.items() if uplift.helps},
    )


def _harms(bounds: Bounds | None) -> bool:
    return bounds is not None and bounds[1] < 0


def _helps(bounds: Bounds | None) -> bool:
    return bounds is not None and bounds[0] > 0


def _of_type(pair: tuple[Arm, Arm], uplift: Uplift | None, *, harms: bool) -> TypeVerdict:
    return TypeVerdict(effect=difference(*pair), uplift=uplift, always=sequence(*pair), harmful=harms)


def _base(holdout: Arm) -> float:
    """Return the held-out rate to plan with: one of nobody is taken as a half, which takes longest."""
    return (holdout.successes + 1) / (holdout.count + 2)


def _weeks(settled: int, base: float, share: float, weekly: float) -> float | None:
    if not 0 < share < 1:
        return None
    return weeks_needed(needed(min(base, 1 - SOUGHT), SOUGHT, share), weekly, settled=settled)


def _verdict(effect: Effect, always: Bounds | None, smallest: float | None) -> Verdict:
    if _helps(always):
        return "helps"
    if _harms(always):
        return "harms"
    return "no_difference_seen" if smallest is not None and smallest <= SOUGHT and not _hints(effect) else "too_early"


def _hints(effect: Effect) -> bool:
    """Return whether today's interval leaves out 0: looked at every day, one does so by chance sooner or later."""
    return effect.low is not None and effect.high is not None and not effect.low <= 0 <= effect.high


def _reason(
    verdict: Verdict,
    effect: Effect,
    always: Bounds | None,
    *,
    smallest: float | None,
    weeks: float | None,
    weekly: float,
) -> str:
    if effect.difference is None or effect.low is None or effect.high is None or always is None:
        return f"No difference can be told before leads of both arms have a settled outcome. {_wait(weeks)}"
    between = (
        f"Of {effect.treated.count} leads that were sent something {_share(effect.treated_rate)} were kept, of "
        f"{effect.holdout.count} held out {_share(effect.holdout_rate)}: {_points(effect.difference)} points, "
        f"{_points(effect.low)} to {_points(effect.high)} with 95 % confidence."
    )
    if verdict in ("helps", "harms"):
        return f"{between} That sending {verdict} holds however often one looks."
    if verdict == "no_difference_seen":
        return f"{between} A difference of {100 * SOUGHT:.0f} points would likely have been seen."
    if _hints(effect):
        wider = f"{_points(always[0])} to {_points(always[1])}"
        hint = f"That is a hint: for a look every day the interval is {wider}, which still holds 0."
        return f"{between} {hint} {_settling(effect, weekly)}"
    return f"{between} {_least(smallest)} {_wait(weeks)}"


def _least(smallest: float | None) -> str:
    if smallest is None:
        return "So few leads show no difference at all for sure."
    return f"So few leads are likely to show a difference from {100 * smallest:.1f} points on."


def _wait(weeks: float | None) -> str:
    if weeks is None:
        return "Nobody enrols or nobody is held out at present, so this stays open."
    return f"To see one of {100 * SOUGHT:.0f} points takes about {math.ceil(weeks)} more weeks at the present pace."


def _settling(effect: Effect, weekly: float) -> str:
    """Return how long until a difference as it looks today would hold however often one looks."""
    times = next((times for times in _TIMES if _settled(effect, times)), None)
    if times is None or weekly <= 0:
        return "It may take very long to be sure."
    weeks = (times - 1) * (effect.treated.count + effect.holdout.count) / weekly
    return f"Should it be as large as it looks, that is settled in about {math.ceil(weeks)} more weeks."


def _settled(effect: Effect, times: float) -> bool:
    treated, holdout = (
        Arm(round(times * arm.count), round(times * arm.successes)) for arm in (effect.treated, effect.holdout)
    )
    bounds = sequence(treated, holdout)
    return _helps(bounds) or _harms(bounds)


def _share(rate: float | None) -> str:
    return "-" if rate is None else f"{100 * rate:.1f} %"


def _points(value: float) -> str:
    return f"{100 * value:+.1f}"
