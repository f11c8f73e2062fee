"""Count the leads whose band would change if another model scored: the change that salespeople would see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml.arrays import Floats
from ml.errors import LabelsError


@dataclass(frozen=True, slots=True, kw_only=True)
class BandChanges:
    """Leads whose band would be another one."""

    #: leads that were compared
    rows: int
    #: to a higher band, and to a lower one
    up: int
    down: int

    @property
    def share(self) -> float:
        """Return the share of leads whose band would change, 0 to 1; 0 where there are none."""
        return (self.up + self.down) / self.rows if self.rows else 0.0


def band_changes(
    before: Sequence[float] | Floats, after: Sequence[float] | Floats, borders: Sequence[float]
) -> BandChanges:
    """Return how many leads change their band from `before` to `after`: probabilities of the same leads, in one order.

    `borders` are the probabilities at which bands begin, in any order. Raises LabelsError where the two differ in
    number.

    >>> band_changes([0.1, 0.4, 0.7], [0.1, 0.7, 0.2], [0.6, 0.3])
    BandChanges(rows=3, up=1, down=1)
    """
    first, second = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if first.shape != second.shape:
        raise LabelsError("scores before and after differ in number; give both for the same leads")
    edges = np.sort(np.asarray(borders, dtype=np.float64))
    steps = np.searchsorted(edges, second, side="right") - np.searchsorted(edges, first, side="right")
    return BandChanges(rows=len(first), up=int((steps > 0).sum()), down=int((steps < 0).sum()))
