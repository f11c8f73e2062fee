"""What a check has found, as alerts that are ranked by their likely effect on performance, and what they ask for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.drift import DriftAction, DriftDirection, DriftLevel
from ml.arrays import Floats
from ml.monitoring.detectors import Finding
from ml.monitoring.population import LARGE, FeatureShift
from ml.monitoring.reference import SCORE, Reference

#: standard errors beyond which a mean differs from its reference, and the least relative difference worth a look
SURE: Final = 4.0
WORTH: Final = 0.1
_LEVELS: Final[dict[DriftLevel, int]] = {"retrain": 0, "warning": 1, "watch": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing that has changed."""

    #: performance, estimate, score, or `feature:` and its name
    series: str
    level: DriftLevel
    direction: DriftDirection
    #: change of the mean squared error, measured or expected; above 0 is worse
    effect: float
    #: in words, without a value of a person
    reason: str


def of_performance(findings: Iterable[Finding]) -> list[Alert]:
    """Return the findings in the errors of scores whose labels are known; the change is the effect."""
    return [
        Alert(
            series="performance",
            level=finding.level,
            direction=finding.direction,
            effect=finding.after - finding.before,
            reason=f"the squared error of scores went from {finding.before:.3f} to {finding.after:.3f}",
        )
        for finding in findings
    ]


def of_level(errors: Sequence[float] | Floats, reference: Reference) -> list[Alert]:
    """Return whether squared errors say that a model is worse, or better, than out of fold; empty where it is neither.

    A detector finds a change; this finds a model that was never as good as in training.
    """
    told = np.asarray(errors, dtype=np.float64)
    if len(told) < 2:
        return []
    change = float(told.mean()) - reference.brier
    error = float(told.std()) * math.sqrt(1 / len(told) + 1 / reference.rows)
    if abs(change) < SURE * error or abs(change) < WORTH * reference.brier:
        return []
    reason = f"the squared error of scores is {told.mean():.3f}, {reference.brier:.3f} in training"
    return [_change("performance", change, reason)]


def of_estimate(probabilities: Sequence[float] | Floats, *, baseline: float, rows: int) -> list[Alert]:
    """Return whether the expected squared error has moved from `baseline`, the mean over `rows` rows of before.

    It needs no label: probabilities nearer to a half are less sure of what comes.
    """
    said = np.asarray(probabilities, dtype=np.float64)
    if len(said) < 2 or rows < 2:
        return []
    spread = said * (1 - said)
    change = float(spread.mean()) - baseline
    error = float(spread.std()) * math.sqrt(1 / len(said) + 1 / rows)
    if abs(change) < SURE * error or abs(change) < WORTH * baseline:
        return []
    return [_change("estimate", change, f"the expected squared error is {spread.mean():.3f}, {baseline:.3f} before")]


def of_inputs(shifts: Iterable[FeatureShift], drifts: Mapping[str, Sequence[Finding]]) -> list[Alert]:
    """Return alerts of features, and of the score, that have moved and are explained by no season and no beginning.

    A large shift, and one that happened within the window, is a warning; a change within the window that is no shift of
    the whole is watched. None asks for a retraining: that a population moves does not say that a model is worse.
    """
    told = []
    for shift in shifts:
        within = any(finding.level != "watch" for finding in drifts.get(shift.feature, ()))
        name = shift.feature if shift.feature == SCORE else f"feature:{shift.feature}"
        if shift.shifted == "new":
            level: DriftLevel = "warning" if shift.psi >= LARGE or within else "watch"
            reason = f"it is spread otherwise than in training: PSI {shift.psi:.2f}, KS {shift.ks:.2f}"
            told.append(_change(name, shift.effect, reason, level=level))
        elif shift.shifted == "none" and within:
            told.append(_change(name, shift.effect, "it changed within the window", level="watch"))
    return told


def ranked(alerts: Iterable[Alert]) -> tuple[Alert, ...]:
    """Return alerts with the largest likely harm first; those of equal effect by their level."""
    return tuple(sorted(alerts, key=lambda alert: (-alert.effect, _LEVELS[alert.level], alert.series)))


def action_of(alerts: Iterable[Alert]) -> DriftAction:
    """Return what alerts ask for: to retrain where errors surely rose, to look where something got worse, or nothing.

    >>> fall = Alert(series="performance", level="watch", direction="better", effect=-0.1, reason="")
    >>> rise = Alert(series="performance", level="retrain", direction="worse", effect=0.1, reason="")
    >>> action_of([fall]), action_of([fall, rise])
    ('none', 'retrain')
    """
    worse = {alert.level for alert in alerts if alert.direction == "worse"}
    return "retrain" if "retrain" in worse else "warn" if "warning" in worse else "none"


def direction_of(alerts: Iterable[Alert]) -> DriftDirection | None:
    """Return which way the strongest alert goes; None without any above the watch line."""
    strong = [alert for alert in alerts if alert.level != "watch"]
    if not strong:
        return None
    return max(strong, key=lambda alert: abs(alert.effect)).direction


def _change(series: str, effect: float, reason: str, *, level: DriftLevel = "warning") -> Alert:
    direction: DriftDirection = "worse" if effect > 0 else "better"
    kept = level if direction == "worse" else "watch"
    return Alert(series=series, level=kept, direction=direction, effect=effect, reason=reason)
