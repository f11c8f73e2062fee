"""The measured difference between leads that were sent to and leads that were held out, as answers show it."""

from __future__ import annotations

from domain.documents import JsonObject
from ml.experiments.effects import Effect


def effect_view(effect: Effect) -> JsonObject:
    """Return the rates of both arms, their difference and its interval; None where too few leads are settled."""
    return {
        "rates": {"sent": effect.treated_rate, "held_out": effect.holdout_rate},
        "difference": effect.difference,
        "interval": None if effect.low is None else (effect.low, effect.high),
    }
