"""One check of one model over a window: its performance, expected performance, score and features, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from domain.drift import DriftAction, DriftDirection
from ml.monitoring import alerts
from ml.monitoring.alerts import Alert
from ml.monitoring.detectors import Finding
from ml.monitoring.performance import Estimated, Realised, estimated, realised
from ml.monitoring.population import FeatureShift, shifts
from ml.monitoring.reference import SCORE, Reference, Spread
from ml.monitoring.series import drift, feature_drift
from ml.profiles import Value

#: feature -> its values, in the order of the rows
Columns = Mapping[str, Sequence[Value | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What was seen of a model."""

    #: scores of the window in the order in which they were made, one a lead, and the features behind them
    probabilities: Sequence[float]
    columns: Columns
    #: labels in the order in which they came, from the first that a detector may play, with the scores served before
    labels: Sequence[bool] = ()
    served: Sequence[float] = ()
    #: the first of them that came within the window
    since: int = 0
    #: the same of the model's first window, and of the same weeks a year before; empty where it is not known
    first_probabilities: Sequence[float] = ()
    first: Columns = field(default_factory=dict)
    year_ago: Columns = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check found."""

    #: of the labels that came within the window; None without any
    realised: Realised | None
    #: of the scores of the window; None without any
    estimated: Estimated | None
    #: of the features, those with the largest likely effect first, and of the score; without a reference, nothing
    inputs: tuple[FeatureShift, ...]
    score: FeatureShift | None
    #: all drift of the errors that a detector tells, within the window or before it
    findings: tuple[Finding, ...]
    alerts: tuple[Alert, ...]
    action: DriftAction
    direction: DriftDirection | None


def check(observed: Observed, reference: Reference | None) -> Checked:
    """Check a model against its reference, if it has one, and against itself.

    >>> better = Observed(probabilities=(), columns={}, labels=[True] * 900, served=[0.1] * 400 + [0.9] * 500)
    >>> check(better, None).action, check(better, None).realised.labels
    ('none', 900)
    """
    errors = [(said - label) ** 2 for said, label in zip(observed.served, observed.labels, strict=True)]
    findings = tuple(drift(errors))
    moved = () if reference is None else _shifts(observed, reference)
    told = alerts.of_performance(finding for finding in findings if finding.at >= observed.since)
    if reference is not None:
        told += _against(observed, errors, reference, moved)
    ranked = alerts.ranked(told)
    return Checked(
        realised=realised(observed.labels[observed.since :], observed.served[observed.since :]),
        estimated=estimated(observed.probabilities),
        inputs=tuple(shift for shift in moved if shift.feature != SCORE),
        score=next((shift for shift in moved if shift.feature == SCORE), None),
        findings=findings,
        alerts=ranked,
        action=alerts.action_of(ranked),
        direction=alerts.direction_of(ranked),
    )


def _shifts(observed: Observed, reference: Reference) -> tuple[FeatureShift, ...]:
    spreads = _spreads(reference)
    now = _columns(observed.columns, observed.probabilities)
    first = _columns(observed.first, observed.first_probabilities)
    return tuple(
        shifts(
            spreads,
            _counted(spreads, now),
            year_ago=_counted(spreads, observed.year_ago),
            first=_counted(spreads, first),
        )
    )


def _against(
    observed: Observed, errors: Sequence[float], reference: Reference, moved: Sequence[FeatureShift]
) -> list[Alert]:
    """Return what differs from training, or from the model's first window where that is known."""
    begun = estimated(observed.first_probabilities)
    baseline, rows = (reference.expected_brier, reference.rows) if begun is None else (begun.brier, begun.rows)
    drifts = feature_drift(_spreads(reference), _columns(observed.columns, observed.probabilities))
    return [
        *alerts.of_level(errors[observed.since :], reference),
        *alerts.of_estimate(observed.probabilities, baseline=baseline, rows=rows),
        *alerts.of_inputs(moved, drifts),
    ]


def _spreads(reference: Reference) -> dict[str, Spread]:
    return {**reference.features, SCORE: reference.score}


def _columns(columns: Columns, probabilities: Sequence[float]) -> dict[str, Sequence[Value | None]]:
    """Return features with the score beside them; nothing without rows."""
    return {**columns, SCORE: probabilities} if len(probabilities) else {}


def _counted(spreads: Mapping[str, Spread], columns: Columns) -> dict[str, tuple[int, ...]]:
    return {name: spread.count(columns[name]) for name, spread in spreads.items() if name in columns}
