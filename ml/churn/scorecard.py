"""The written scorecard of churn: what tells the risk until there are enough outcomes to learn from.

Its weights are a judgement, in log-odds, and its probabilities are not calibrated on anyone's data: a result says that
the scorecard gave it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from domain.risk import INDICATORS
from ml.arrays import Floats
from ml.churn.indicators import DIGITS, Measured
from ml.ensemble.column_types import numbers
from ml.ensemble.explained import clamped
from ml.profiles import FeatureMatrix

#: changes with any weight
VERSION = "1"

#: log-odds of a lead of whom nothing warns: about one in eleven goes cold
BASE = -2.3

#: indicator -> what it adds at 1; less adds in proportion
WEIGHTS: Mapping[str, float] = MappingProxyType(
    {
        "declining_engagement": 1.2,
        "negative_sentiment": 0.9,
        "reduced_response_rate": 1.0,
        "missed_appointments": 0.9,
        "decreased_browsing": 0.7,
        "competitor_activity": 0.6,
        "delayed_decisions": 0.6,
        "communication_gaps": 3.2,
        "behavioral_changes": 0.3,
        "external_factors": 0.4,
    }
)


#: levels of pre-approval that lack financing, and what is not known, which tells nothing new
_LACKING = ("none", None)


def contributions(measured: Mapping[str, Measured]) -> Floats:
    """Return what each indicator adds to each lead's log-odds, in the order of their names: [leads, 10].

    It counts as it is shown, so that what is shown adds up.
    """
    added: Floats = np.column_stack([WEIGHTS[name] * np.round(measured[name].values, DIGITS) for name in INDICATORS])
    return added


def probability_of(values: Mapping[str, float]) -> float:
    """Return the risk that the values of the ten indicators add up to.

    >>> round(probability_of({"communication_gaps": 1.0, "declining_engagement": 0.5}), 4)
    0.8176
    """
    odds = BASE + sum(weight * values.get(name, 0.0) for name, weight in WEIGHTS.items())
    return float(clamped(np.array([odds]))[0])


def log_odds_of(matrix: FeatureMatrix, values: Mapping[str, float], threshold: float) -> Floats:
    """Return the log-odds of one lead as its features stand in each row, with indicators that were measured before.

    Two indicators follow from features alone and are taken from the row: silence, of which the lead's stage bears
    `threshold` days, and financing, where the row has some. The others stay as they were measured.

    >>> rows = FeatureMatrix.from_rows([{"silence_days": 20.0}, {"silence_days": 0.0}])
    >>> log_odds_of(rows, {"communication_gaps": 1.0, "declining_engagement": 0.5}, threshold=10.0).round(2).tolist()
    [1.5, -1.7]
    """
    silent = np.fmin(numbers(matrix, "silence_days"), numbers(matrix, "age_days"))
    gaps = np.round(np.clip(silent / (2 * threshold), 0.0, 1.0), DIGITS)
    lacking = [row.get("preapproval") in _LACKING for row in matrix.to_rows()]
    now = {
        "communication_gaps": np.where(np.isnan(gaps), values.get("communication_gaps", 0.0), gaps),
        "external_factors": np.where(lacking, values.get("external_factors", 0.0), 0.0),
    }
    added = [weight * now.get(name, values.get(name, 0.0)) for name, weight in WEIGHTS.items()]
    return np.asarray(BASE + sum(np.broadcast_to(each, len(matrix)) for each in added), dtype=np.float64)


def without_tone(values: Mapping[str, float]) -> float:
    """Return the risk without what the tone of a lead's messages adds: a hint, for whose sake nobody is acted on.

    >>> calm = {"communication_gaps": 0.9}
    >>> without_tone({**calm, "negative_sentiment": 1.0}) == probability_of(calm)
    True
    """
    return probability_of({**values, "negative_sentiment": 0.0})


def probabilities(measured: Mapping[str, Measured]) -> Floats:
    """Return the risk of many leads, 0.01 to 0.99."""
    return clamped(BASE + contributions(measured).sum(axis=1))
