"""Thresholds with hysteresis, and what a person's band means as a probability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.scores import HOT, WARM, Band

#: of the height at which a threshold is entered, the part at which it is left: .60 and .50
LEAVING = 5 / 6
#: just below the next band
_STEP = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A score that is entered at one height and left below a lower one, so that a wavering score does not nag."""

    name: str
    enter: float
    leave: float


def hot(bands: Mapping[str, float]) -> Threshold:
    """Return the threshold of a tenant that names none: the hot band, left a sixth below it.

    >>> hot({})
    Threshold(name='hot', enter=0.6, leave=0.5)
    """
    enter = bands.get("hot", HOT)
    return Threshold(name="hot", enter=enter, leave=round(enter * LEAVING, 6))


def moved(thresholds: Sequence[Threshold], before: float | None, now: float) -> dict[str, bool]:
    """Return the thresholds that a score may have crossed: True entered, False left. What lies between tells nothing.

    >>> at = [hot({})]
    >>> moved(at, 0.4, 0.7), moved(at, 0.7, 0.55), moved(at, 0.55, 0.45), moved(at, None, 0.2)
    ({'hot': True}, {}, {'hot': False}, {})
    """
    entered = {t.name: True for t in thresholds if now >= t.enter and (before is None or before < t.enter)}
    left = {t.name: False for t in thresholds if now < t.leave and before is not None and before >= t.leave}
    return entered | left


def beyond(thresholds: Sequence[Threshold], now: float) -> dict[str, bool]:
    """Return on which side of thresholds a score lies, whatever it was; those that it lies between are left out."""
    return {t.name: now >= t.enter for t in thresholds if now >= t.enter or now < t.leave}


def within(band: Band, probability: float, *, hot: float = HOT, warm: float = WARM) -> float:
    """Return the probability nearest to the model's that lies in the band a person chose.

    >>> within("hot", 0.2), within("hot", 0.8), within("cold", 0.8), within("warm", 0.8)
    (0.6, 0.8, 0.29, 0.59)
    """
    low, high = {"hot": (hot, 0.99), "warm": (warm, hot - _STEP), "cold": (0.01, warm - _STEP)}[band]
    return round(min(max(probability, low), high), 6)
