"""Where the mean of a series changed: the split that explains it best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePoint:
    """The split of a series into two parts that differ most, measured by what chance would make of it."""

    #: position of the first value of the later part, 1 to one less than the number of values
    at: int
    #: means of the two parts
    before: float
    after: float


def change_point(values: Sequence[float], *, margin: int = 1) -> ChangePoint:
    """Return the likeliest single change of the mean, with at least `margin` values on each side.

    It is the split of the least squares around two means: the maximum likelihood for normal errors of equal variance.
    A detector says that something changed; this says when, since a detector's own window still holds older values.

    >>> change_point([0.0, 0.5, 0.0, 0.5, 2.0, 3.0])
    ChangePoint(at=4, before=0.25, after=2.5)
    """
    series = np.asarray(values, dtype=np.float64)
    margin = max(1, min(margin, len(series) // 2))
    early = np.arange(margin, len(series) - margin + 1)
    sums = np.cumsum(series)
    before = sums[early - 1] / early
    late = len(series) - early
    after = (sums[-1] - sums[early - 1]) / late
    best = int(np.argmax((before - after) ** 2 * early * late))
    return ChangePoint(at=int(early[best]), before=float(before[best]), after=float(after[best]))
