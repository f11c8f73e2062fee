"""Similar leads: those that a model sees alike, and what became of them.

Two leads are alike where the model finds the same signs in them. A model's own space is what each meaning adds to its
log-odds (`ml.features.meanings`), so that the distance is in log-odds: columns that the model does not use count for
nothing, one that counts much counts much, and missing values and levels need no rule of their own. A model without such
parts has another space, the blend of online learners that of its experts' log-odds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ml.arrays import Floats
from ml.features.meanings import meanings_of
from ml.profiles import FeatureMatrix

#: rows of features -> the place of each in a model's own space: [rows, directions], in log-odds
Space = Callable[[FeatureMatrix], Floats]

#: leads whose outcomes are counted, and rows that tell how far apart leads usually are
COUNTED, SAMPLE = 20, 300
#: share of the known leads that are nearer to their nearest than one that is called unlike them all
_UNLIKE = 0.99
#: quantile of the normal distribution for bounds that hold nine times in ten
_NINETY = 1.6449


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A known lead by how near it is."""

    #: its row among the known ones
    row: int
    #: in log-odds, 0 or more
    distance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """The known leads that are most alike to one lead."""

    #: nearest first
    neighbours: tuple[Neighbour, ...]
    #: half of the known leads are nearer than this
    typical: float
    #: it is farther from its nearest than known leads are from theirs, all but one in a hundred: nobody is like it
    unlike_all: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeShare:
    """A share of leads with the same outcome."""

    of: int
    count: int
    #: bounds that hold the true share nine times in ten (Wilson)
    low: float
    high: float


def by_meaning(features: tuple[str, ...], contributions: Floats) -> Floats:
    """Return places in a model's own space from its contributions ([rows, features]): one direction a meaning.

    >>> by_meaning(("showings", "source", "offers"), np.array([[0.5, -0.2, 0.25]])).tolist()
    [[0.75, -0.2]]
    """
    return meanings_of(features).sums(contributions)


def nearest(place: Floats, known: Floats, *, k: int = COUNTED, seed: int = 0) -> Nearest:
    """Return the `k` known places ([rows, directions]) nearest to one; of equally near ones the first rows.

    `seed` draws the rows that tell how far known leads are from each other.

    >>> found = nearest(np.array([0.1]), np.array([[0.0], [1.0], [0.2], [5.0]]), k=2)
    >>> [each.row for each in found.neighbours], found.unlike_all
    ([0, 2], False)
    """
    distances = np.sqrt(((known - place) ** 2).sum(axis=1))
    order = np.argsort(distances, kind="stable")[:k]
    return Nearest(
        neighbours=tuple(Neighbour(row=int(row), distance=float(distances[row])) for row in order),
        typical=float(np.median(distances)) if len(distances) else 0.0,
        unlike_all=bool(len(order)) and float(distances[order[0]]) > _usual(known, seed),
    )


def share_of(outcomes: Sequence[bool]) -> OutcomeShare:
    """Return how many outcomes came true, with bounds.

    >>> share = share_of([True] * 7 + [False] * 13)
    >>> share.count, round(share.low, 2), round(share.high, 2)
    (7, 0.2, 0.53)
    """
    of, count = len(outcomes), sum(outcomes)
    if not of:
        return OutcomeShare(of=0, count=0, low=0.0, high=1.0)
    share, squared = count / of, _NINETY**2
    middle = (share + squared / (2 * of)) / (1 + squared / of)
    half = _NINETY / (1 + squared / of) * float(np.sqrt(share * (1 - share) / of + squared / (4 * of * of)))
    return OutcomeShare(of=of, count=count, low=max(0.0, middle - half), high=min(1.0, middle + half))


def _usual(known: Floats, seed: int) -> float:
    """Return how far known leads are from their nearest, all but the farthest of them."""
    if len(known) < 2:
        return float("inf")
    rows = np.random.default_rng(seed).permutation(len(known))[:SAMPLE]
    nearest_of = np.empty(len(rows))
    for at, row in enumerate(rows):
        distances = ((known - known[row]) ** 2).sum(axis=1)
        distances[row] = np.inf
        nearest_of[at] = np.sqrt(distances.min())
    return float(np.quantile(nearest_of, _UNLIKE))
