"""Whether reasons are true: taking the named features away should move the score as the reason said.

A feature is taken away by giving the lead the values of other leads, drawn from those that the model knows, and taking
the mean of the answers: what the model would answer had it to guess them. A reason is faithful where the score then
moves by what the reason claims to add. It is no proof, since features that go together are torn apart, yet an
explanation that is made up fails it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ml.arrays import Floats
from ml.profiles import FeatureMatrix

#: other leads whose values are given
DRAWS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far claims about a score and what happened agree; all figures over claims, in log-odds."""

    claims: int
    #: share of the claims for which the score moved the way that was said
    direction: float
    #: correlation of what was said with what happened, -1 to 1
    correlation: float
    #: mean of what happened for one log-odds that was said: 1 is exact
    slope: float
    #: mean distance between the two
    apart: float


def without(
    row: FeatureMatrix,
    names: Sequence[str],
    score: Callable[[FeatureMatrix], Floats],
    others: FeatureMatrix,
    *,
    seed: int,
    draws: int = DRAWS,
) -> float:
    """Return a lead's log-odds without some features: the mean over values that they have in `others`.

    `row` is one row of the matrix that `others` are rows of too, with the same levels.

    >>> others = FeatureMatrix.from_rows([{"showings": 0.0, "offers": 1.0}, {"showings": 4.0, "offers": 0.0}])
    >>> without(others.take([1]), ["showings"], lambda rows: rows.values[:, 0].astype(float), others, seed=0, draws=400)
    2.21
    """
    places = [row.positions()[name] for name in names]
    drawn = np.random.default_rng(seed).integers(len(others), size=draws)
    values = np.repeat(row.values, draws, axis=0)
    values[:, places] = others.values[drawn][:, places]
    given = FeatureMatrix(columns=row.columns, values=values, levels=row.levels, refused=row.refused)
    return float(np.mean(score(given)))


def agreement(said: Floats, happened: Floats) -> Agreement:
    """Return how far what was said and what happened agree.

    >>> agreement(np.array([1.0, -1.0, 0.5]), np.array([0.8, -0.8, 0.4])).slope
    0.8
    """
    spread = float(np.std(said) * np.std(happened))
    covered = float(np.mean((said - said.mean()) * (happened - happened.mean())))
    return Agreement(
        claims=len(said),
        direction=float(np.mean(np.sign(said) == np.sign(happened))),
        correlation=covered / spread if spread else 0.0,
        slope=round(float(said @ happened / (said @ said)), 12),
        apart=float(np.mean(np.abs(said - happened))),
    )
