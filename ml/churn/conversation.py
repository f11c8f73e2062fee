"""What a lead's messages say of its going cold, from what was read in each when it came: counts and shares, no text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from domain.emotions import EmotionalState
from domain.facts import FactKind
from ml.features.emotional import HALF_LIFE_DAYS, SURE_FACT, visible
from ml.profiles import LeadProfile, MessageSignal

#: days of the newer window, and of both windows together
RECENT, WHOLE = 28.0, 112.0
#: tones that count as negative, and the confidence from which a tone counts at all
NEGATIVE: frozenset[EmotionalState] = frozenset({"frustrated", "anxious", "disappointed", "angry", "overwhelmed"})
SURE_TONE = 0.5
#: days that a timeline promises at most
PROMISED: dict[str, float] = {"0-3": 91, "3-6": 183, "6-12": 365}


def recent_messages(profile: LeadProfile) -> list[MessageSignal]:
    """Return what was read in the messages of the last `WHOLE` days that were known at `as_of`, oldest first."""
    return [said for said in visible(profile) if _age(profile.as_of, said) <= WHOLE]


def tone_of(as_of: datetime, said: Sequence[MessageSignal]) -> tuple[float, float, float, float]:
    """Return (messages with a polarity, those of a negative tone that is sure, polarity, its change).

    Polarity is -1 to 1, newer messages counting more; its change is that of the newer window against the older one.
    What cannot be told is NaN.
    """
    rated = [(_age(as_of, one), one.polarity) for one in said if one.polarity is not None]
    if not rated:
        return 0.0, math.nan, math.nan, math.nan
    newer = [pair for pair in rated if pair[0] <= RECENT]
    older = [pair for pair in rated if pair[0] > RECENT]
    negative = sum(one.state in NEGATIVE and one.confidence >= SURE_TONE for one in said)
    trend = _weighted(newer) - _weighted(older) if newer and older else math.nan
    return float(len(rated)), float(negative), _weighted(rated), trend


def _weighted(rated: Sequence[tuple[float, float]]) -> float:
    weights = [math.exp2(-age / HALF_LIFE_DAYS) for age, _ in rated]
    return math.fsum(weight * value for weight, (_, value) in zip(weights, rated, strict=True)) / math.fsum(weights)


def facts_told(said: Sequence[MessageSignal], kind: FactKind) -> int:
    """Return the number of messages in which a fact of a kind was told."""
    return sum(any(fact.kind == kind and fact.confidence >= SURE_FACT for fact in one.facts) for one in said)


def told_timelines(said: Sequence[MessageSignal]) -> list[float]:
    """Return the days that the lead gave itself, message by message; a timeline without an end is infinite."""
    told = (fact for one in said for fact in one.facts if fact.kind == "timeline" and fact.confidence >= SURE_FACT)
    return [PROMISED.get(str(fact.value), math.inf) for fact in told]


def times_put_off(timelines: Sequence[float]) -> int:
    """Return how often a later timeline followed an earlier one.

    >>> times_put_off([91, 183, 183, 91])
    1
    """
    return sum(later > earlier for earlier, later in pairwise(timelines))


def _age(as_of: datetime, said: MessageSignal) -> float:
    return (as_of - said.occurred_at).total_seconds() / 86_400
