"""Scores: features as of a moment, kept; one row a model's answer, with its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from db.records import PredictionDraft, SnapshotRecord
from db.session import Session
from ml.explain import Reason
from ml.features import extract
from ml.leads import LeadScore, band
from ml.profiles import FeatureMatrix
from tasks.contracts.leads import ScoreLeads
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import effect
from tasks.services.leads import prediction_store, profiles, snapshots
from tasks.services.leads.threshold_events import KIND, tell_changes
from tasks.services.models import model_registry


@effect("hearth.leads.score", ScoreLeads)
def score(session: Session, request: ScoreLeads, context: TaskContext) -> TaskResult:
    """Score one lead, stored or sent along, with its reasons; or many, whose rows the worklist and the card show.

    Leads that are restricted, or that object to it, are left out and named.
    """
    champion, as_of = (
        model_registry.champion(session, request.tenant_id, context.settings()),
        request.as_of or context.now,
    )
    facts: dict[str, Any] = {"model": champion.model(), "as_of": as_of}
    if request.lead is not None:
        answer = champion.scorer.score(extract([profiles.of_message(request.lead, as_of)]), explain=request.explain)[0]
        return TaskResult(data={"lead": {"lead_id": None, **_shown(answer, context)}}, **facts)
    known = profiles.load(session, request.tenant_id, request.ids(), as_of)
    allowed, blocked = [lead for lead in known if not lead.held], snapshots.blocked(context, known)
    if not allowed:
        return TaskResult(data={"scored": 0, "blocked": blocked}, status="blocked", **facts)
    taken = snapshots.of_known(session, context, allowed, as_of)
    scores = store_scores(session, context, taken, champion, request.explain)
    if request.lead_id is not None:
        return TaskResult(data={"lead": {"lead_id": request.lead_id, **_shown(scores[0], context)}}, **facts)
    bands = [_band(item, context) for item in scores]
    return TaskResult(
        data={
            "scored": len(scores),
            "bands": {name: bands.count(name) for name in ("hot", "warm", "cold")},
            **({"blocked": blocked} if blocked else {}),
        },
        status="partial" if blocked else "ok",
        **facts,
    )


def store_scores(
    session: Session,
    context: TaskContext,
    taken: Sequence[SnapshotRecord],
    champion: model_registry.Champion,
    explain: int = 3,
) -> list[LeadScore]:
    """Score snapshots and keep one answer each, in the order given; tells of bands that changed."""
    matrix = FeatureMatrix.from_rows([snapshot.features for snapshot in taken])
    scores = champion.scorer.score(matrix, explain=explain)
    drafts = [_prediction(snapshot, item, champion, context) for snapshot, item in zip(taken, scores, strict=True)]
    keep_predictions(session, context, drafts)
    return scores


def keep_predictions(session: Session, context: TaskContext, drafts: Sequence[PredictionDraft]) -> None:
    """Store answers once each, with their proof, and tell the CRM of bands that changed and thresholds crossed.

    A lead that was restricted since its snapshot was taken gets none.
    """
    kept = prediction_store.store(session, context, drafts, kind=KIND)
    if fresh := kept.fresh():
        tell_changes(session, context, fresh, kept.before)


def _prediction(
    snapshot: SnapshotRecord, item: LeadScore, champion: model_registry.Champion, context: TaskContext
) -> PredictionDraft:
    return PredictionDraft(
        lead_id=snapshot.lead_id,
        snapshot_id=snapshot.snapshot_id,
        kind=KIND,
        model_id=champion.model_id,
        model_version=champion.version,
        scope=champion.scope,
        probability=item.probability,
        band=_band(item, context),
        detail=_detail(item),
        as_of=snapshot.as_of,
    )


def _detail(item: LeadScore) -> dict[str, Any]:
    return {
        "score": item.score,
        "log_odds": item.log_odds,
        "base": item.base,
        "up": [_reason(reason) for reason in item.up],
        "down": [_reason(reason) for reason in item.down],
        "rest": item.rest,
        "fit": item.fit,
        "engagement": item.engagement,
        "data_quality": item.data_quality,
        "interval": item.interval,
    }


def _reason(reason: Reason) -> dict[str, Any]:
    return {"feature": reason.feature, "text": reason.text, "contribution": reason.contribution}


def _band(item: LeadScore, context: TaskContext) -> str:
    return band(item.probability, **(context.settings().get("bands") or {}))


def _shown(item: LeadScore, context: TaskContext) -> dict[str, Any]:
    return {"probability": item.probability, "band": _band(item, context), **_detail(item)}
