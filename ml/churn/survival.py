"""Time until leads go cold: cumulative incidence by risk level, in plain NumPy.

Leads that were only followed for a while (censored) count for as long as they were followed. Winning is a competing
event: who has bought cannot go cold any more, so that one minus Kaplan-Meier would claim too much (Aalen-Johansen). A
level with few leads leans on all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from ml.arrays import Bools, Floats, Ints, ModelState
from ml.churn.labels import Label
from ml.errors import LabelsError

#: days that are looked ahead at most
LONGEST = 180
#: leads of all levels that stand in for missing ones of a level
_LEAN = 20.0
#: what comes is likely from here on
LIKELY = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """The share that has gone cold by each day, a row a level: [levels, days + 1], day 0 first."""

    cold: Floats

    def days(self, levels: Ints, silent: Floats, thresholds: Floats) -> Floats:
        """Return the days until leads have likely gone cold; NaN where that is not likely within what was seen.

        The silence cannot reach its threshold sooner than the calendar does.
        """
        likely = self.cold[levels] >= LIKELY
        first = np.where(likely.any(axis=1), likely.argmax(axis=1).astype(np.float64), np.nan)
        return np.maximum(first, np.maximum(thresholds - silent, 0.0))

    def state(self) -> ModelState:
        """Return the curves as plain values and arrays."""
        return {"cold": self.cold}

    @classmethod
    def restore(cls, state: ModelState) -> Self:
        """Return the curves that gave this `state`. Raises ValueError for any other value."""
        cold = state["cold"]
        if cold.ndim != 2 or not np.isfinite(cold).all() or (np.diff(cold, axis=1) < -1e-9).any():
            raise ValueError("the shares gone cold must not fall")
        return cls(cold=cold)


def fit_curves(labels: Sequence[Label], levels: Ints, *, count: int, longest: int = LONGEST) -> Curves:
    """Learn when leads went cold by the risk level that they had at their snapshot.

    Raises LabelsError without any lead that was followed.
    """
    if not labels:
        raise LabelsError("nobody was followed; label snapshots first")
    days = np.minimum(np.floor([label.days for label in labels]), longest).astype(np.intp)
    within = np.array([label.days <= longest for label in labels])
    cold, won = (np.array([label.event == event for label in labels]) & within for event in ("churned", "won"))
    each = [_counts(days[at], cold[at], won[at], longest) for at in (levels == level for level in range(count))]
    whole = _counts(days, cold, won, longest)
    return Curves(cold=np.array([_incidence(_leaning(counts, whole)) for counts in each]))


def _counts(days: Ints, cold: Bools, won: Bools, longest: int) -> Floats:
    """Return by day those still followed, those going cold and those winning: [3, days + 1]."""
    ended, cold_ends, won_ends = (
        np.bincount(days[mask], minlength=longest + 1).astype(np.float64)
        for mask in (np.ones(len(days), dtype=np.bool_), cold, won)
    )
    followed = ended[::-1].cumsum()[::-1]
    return np.array([followed, cold_ends, won_ends])


def _leaning(counts: Floats, whole: Floats) -> Floats:
    """Return the hazards of going cold and of winning by day, drawn to those of all leads where few are followed."""
    general = whole[1:] / np.maximum(whole[0], 1.0)
    hazards: Floats = (counts[1:] + _LEAN * general) / (counts[0] + _LEAN)
    return hazards


def _incidence(hazards: Floats) -> Floats:
    open_ = np.cumprod(1 - hazards.sum(axis=0))
    before = np.concatenate([[1.0], open_[:-1]])
    shares: Floats = np.cumsum(before * hazards[0])
    return shares
