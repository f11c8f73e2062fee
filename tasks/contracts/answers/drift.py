"""Answers of `hearth.drift.*`."""

from __future__ import annotations

from typing import Literal

from domain.drift import DriftAction, DriftDirection, DriftLevel
from tasks.contracts.answers.base import Answer
from tasks.contracts.base.published import Count, Probability, Published, Time


class DriftAlert(Published):
    """One thing that has changed."""

    #: performance, estimate, score, or `feature:` and its name
    series: str
    level: DriftLevel
    direction: DriftDirection
    #: change of the mean squared error, measured or expected; above 0 is worse
    effect: float
    reason: str


class DriftFound(DriftAlert):
    """One drift of one model."""

    kind: str
    version: str
    #: when it became sure, since when it is so, and when a check first told it
    at: Time
    since: Time
    found_at: Time


class Performance(Published):
    """The figures of scores whose labels came within the window, in the order in which they came."""

    labels: Count
    positives: Count
    accuracy: Probability
    log_loss: float
    brier: Probability
    ece: Probability
    #: accuracy of "as last time"
    no_change: Probability
    #: the share of its errors that is avoided; null where it makes none
    kappa_t: float | None


class Estimate(Published):
    """The figures to be expected of the window's scores if their probabilities are true; no label is needed."""

    rows: Count
    accuracy: Probability
    log_loss: float
    brier: Probability
    #: one standard error of what labels will say
    accuracy_error: float
    brier_error: float


class Trained(Published):
    """The squared error of the model out of fold, and the one that its probabilities let expect."""

    brier: Probability
    expected_brier: Probability


class Shift(Published):
    """How far a feature, or the score, has moved from the training."""

    feature: str
    #: population stability index
    psi: float
    ks: float
    #: corrected for the number of features
    p_value: Probability
    #: expected change of the mean squared error; above 0 is worse
    effect: float
    #: seasonal: as a year before; standing: since the model's first window
    shifted: Literal["none", "new", "seasonal", "standing"]


class Delay(Published):
    """How long the window's labels took to be known, in hours."""

    labels: Count
    p50_hours: float
    p90_hours: float


class Blend(Published):
    """What an online learner last told of itself."""

    signals: Count | None
    #: expert -> its weight
    weights: dict[str, float] | None
    calibrated: float | None
    leader: str | None
    accuracy: float | None
    log_loss: float | None


class ModelCheck(Published):
    """One check of one model."""

    kind: str
    version: str
    since: Time
    until: Time
    #: leads that were scored, and labels that came
    scored: Count
    labels: Count
    action: DriftAction
    #: null: nothing above the watch line
    direction: DriftDirection | None
    checked_at: Time
    #: from which label on errors surely rose, as found within the window; null: they did not
    worse_since: Time | None
    performance: Performance | None
    estimate: Estimate | None
    #: null: the model has no reference
    training: Trained | None
    score: Shift | None
    #: at most 20, those that have shifted first
    inputs: list[Shift]
    #: features that were compared
    features: Count
    label_delay: Delay | None
    #: null: it is no online learner
    online: Blend | None
    #: ranked by their likely effect, at most 20
    alerts: list[DriftAlert]


class DriftChecks(Answer):
    """The checks that were made: one kind is checked at once; of several, `hearth.drift.report` tells when they are."""

    checks: list[ModelCheck]
    #: kinds whose checks were started
    started: list[str]


class DriftReport(Answer):
    """The newest check of each model, and the drift that was found, newest first."""

    checks: list[ModelCheck]
    findings: list[DriftFound]
