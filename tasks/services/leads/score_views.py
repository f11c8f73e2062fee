"""Stored scores as the card, the history and the explanation of a lead show them."""

from __future__ import annotations

from collections.abc import Iterable

from db.records import FeedbackRecord, PredictionRecord
from domain.documents import JsonObject

#: parts of a score's detail that say how far to trust it
QUALITY = ("interval", "fit", "engagement", "data_quality")


def score_view(score: PredictionRecord, marks: Iterable[FeedbackRecord]) -> JsonObject:
    """Return one score with the marks that people gave it; `marks` may hold those of other scores too."""
    return {
        "prediction_id": score.prediction_id,
        "as_of": score.as_of,
        "computed_at": score.computed_at,
        "probability": score.probability,
        "band": score.band,
        **{name: score.detail.get(name) for name in QUALITY},
        "model": score.model_version,
        "scope": score.scope,
        "marks": [
            {"verdict": mark.verdict, "reason": mark.reason, "actor": mark.actor, "at": mark.marked_at}
            for mark in marks
            if mark.prediction_id == score.prediction_id
        ],
    }
