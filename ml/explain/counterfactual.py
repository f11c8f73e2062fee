"""What would change a score: the least that somebody could do for the model to put the lead into the next band.

It says what the model would answer, not what doing it would cause: whoever looks at many listings is likelier to buy,
and sending somebody listings is another matter. Only an experiment tells the effect of an action.

The search takes two batches. First each lever alone, up to its most; those that move the score the right way are kept,
the strongest first. Then every way to use at most `MOST_STEPS` of them together. Of the ways that cross the border the
one with the least effort is named, then with the fewest steps, then the one that goes farthest. Where the features do
not tell how far one of them moves (`ml.explain.applied`), the less helpful end counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np

from ml.arrays import Floats, Ints, expit
from ml.explain.applied import apply, possible, uncertain
from ml.explain.levers import Actor, Lever, Levers
from ml.profiles import FeatureMatrix

#: rows of features -> the log-odds of each
LogOdds = Callable[[FeatureMatrix], Floats]

#: uses of levers that are considered together, and the levers that are combined
MOST_STEPS, MOST_LEVERS = 3, 6
#: a smaller change in log-odds is none
WORTH_DOING = 0.01
#: what is shown is no surer than these, as scores are
_SHOWN = (0.01, 0.99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """The border of a band that a score should cross."""

    #: the band on the other side
    name: str
    #: probability at which it begins
    border: float
    #: whether the score has to reach it, or to fall below it
    rises: bool

    def reached(self, probabilities: Floats) -> Floats:
        """Return how far beyond the border probabilities lie; below 0 where they have not crossed it.

        >>> bool(Goal(name="warm", border=0.3, rises=True).reached(np.array([0.3]))[0] >= 0)
        True
        >>> bool(Goal(name="medium", border=0.6, rises=False).reached(np.array([0.6]))[0] >= 0)
        False
        """
        if self.rises:
            return np.asarray(probabilities - self.border)
        return np.asarray(np.nextafter(self.border, 0.0) - probabilities)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One lever, used a number of times."""

    lever: str
    by: Actor
    times: int
    #: what happens, in plain words
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """What a step by itself would change."""

    step: Step
    #: what the model would answer, 0.01 to 0.99
    probability: float
    #: change of the log-odds; above 0 where the probability rises
    log_odds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """What would change a score."""

    #: of the lead as it is, 0.01 to 0.99
    probability: float
    log_odds: float
    #: None: there is no better band
    goal: Goal | None
    #: the least that crosses the border; empty where nothing that was tried does
    steps: tuple[Step, ...]
    #: the answer after these steps, else the best of all that was tried, 0.01 to 0.99
    reached: float
    #: levers that help by themselves, each as often as helps most, strongest first
    alone: tuple[Alone, ...]
    #: ways that were scored
    tried: int
    #: of the levers
    levers: str


def what_if(row: FeatureMatrix, score: LogOdds, *, goal: Goal | None, levers: Levers, rises: bool = True) -> WhatIf:
    """Return what would change the score of one lead; `rises` says which way is better.

    `row` holds its features, as its snapshot does, and a `goal` must not be reached yet. Without a goal only the levers
    by themselves are tried.

    >>> from ml.explain.levers import builtin
    >>> row = FeatureMatrix.from_rows([{"showings": 0.0, "silence_days": 9.0}])
    >>> found = what_if(row, lambda matrix: matrix.values[:, 0] - 1.5, levers=builtin(),
    ...                 goal=Goal(name="hot", border=0.6, rises=True))
    >>> [step.text for step in found.steps], round(found.probability, 2), round(found.reached, 2)
    (['they come to 2 showings'], 0.18, 0.62)
    """
    usable = tuple(lever for lever in levers.levers if possible(row, lever))
    chosen = Levers(version=levers.version, levers=usable, shares=levers.shares)
    singles = _singles(usable)
    way = 1.0 if rises else -1.0
    log_odds = _scored(row, score, np.vstack([np.zeros((1, len(usable)), np.intp), singles]), chosen, way)
    before, after = float(log_odds[0]), log_odds[1:]
    gains = way * (after - before)
    helpful = _helpful(singles, gains)
    ways, reached = singles, after
    if goal is not None and helpful:
        ways = _together(helpful, usable)
        reached = _scored(row, score, ways, chosen, way)
    best = _least(ways, _probabilities(reached), goal, usable)
    return WhatIf(
        probability=_shown(before),
        log_odds=before,
        goal=goal,
        steps=() if best is None else _steps(ways[best], usable),
        reached=_shown(_farthest(before, reached, way) if best is None else float(reached[best])),
        alone=_alone(usable, helpful, singles, gains, log_odds),
        tried=len(singles) + (len(ways) if ways is not singles else 0),
        levers=levers.version,
    )


