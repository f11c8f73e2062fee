"""Compute a stored prediction once more, from its stored snapshot and its stored model."""

from __future__ import annotations

from db.records import PredictionRecord, SnapshotRecord
from domain.documents import JsonMapping, JsonObject
from ml.churn.scorecard import probability_of
from ml.profiles import FeatureMatrix
from tasks.services.models.model_kind import ChurnChampion, LeadChampion

#: figures of a stored score that computing it again has to give, bit for bit
FIGURES = ("log_odds", "base", "fit", "engagement", "data_quality")


def replay_score(champion: LeadChampion, stored: PredictionRecord, snapshot: SnapshotRecord) -> JsonObject:
    """Compute a lead score again."""
    score = champion.scorer.score(FeatureMatrix.from_rows([snapshot.features]))[0]
    before = {"probability": stored.probability, **{name: stored.detail.get(name) for name in FIGURES}}
    return _compare(before, {name: getattr(score, name) for name in before})


def replay_churn(champion: ChurnChampion, stored: PredictionRecord, snapshot: SnapshotRecord) -> JsonObject:
    """Compute a risk again: the model's and its members' probabilities, or the scorecard's from stored indicators."""
    if champion.scorer is not None:
        probabilities, members = champion.scorer.together(FeatureMatrix.from_rows([snapshot.features]))
        return _compare(
            {"probability": stored.probability, **stored.detail["members"]},
            {"probability": float(probabilities[0]), **{name: float(each[0]) for name, each in members.items()}},
        )
    values = {indicator["name"]: indicator["value"] for indicator in stored.detail["indicators"]}
    # rounded, since the order in which they are added up is not stored
    before = {"probability": round(stored.probability or 0.0, 9)}
    return _compare(before, {"probability": round(probability_of(values), 9)})


def _compare(stored: JsonMapping, computed: JsonMapping) -> JsonObject:
    differing = [name for name, value in stored.items() if value != computed[name]]
    comparison: JsonObject = {"same": not differing, "stored": stored, "computed": computed}
    return {**comparison, "why": f"another value of {', '.join(differing)}"} if differing else comparison
