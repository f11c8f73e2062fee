"""A lead's risk of going cold: probability and level, what warns of it, when it is likely, and when to look again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal

import numpy as np

from domain.risk import HORIZON_DAYS, RISK_LEVELS, RISK_STARTS, RiskLevel
from ml.arrays import Floats, Ints
from ml.churn import scorecard
from ml.churn.activity import closed_reason, contacts, point_in_time, quiet_since
from ml.churn.indicators import Indicator, Measured, measure, spread
from ml.churn.scorer import ChurnScorer
from ml.profiles import FeatureMatrix, LeadProfile
from ml.urgency import THRESHOLDS, patience

Scope = Literal["model", "scorecard"]

#: days after which a lead is looked at again though nothing happened
CADENCE: Mapping[RiskLevel, float] = MappingProxyType(
    {"very_low": 30, "low": 14, "medium": 7, "high": 2, "critical": 1}
)
#: how far a judgement is trusted that nobody measured, beside a model
_WRITTEN = 0.5
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChurnRisk:
    """The risk that a lead goes cold within the horizon, with its evidence."""

    lead_id: str
    as_of: datetime
    #: 0.01 to 0.99
    probability: float
    level: RiskLevel
    #: 0 to 1: how much of what the scorer asks is known, times how far its members agree
    confidence: float
    #: days since the last sign; None when nothing is known
    days_silent: float | None
    #: days of silence that the stage bears
    threshold: float
    #: days until it has likely gone cold; None = not likely as far as can be seen
    days_to_churn: float | None
    indicators: tuple[Indicator, ...]
    #: nobody ever contacted it: the fix is on the agent
    neglected: bool
    next_check_at: datetime
    #: each member's own probability; empty from the scorecard
    members: Mapping[str, float]
    scope: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class _Predictions:
    """The predictions of a scorer for many leads."""

    probabilities: Floats
    confidence: Floats
    members: Mapping[str, Floats]


def level_of(probability: float) -> RiskLevel:
    """Return the level of a probability; higher is always more risk.

    >>> [level_of(value) for value in (0.19, 0.2, 0.59, 0.6, 0.8)]
    ['very_low', 'low', 'medium', 'high', 'critical']
    """
    return RISK_LEVELS[int(levels_of(np.array([probability]))[0])]


def levels_of(probabilities: Floats) -> Ints:
    """Return the place of each probability's level among `RISK_LEVELS`."""
    return np.searchsorted(RISK_STARTS, probabilities, side="right")


def assess(
    profiles: Sequence[LeadProfile],
    matrix: FeatureMatrix,
    *,
    scorer: ChurnScorer | None = None,
    thresholds: Mapping[str, float] = THRESHOLDS,
) -> list[ChurnRisk | None]:
    """Assess leads, each as of its own moment; None for one that has ended or is no client.

    `matrix` holds their features. Without a scorer the written scorecard answers. `thresholds` are days; a stage
    without one takes the written one.
    """
    if not profiles:
        return []
    every = {**THRESHOLDS, **thresholds}
    leads = [point_in_time(profile) for profile in profiles]
    measured = measure(leads, matrix, thresholds=every)
    predictions = _of_card(measured) if scorer is None else _of_model(scorer, matrix)
    quiet_from = [quiet_since(profile) for profile in leads]
    silent = np.array([_days(lead.as_of, when) for lead, when in zip(leads, quiet_from, strict=True)], dtype=np.float64)
    bearable = np.array([patience(lead.stage, lead.timeline, every) for lead in leads], dtype=np.float64)
    batch = _Batch(
        predictions=predictions,
        indicators=spread(measured),
        silent=silent,
        patient=bearable,
        ahead=_ahead(scorer, predictions.probabilities, silent, bearable),
        scope="scorecard" if scorer is None else "model",
    )
    return [
        None if closed_reason(lead, lead.times.get("stage_changed_at")) else batch.risk(lead, row)
        for row, lead in enumerate(leads)
    ]


def ended(profile: LeadProfile) -> str | None:
    """Return why a lead has no risk: how it ended, or `no_client`; None where it has one."""
    lead = point_in_time(profile)
    return closed_reason(lead, lead.times.get("stage_changed_at"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """All that was found of many leads; days that are not known are NaN."""

    predictions: _Predictions
    indicators: Sequence[tuple[Indicator, ...]]
    silent: Floats
    patient: Floats
    ahead: Floats
    scope: Scope

    def risk(self, lead: LeadProfile, row: int) -> ChurnRisk:
        """Return the risk of one lead."""
        probability = float(self.predictions.probabilities[row])
        level = level_of(probability)
        return ChurnRisk(
            lead_id=lead.lead_id,
            as_of=lead.as_of,
            probability=probability,
            level=level,
            confidence=round(float(self.predictions.confidence[row]), 4),
            days_silent=_or_none(self.silent[row]),
            threshold=float(self.patient[row]),
            days_to_churn=_or_none(self.ahead[row]),
            indicators=self.indicators[row],
            neglected=not contacts(lead),
            next_check_at=lead.as_of + timedelta(days=_pause(level, float(self.patient[row] - self.silent[row]))),
            members={name: float(probabilities[row]) for name, probabilities in self.predictions.members.items()},
            scope=self.scope,
        )


def _of_card(measured: Mapping[str, Measured]) -> _Predictions:
    known_share = np.mean([indicator.known for indicator in measured.values()], axis=0)
    return _Predictions(probabilities=scorecard.probabilities(measured), confidence=_WRITTEN * known_share, members={})


def _of_model(scorer: ChurnScorer, matrix: FeatureMatrix) -> _Predictions:
    probabilities, members = scorer.together(matrix)
    apart = np.ptp(np.array(list(members.values())), axis=0) if members else np.zeros(len(matrix))
    return _Predictions(probabilities=probabilities, confidence=scorer.known(matrix) * (1 - apart), members=members)


def _ahead(scorer: ChurnScorer | None, probabilities: Floats, silent: Floats, patient: Floats) -> Floats:
    if scorer is not None and scorer.curves_ is not None:
        return scorer.curves_.days(levels_of(probabilities), np.nan_to_num(silent), patient).round(1)
    # until leads have been followed: as if the risk were the same on each day of the horizon
    half = HORIZON_DAYS * np.log(0.5) / np.log1p(-probabilities)
    likely = np.where(half <= HORIZON_DAYS, half, np.nan)
    return np.maximum(likely, np.maximum(patient - np.nan_to_num(silent), 0.0)).round(1)


def _pause(level: RiskLevel, left: float) -> float:
    """Return the days to the next look: the level's own pace, or until the silence reaches the threshold."""
    return min(CADENCE[level], left) if left > 0 else CADENCE[level]


def _or_none(days: np.float64) -> float | None:
    return None if np.isnan(days) else float(days)


def _days(as_of: datetime, since: datetime | None) -> float:
    return float("nan") if since is None else (as_of - since) / _DAY