def _scored(row: FeatureMatrix, score: LogOdds, times: Ints, levers: Levers, way: float) -> Floats:
    """Return the log-odds after each way, at the less helpful end of what is not known."""
    if not uncertain(row):
        return np.asarray(score(apply(row, times, levers)), dtype=np.float64)
    calm, rising = (score(apply(row, times, levers, rising=rising)) for rising in (False, True))
    return way * np.minimum(way * np.asarray(calm, dtype=np.float64), way * np.asarray(rising, dtype=np.float64))


def _singles(levers: Sequence[Lever]) -> Ints:
    """Return each lever alone, from once to its most: [ways, levers]."""
    ways = np.zeros((sum(min(lever.most, MOST_STEPS) for lever in levers), len(levers)), np.intp)
    places = [(place, times + 1) for place, lever in enumerate(levers) for times in range(min(lever.most, MOST_STEPS))]
    for way, (place, times) in enumerate(places):
        ways[way, place] = times
    return ways


def _helpful(singles: Ints, gains: Floats) -> list[int]:
    """Return the places of the levers that move the score the right way, strongest first."""
    best = np.where(singles > 0, gains[:, None], -np.inf).max(axis=0) if len(singles) else np.zeros(0)
    ranked = np.argsort(-best, kind="stable")
    return [int(place) for place in ranked if best[place] > WORTH_DOING][:MOST_LEVERS]


def _together(helpful: Sequence[int], levers: Sequence[Lever]) -> Ints:
    """Return every way to use at most `MOST_STEPS` of the helpful levers, each at most as often as it may be."""
    ways = [
        chosen
        for size in range(1, MOST_STEPS + 1)
        for chosen in combinations_with_replacement(sorted(helpful), size)
        if all(chosen.count(place) <= levers[place].most for place in set(chosen))
    ]
    times = np.zeros((len(ways), len(levers)), np.intp)
    for way, chosen in enumerate(ways):
        np.add.at(times[way], list(chosen), 1)
    return times


def _least(ways: Ints, probabilities: Floats, goal: Goal | None, levers: Sequence[Lever]) -> int | None:
    """Return the way that crosses the border with the least effort; None where none does."""
    if goal is None or not len(ways):
        return None
    over = goal.reached(probabilities)
    effort = ways @ np.array([lever.effort for lever in levers])
    order = np.lexsort((-over, ways.sum(axis=1), effort))
    return next((int(way) for way in order if over[way] >= 0), None)


def _steps(times: Ints, levers: Sequence[Lever]) -> tuple[Step, ...]:
    return tuple(_step(lever, int(count)) for lever, count in zip(levers, times, strict=True) if count)


def _step(lever: Lever, times: int) -> Step:
    return Step(lever=lever.name, by=lever.by, times=times, text=lever.text(times))


def _alone(
    levers: Sequence[Lever], helpful: Sequence[int], singles: Ints, gains: Floats, log_odds: Floats
) -> tuple[Alone, ...]:
    """Return the helpful levers, each used as often as helps most; the first of `log_odds` is of the lead as it is."""
    found = []
    for place in helpful:
        best = int(np.argmax(np.where(singles[:, place] > 0, gains, -np.inf)))
        before, after = float(log_odds[0]), float(log_odds[1 + best])
        step = _step(levers[place], int(singles[best, place]))
        found.append(Alone(step=step, probability=_shown(after), log_odds=after - before))
    return tuple(found)


def _farthest(before: float, reached: Floats, way: float) -> float:
    return float(way * np.max(way * np.append(reached, before)))


def _probabilities(log_odds: Floats) -> Floats:
    probabilities: Floats = expit(log_odds)
    return probabilities


def _shown(log_odds: float) -> float:
    return float(np.clip(expit(log_odds), *_SHOWN))
