"""Describe the quality of a model version: figures, tables and two drawings."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from db.records import ModelRecord
from domain.documents import JsonMapping
from workers.pages import figures
from workers.pages.figures import Drawing, Point
from workers.pages.layout import number, percent, sentence

#: standard errors of a 95 % interval
_Z = 1.96


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One measure of quality, in words for people."""

    key: str
    name: str
    meaning: str
    digits: int


MEASURES = tuple(
    Measure(key=key, name=name, meaning=meaning, digits=digits)
    for key, name, meaning, digits in (
        ("auc", "AUC", "share of unlike pairs put in the right order; chance is 0.5", 3),
        ("pr_auc", "PR-AUC", "precision over the whole list, highest scores first; chance is the share of all", 3),
        ("lift_top_decile", "Lift of the best tenth", "hits in the highest tenth against the average", 2),
        ("brier", "Brier score", "mean squared error of the probability; lower is better", 3),
        ("log_loss", "Log loss", "penalty for confident mistakes; lower is better", 3),
        ("ece", "Calibration error", "mean distance between score and observed share; lower is better", 3),
        ("slope", "Calibration slope", "1 is right; below 1 the scores are too extreme, above 1 too cautious", 2),
        ("accuracy", "Accuracy at 50\u00a0%", "share right when 50\u00a0% and more counts as yes", 3),
    )
)
SCORERS = {
    "base_rate": "average for all",
    "silence_days": "days of silence alone",
    "lr": "logistic regression",
    "rf": "random forest",
    "gb": "gradient boosting",
}
#: how a training tells what it chose -> the same as a sentence; other texts stand as they are
_CHOICES = (
    (
        re.compile(r"([a-z+]{2,8}): log loss ([\d.]{1,8}) out of fold; too few rows to compare others"),
        "{0}: there are too few leads to compare other choices (log loss {1} on unseen leads).",
    ),
    (
        re.compile(r"([a-z+]{2,8}) won: log loss ([\d.]{1,8}) out of fold"),
        "{0}: no other choice was better (log loss {1} on unseen leads).",
    ),
    (
        re.compile(
            r"([a-z+]{2,8}), the simplest within noise of ([a-z+]{2,8}): "
            r"log loss ([\d.]{1,8}) out of fold, ([\d.]{1,8})"
        ),
        "{0}: the simplest choice as good as the best, {1}, within noise (log loss {2} against {3} on unseen leads).",
    ),
    (
        re.compile(
            r"([a-z+]{2,8}), whole within noise of ([a-z+]{2,8}): log loss ([\d.]{1,8}) out of fold, ([\d.]{1,8})"
        ),
        "{0}: all are kept, as good as the best, {1}, within noise (log loss {2} against {3} on unseen leads).",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureRow:
    """One measure of this version and of its baselines: figures as text, with bounds if any."""

    measure: Measure
    cells: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member of the ensemble: its weight, and its quality alone."""

    name: str
    weight: float | None
    auc: float
    brier: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Predicted and observed shares among neighbouring leads."""

    low: float
    high: float
    rows: int
    positives: int
    came: float
    bounds: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftPoint:
    """The share of the wins among the best-scored share of leads."""

    depth: float
    wins: float

    @property
    def lift(self) -> float:
        """Against calls in any order."""
        return self.wins / self.depth


def bounds(positives: int, rows: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson), which holds with few rows too.

    >>> [round(bound, 3) for bound in bounds(0, 10)], [round(bound, 3) for bound in bounds(34, 41)]
    ([0.0, 0.278], [0.687, 0.915])
    """
    share, z2 = positives / rows, _Z * _Z / rows
    middle = (share + z2 / 2) / (1 + z2)
    half = _Z / (1 + z2) * math.sqrt(share * (1 - share) / rows + z2 / (4 * rows))
    return max(0.0, middle - half), min(1.0, middle + half)


def rivals(report: JsonMapping) -> Iterator[str]:
    """Return the names of a version's baselines."""
    return (SCORERS.get(name, name) for name in report.get("baselines", {}))


def comparison(model: ModelRecord) -> Iterator[MeasureRow]:
    """Return each measure of the version, with its baselines' beside it."""
    figures_of = (model.metrics, *model.report.get("baselines", {}).values())
    for measure in MEASURES:
        if measure.key in model.metrics:
            yield MeasureRow(measure=measure, cells=tuple(_cell(metrics, measure) for metrics in figures_of))


def _cell(metrics: JsonMapping, measure: Measure) -> tuple[str, str]:
    interval = metrics.get("intervals", {}).get(measure.key)
    return number(metrics.get(measure.key), measure.digits), _between(interval, measure.digits)


def _between(interval: Sequence[float] | None, digits: int) -> str:
    return "" if interval is None else f"{number(interval[0], digits)} to {number(interval[1], digits)}"


def members(report: JsonMapping) -> Iterator[Member]:
    """Each kind of model that was tried, left out or not."""
    weights = report.get("weights", {})
    for name, metrics in report.get("members", {}).items():
        yield Member(name=SCORERS.get(name, name), weight=weights.get(name), auc=metrics["auc"], brier=metrics["brier"])


def choice(report: JsonMapping) -> str:
    """Return why these members were chosen, as a sentence.

    >>> choice({"choice": "lr+gb won: log loss 0.2853 out of fold"})
    'Logistic regression and gradient boosting: no other choice was better (log loss 0.2853 on unseen leads).'
    """
    text = str(report.get("choice", ""))
    for pattern, words in _CHOICES:
        if found := pattern.fullmatch(text):
            return sentence(words.format(*map(_members_in_words, found.groups())))
    return text


def _members_in_words(part: str) -> str:
    names = [SCORERS[name] for name in part.split("+") if name in SCORERS]
    return part if not names else " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def bands(report: JsonMapping) -> Iterator[Band]:
    """By tenths of the score, best first; of an older version, by tenths of the leads."""
    for band in report.get("bands_by_score") or reversed(report.get("bands", ())):
        yield Band(
            low=band["low"],
            high=band["high"],
            rows=band["rows"],
            positives=band["positives"],
            came=band["positives"] / band["rows"],
            bounds=bounds(band["positives"], band["rows"]),
        )


def chance(report: JsonMapping) -> float | None:
    """Return the mean distance that a perfect model's bands have by chance: that of a normal with the bands' spread."""
    bins = report.get("bands", ())
    rows = sum(band["rows"] for band in bins)
    spreads = (band["rows"] * math.sqrt(band["said"] * (1 - band["said"]) / band["rows"]) for band in bins)
    return math.sqrt(2 / math.pi) * sum(spreads) / rows if rows else None


def calibration(bins: Sequence[JsonMapping]) -> Drawing | None:
    """Return the calibration plot."""
    if not bins:
        return None
    points = [Point(band["said"], band["came"], *bounds(band["positives"], band["rows"])) for band in bins]
    low, high = points[0], points[-1]
    ends = [f"{percent(point.observed)} at a score of {percent(point.predicted)}" for point in (low, high)]
    text = f"From {' to '.join(ends)}; the band table has more figures."
    return figures.calibration("calibration", points, title="Scores, and the observed shares", text=text)


def lift_curve(report: JsonMapping) -> Iterator[LiftPoint]:
    """Return the stored lift curve, or one from the bands, best band first."""
    if "lift" in report:
        yield from (LiftPoint(depth=depth, wins=wins) for depth, wins in report["lift"] if depth > 0)
        return
    bins = report.get("bands", ())
    rows, wins = sum(band["rows"] for band in bins), sum(band["positives"] for band in bins)
    taken = hits = 0
    for band in reversed(bins):
        taken, hits = taken + band["rows"], hits + band["positives"]
        yield LiftPoint(depth=taken / rows, wins=hits / wins)


def deciles(curve: Sequence[LiftPoint]) -> list[LiftPoint]:
    """Return ten points of a fine curve, for a table."""
    return [_nearest(curve, tenth / 10) for tenth in range(1, 11)] if curve else []


def _nearest(curve: Sequence[LiftPoint], depth: float) -> LiftPoint:
    return min(curve, key=lambda point: abs(point.depth - depth))


def lift(curve: Sequence[LiftPoint]) -> Drawing | None:
    """Return the lift plot."""
    if not curve:
        return None
    points = [(point.depth, point.wins) for point in curve]
    first = deciles(curve)[0]
    text = f"The best {percent(first.depth)} of leads hold {percent(first.wins)} of all hits; the table has more."
    return figures.lift("lift", points, title="Hits reached by taking the highest scores first", text=text)
