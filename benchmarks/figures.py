"""What a benchmark says: figures, and ratios held against a goal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Figures = dict[str, Any]
Better = Literal["lower", "higher"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """One measured value and where it ought to be."""

    value: float
    goal: float
    better: Better
    #: what was divided by what, or which value is held against the goal
    of: str

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return self.value <= self.goal if self.better == "lower" else self.value >= self.goal

    def shown(self) -> Figures:
        """As JSON."""
        told = {"value": rounded(self.value), "goal": self.goal, "better": self.better, "met": self.met}
        return {**told, "of": self.of}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one benchmark found."""

    #: what the rows are
    data: str
    rows: int
    seed: int
    figures: Figures = field(default_factory=dict)
    ratios: Mapping[str, Ratio] = field(default_factory=dict)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie, interpolated; raises ValueError without values."""
    if not values:
        raise ValueError("no values to take a percentile of")
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low, high = math.floor(place), math.ceil(place)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def median(values: Sequence[float]) -> float:
    """The middle of the values."""
    return percentile(values, 0.5)


def spread(values: Sequence[float]) -> Figures:
    """Count, p50, p95 and the largest, in the unit of the values."""
    return {
        "count": len(values),
        "p50": rounded(percentile(values, 0.5)),
        "p95": rounded(percentile(values, 0.95)),
        "max": rounded(max(values)),
    }


def rounded(value: float) -> float:
    """To four significant digits."""
    return float(f"{value:.4g}")
