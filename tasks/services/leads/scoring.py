"""Scores of snapshots: compute them, store one prediction each, and tell the CRM what moved."""

from __future__ import annotations

from collections.abc import Sequence

from db.records import PredictionDraft, SnapshotRecord
from db.session import Session
from domain.documents import JsonMapping, JsonObject
from ml.explain import Reason
from ml.leads import LeadScore, band
from ml.profiles import FeatureMatrix
from tasks.runtime.context import TaskContext
from tasks.services.leads.predictions import save_predictions
from tasks.services.leads.threshold_events import KIND, emit_score_changes
from tasks.services.models.model_kind import LeadChampion


def store_scores(
    session: Session,
    context: TaskContext,
    snapshots: Sequence[SnapshotRecord],
    champion: LeadChampion,
    explain: int = 3,
) -> list[LeadScore]:
    """Score snapshots, store one prediction each and return the scores in the order given.

    `explain` is the number of reasons in each direction.
    """
    matrix = FeatureMatrix.from_rows([snapshot.features for snapshot in snapshots])
    scores = champion.scorer.score(matrix, explain=explain)
    drafts = [
        _prediction(snapshot, score, champion, context) for snapshot, score in zip(snapshots, scores, strict=True)
    ]
    store_predictions(session, context, drafts)
    return scores


def store_predictions(session: Session, context: TaskContext, drafts: Sequence[PredictionDraft]) -> None:
    """Store each prediction once, with its audit row; tell the CRM where a lead score changed its band or crossed.

    A lead that was restricted since its snapshot was taken gets none.
    """
    stored = save_predictions(session, context, drafts, kind=KIND)
    if fresh := [(draft, prediction_id) for draft, prediction_id in stored.fresh() if draft.kind == KIND]:
        emit_score_changes(session, context, fresh, stored.before)


def lead_score_view(score: LeadScore, settings: JsonMapping) -> JsonObject:
    """Return a score as the caller who asked for one lead gets it."""
    return {"probability": score.probability, "band": band_of(score, settings), **_detail(score)}


def band_of(score: LeadScore, settings: JsonMapping) -> str:
    """Return the band of a score by the tenant's own borders."""
    return band(score.probability, **(settings.get("bands") or {}))


def _prediction(
    snapshot: SnapshotRecord, score: LeadScore, champion: LeadChampion, context: TaskContext
) -> PredictionDraft:
    return PredictionDraft(
        lead_id=snapshot.lead_id,
        snapshot_id=snapshot.snapshot_id,
        kind=champion.kind,
        model_id=champion.model_id,
        model_version=champion.version,
        scope=champion.scope,
        probability=score.probability,
        band=band_of(score, context.settings()),
        detail=_detail(score),
        as_of=snapshot.as_of,
    )


def _detail(score: LeadScore) -> JsonObject:
    return {
        "score": score.score,
        "log_odds": score.log_odds,
        "base": score.base,
        "up": [_reason(reason) for reason in score.up],
        "down": [_reason(reason) for reason in score.down],
        "rest": score.rest,
        "rest_parts": [{"text": part.text, "contribution": part.contribution} for part in score.rest_parts],
        "fit": score.fit,
        "engagement": score.engagement,
        "data_quality": score.data_quality,
        "interval": score.interval,
    }


def _reason(reason: Reason) -> JsonObject:
    return {
        "feature": reason.feature,
        "meaning": reason.meaning,
        "text": reason.text,
        "contribution": reason.contribution,
    }
