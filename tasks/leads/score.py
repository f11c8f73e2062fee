"""Scores: features as of a moment, kept; one row a model's answer, with its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from db.records import PredictionDraft, SnapshotDraft, SnapshotRecord
from db.repositories import leads, predictions, snapshots
from db.session import Session
from ml.explain import Reason
from ml.features import SCHEMA_VERSION, extract
from ml.leads import LeadScore, band
from ml.profiles import FeatureMatrix
from tasks import profiles, scorers
from tasks.base import Answer, Work, effect
from tasks.contracts.leads import ScoreLeads
from tasks.leads.crossings import tell_changes

EPOCH = datetime.fromtimestamp(0, UTC)


@effect("hearth.leads.score", ScoreLeads)
def score(session: Session, request: ScoreLeads, work: Work) -> Answer:
    """Score one lead, stored or sent along, with its reasons; or many, whose rows the worklist and the card show.

    Leads that are restricted, or that object to it, are left out and named.
    """
    champion, as_of = scorers.champion(session, request.tenant_id, work.settings()), request.as_of or work.now
    facts: dict[str, Any] = {"model": champion.model(), "as_of": as_of}
    if request.lead is not None:
        answer = champion.scorer.score(extract([profiles.of_message(request.lead, as_of)]), explain=request.explain)[0]
        return Answer(data={"lead": {"lead_id": None, **_shown(answer, work)}}, **facts)
    known = profiles.load(session, request.tenant_id, request.ids(), as_of)
    allowed, blocked = [lead for lead in known if not lead.held], _blocked(work, known)
    if not allowed:
        return Answer(data={"scored": 0, "blocked": blocked}, status="blocked", **facts)
    taken = _snapshots(session, work, allowed, as_of)
    scores = store_scores(session, work, taken, champion, request.explain)
    if request.lead_id is not None:
        return Answer(data={"lead": {"lead_id": request.lead_id, **_shown(scores[0], work)}}, **facts)
    bands = [_band(item, work) for item in scores]
    return Answer(
        data={
            "scored": len(scores),
            "bands": {name: bands.count(name) for name in ("hot", "warm", "cold")},
            **({"blocked": blocked} if blocked else {}),
        },
        status="partial" if blocked else "ok",
        **facts,
    )


def may_score(session: Session, work: Work, lead_ids: Sequence[str]) -> tuple[list[str], list[str]]:
    """Those that may be scored, and those of whom nothing may be computed until a person has looked (Art. 18, 22).

    Raises UnknownLead.
    """
    held = leads.held(session, work.tenant_id, lead_ids=lead_ids)
    for lead_id, why in held.items():
        work.warn(f"lead.{why[0]}", f"lead_ids.{lead_ids.index(lead_id)}")
    return [lead_id for lead_id in lead_ids if lead_id not in held], [one for one in lead_ids if one in held]


def _blocked(work: Work, known: Sequence[profiles.Known]) -> list[str]:
    held = [(index, lead) for index, lead in enumerate(known) if lead.held]
    for index, lead in held:
        work.warn(f"lead.{lead.held[0]}", f"lead_ids.{index}")
    return [lead.profile.lead_id for _, lead in held]


def take_snapshots(session: Session, work: Work, lead_ids: Sequence[str], as_of: datetime) -> list[SnapshotRecord]:
    """Store the features of leads as of a moment; within a scoring interval an unchanged lead keeps its snapshot."""
    return _snapshots(session, work, profiles.load(session, work.tenant_id, lead_ids, as_of), as_of)


def _snapshots(session: Session, work: Work, known: Sequence[profiles.Known], as_of: datetime) -> list[SnapshotRecord]:
    features = extract([lead.profile for lead in known]).to_rows()
    bucket = bucket_of(as_of, work)
    drafts = [
        SnapshotDraft(
            lead_id=lead.profile.lead_id,
            lead_version=lead.version,
            as_of=as_of,
            bucket=bucket,
            feature_schema=SCHEMA_VERSION,
            features=row,
        )
        for lead, row in zip(known, features, strict=True)
    ]
    return snapshots.take(session, work.tenant_id, drafts=drafts)


def bucket_of(as_of: datetime, work: Work) -> datetime:
    """The beginning of the tenant's scoring interval that a moment lies in."""
    return as_of - (as_of - EPOCH) % interval_of(work)


def interval_of(work: Work) -> timedelta:
    """For how long an unchanged lead keeps its score."""
    return timedelta(seconds=int(work.settings().get("scoring_interval", 3600)))


def store_scores(
    session: Session, work: Work, taken: Sequence[SnapshotRecord], champion: scorers.Champion, explain: int = 3
) -> list[LeadScore]:
    """Score snapshots and keep one answer each, in the order given; tells of bands that changed."""
    matrix = FeatureMatrix.from_rows([snapshot.features for snapshot in taken])
    scores = champion.scorer.score(matrix, explain=explain)
    drafts = [_prediction(snapshot, item, champion, work) for snapshot, item in zip(taken, scores, strict=True)]
    keep_predictions(session, work, drafts)
    return scores


def keep_predictions(session: Session, work: Work, drafts: Sequence[PredictionDraft]) -> None:
    """Store answers once each, with their proof, and tell the CRM of bands that changed and thresholds crossed.

    A lead that was restricted since its snapshot was taken gets none.
    """
    lead_ids = [draft.lead_id for draft in drafts]
    before = predictions.bands(session, work.tenant_id, kind="lead_score", lead_ids=lead_ids)
    drafts = [draft for draft in drafts if draft.lead_id in before]
    if not drafts:
        return
    saved = predictions.save_each(session, work.tenant_id, drafts=drafts, now=work.now)
    fresh = [(draft, prediction_id) for draft, (prediction_id, new) in zip(drafts, saved, strict=True) if new]
    for draft, prediction_id in fresh:
        work.prove("prediction", **_proof(draft, prediction_id))
    tell_changes(session, work, fresh, before)


def _proof(draft: PredictionDraft, prediction_id: str) -> dict[str, Any]:
    return {
        "prediction_id": prediction_id,
        "lead_id": draft.lead_id,
        "snapshot_id": draft.snapshot_id,
        "of": draft.kind,
        "model": draft.model_version,
        "probability": draft.probability,
        "as_of": draft.as_of,
    }


def _prediction(snapshot: SnapshotRecord, item: LeadScore, champion: scorers.Champion, work: Work) -> PredictionDraft:
    return PredictionDraft(
        lead_id=snapshot.lead_id,
        snapshot_id=snapshot.snapshot_id,
        kind="lead_score",
        model_id=champion.model_id,
        model_version=champion.version,
        scope=champion.scope,
        probability=item.probability,
        band=_band(item, work),
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


def _band(item: LeadScore, work: Work) -> str:
    return band(item.probability, **(work.settings().get("bands") or {}))


def _shown(item: LeadScore, work: Work) -> dict[str, Any]:
    return {"probability": item.probability, "band": _band(item, work), **_detail(item)}
