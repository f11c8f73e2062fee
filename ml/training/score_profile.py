"""The distribution of a model's scores at one time, and how far later scores have moved from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.arrays import Floats

_PARTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreProfile:
    """Scores in at most ten parts of equal count, and how well they would rank if their probabilities were true."""

    #: probabilities between the parts, rising
    borders: tuple[float, ...]
    #: share of the scores in each part; one more than borders
    shares: tuple[float, ...]
    #: scores that it was made of
    rows: int
    #: estimated AUC, 0 to 1
    auc: float

    @classmethod
    def of(cls, scores: Sequence[float] | Floats) -> ScoreProfile:
        """Return the profile of some scores; ties make for fewer parts.

        >>> profile = ScoreProfile.of(np.linspace(0.01, 0.99, 200))
        >>> len(profile.shares), profile.rows, round(profile.auc, 2)
        (10, 200, 0.83)
        """
        given = np.asarray(scores, dtype=np.float64)
        inner = np.quantile(given, np.arange(1, _PARTS) / _PARTS) if len(given) else np.zeros(0)
        borders = tuple(np.unique(inner).tolist())
        return cls(
            borders=borders, shares=tuple(_shares(borders, given).tolist()), rows=len(given), auc=estimated_auc(given)
        )

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> ScoreProfile:
        """Return a profile from `dataclasses.asdict` of it, also after a way through JSON."""
        return cls(**{**stored, "borders": tuple(stored["borders"]), "shares": tuple(stored["shares"])})


def shift(profile: ScoreProfile, scores: Sequence[float] | Floats) -> float:
    """Return the population stability index of scores against a profile: 0 for the same shares, above .25 another.

    A part that is empty on one side counts as half a score.
    """
    given = np.asarray(scores, dtype=np.float64)
    if not len(given) or not profile.rows:
        return 0.0
    before = np.maximum(profile.shares, 0.5 / profile.rows)
    now = np.maximum(_shares(profile.borders, given), 0.5 / len(given))
    return float(((now - before) * np.log(now / before)).sum())


def estimated_auc(scores: Sequence[float] | Floats) -> float:
    """Return the AUC that is to be expected where the probabilities are true; .5 where there is nothing to rank."""
    given = np.sort(np.asarray(scores, dtype=np.float64))
    pairs = given.sum() * (1 - given).sum() - (given * (1 - given)).sum()
    if pairs <= 0:
        return 0.5
    # each pair of rows: the higher one came true and the lower did not; rows of equal scores count half
    first = np.unique(given, return_index=True)[1]
    nots, trues = np.add.reduceat(1 - given, first), np.add.reduceat(given, first)
    within = (trues * nots - np.add.reduceat(given * (1 - given), first)) / 2
    return float(((np.cumsum(nots) - nots) @ trues + within.sum()) / pairs)


def _shares(borders: Sequence[float], scores: Floats) -> Floats:
    counts = np.bincount(np.searchsorted(borders, scores, side="right"), minlength=len(borders) + 1)
    return counts / max(len(scores), 1)
