"""Score drift detections against the rows where a stream really changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

#: rows after the end of a change within which it must be found
FOUND_WITHIN = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """Where a stream really changes."""

    #: rows, counted from 0; of a gradual change its middle
    drifts: tuple[int, ...]
    #: rows over which each change happens; 1 for a sudden one
    width: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftFigures:
    """What the detectors said of the error of what served; rows are those after which it was known."""

    warnings: tuple[int, ...]
    detections: tuple[int, ...]
    #: mean rows from a change to the detection that found it; None where nothing was to be found or was found
    delay: float | None
    #: changes that no detection found; detections that belong to no change, or to one that was found; None without
    #: positions
    missed: int | None
    false_alarms: int | None


def score_drift(
    warnings: Sequence[int], detections: Sequence[int], positions: Positions | None, label_delay: int = 0
) -> DriftFigures:
    """Score detections: each belongs to the change in whose span of rows it lies, if to any.

    The span begins half a width before the row of a change. It ends `FOUND_WITHIN` rows, or a width if that is more,
    after it, later by the rows that outcomes need to come, and never behind the begin of the next change.

    >>> figures = score_drift((), (40, 1150, 1200, 9000), Positions(drifts=(1000, 5000)))
    >>> figures.delay, figures.missed, figures.false_alarms
    (150.0, 1, 3)
    """
    if positions is None:
        return DriftFigures(
            warnings=tuple(warnings), detections=tuple(detections), delay=None, missed=None, false_alarms=None
        )
    delays = []
    for begin, drift, end in _spans(positions, label_delay):
        found = [row for row in detections if begin <= row < end]
        if found:
            delays.append(max(0, found[0] - drift))
    return DriftFigures(
        warnings=tuple(warnings),
        detections=tuple(detections),
        delay=sum(delays) / len(delays) if delays else None,
        missed=len(positions.drifts) - len(delays),
        false_alarms=len(detections) - len(delays),
    )


def _spans(positions: Positions, label_delay: int) -> list[tuple[int, int, int]]:
    """Return begin, row and end of each change."""
    drifts = sorted(positions.drifts)
    reach = max(positions.width, FOUND_WITHIN) + label_delay
    spans = [(drift - positions.width // 2, drift, drift + reach) for drift in drifts]
    cut = [(begin, drift, min(end, next_begin)) for (begin, drift, end), (next_begin, _, _) in pairwise(spans)]
    return [*cut, *spans[-1:]]
