"""Churn risk: its levels and the indicators that warn of it."""

from __future__ import annotations

from typing import Final, Literal, get_args

RiskLevel = Literal["very_low", "low", "medium", "high", "critical"]
#: lowest first: higher is always more risk
RISK_LEVELS: tuple[RiskLevel, ...] = get_args(RiskLevel)
#: the probabilities at which the second level and those after it begin
RISK_STARTS: Final = (0.2, 0.4, 0.6, 0.8)
#: days after the snapshot that a probability is about
HORIZON_DAYS: Final = 30.0

IndicatorName = Literal[
    "declining_engagement",
    "negative_sentiment",
    "reduced_response_rate",
    "missed_appointments",
    "decreased_browsing",
    "competitor_activity",
    "delayed_decisions",
    "communication_gaps",
    "behavioral_changes",
    "external_factors",
]
INDICATORS: tuple[IndicatorName, ...] = get_args(IndicatorName)
