"""Do what is said to change an answer: to simulated leads, as interactions of their profiles, which are read anew."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.figures import Figures, rounded, spread
from domain.risk import RISK_LEVELS, RISK_STARTS
from domain.scores import HOT, WARM
from ml.arrays import expit
from ml.churn.risk import level_of
from ml.explain.counterfactual import Goal, LogOdds, what_if
from ml.explain.levers import Lever, builtin
from ml.features import extract
from ml.leads import band
from ml.profiles import FeatureMatrix, Interaction, LeadProfile

#: the border of each band, by the band below
_ABOVE = {"cold": Goal(name="warm", border=WARM, rises=True), "warm": Goal(name="hot", border=HOT, rises=True)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A model that is asked what would change its answers."""

    log_odds: LogOdds
    #: the next better border of a probability
    goal: Callable[[float], Goal | None]
    rises: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of the steps that were named for one lead."""

    steps: int
    crossed: bool
    #: as many steps drawn by chance
    by_chance: bool
    #: between what was said and what came, in probability
    apart: float


def warmer(probability: float) -> Goal | None:
    """The band above a score."""
    return _ABOVE.get(band(probability))


def calmer(probability: float) -> Goal | None:
    """The level below a risk."""
    place = RISK_LEVELS.index(level_of(probability))
    return Goal(name=RISK_LEVELS[place - 1], border=RISK_STARTS[place - 1], rises=False) if place else None


def of_steps(asked: Asked, held: FeatureMatrix, profiles: Sequence[LeadProfile], *, seed: int) -> Figures:
    """Ask of each lead what would change its answer, and do it; `held` has the features of the profiles."""
    rng = np.random.default_rng(seed)
    tried: list[Tried] = []
    taken: list[float] = []
    for row, profile in enumerate(profiles):
        lead = held.take([row])
        goal = asked.goal(float(expit(asked.log_odds(lead)[0])))
        if goal is None:
            continue
        started = time.perf_counter()
        found = what_if(lead, asked.log_odds, goal=goal, levers=builtin(), rises=asked.rises)
        taken.append(1000 * (time.perf_counter() - started))
        if found.steps:
            times = {step.lever: step.times for step in found.steps}
            tried.append(_tried(asked, profile, goal, said=(times, found.reached), rng=rng))
    if not tried:
        return {"leads_short_of_a_band": len(taken), "found": 0.0}
    return {
        "leads_short_of_a_band": len(taken),
        "found": rounded(len(tried) / len(taken)),
        "cross_when_done": rounded(float(np.mean([each.crossed for each in tried]))),
        "cross_by_chance": rounded(float(np.mean([each.by_chance for each in tried]))),
        "probability_apart": spread([each.apart for each in tried]),
        "steps_named": rounded(float(np.mean([each.steps for each in tried]))),
        "ms": spread(taken),
    }


def _tried(
    asked: Asked, profile: LeadProfile, goal: Goal, *, said: tuple[Mapping[str, int], float], rng: np.random.Generator
) -> Tried:
    """Do the steps that were named, and as many drawn ones; `said` also holds the probability that was promised."""
    times, promised = said
    steps = sum(times.values())
    after, chance = (done(asked.log_odds, profile, each) for each in (times, _drawn(rng, steps)))
    crossed, by_chance = (bool(goal.reached(np.array([value]))[0] >= 0) for value in (after, chance))
    return Tried(steps=steps, crossed=crossed, by_chance=by_chance, apart=abs(after - promised))


def done(log_odds: LogOdds, profile: LeadProfile, times: Mapping[str, int]) -> float:
    """The probability of a lead after levers were used as interactions of its profile."""
    levers = [lever for lever in builtin().levers for _ in range(times.get(lever.name, 0))]
    added = tuple(_event(lever, profile) for lever in levers if lever.event)
    approved = "preapproved" if "preapproval" in times else profile.preapproval
    after = replace(profile, interactions=(*profile.interactions, *added), preapproval=approved)
    return float(expit(log_odds(extract([after]))[0]))


def _event(lever: Lever, profile: LeadProfile) -> Interaction:
    kind, direction = lever.event or ("", "")
    return Interaction(kind=kind, occurred_at=profile.as_of, recorded_at=profile.as_of, direction=direction)


def _drawn(rng: np.random.Generator, steps: int) -> dict[str, int]:
    names = [lever.name for lever in builtin().levers if lever.event]
    drawn = rng.choice(names, size=steps).tolist()
    return {name: drawn.count(name) for name in set(drawn)}
