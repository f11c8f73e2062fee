"""What people open every day: today's calls in order, and one lead's card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from db.records import PredictionRecord
from db.repositories import events, leads, predictions, restrictions
from db.session import Session
from ml.worklist import Candidate, rank
from tasks.base import Answer, Work, query
from tasks.contracts.leads import CardRequest, WorklistRequest


@query("hearth.leads.worklist", WorklistRequest)
def worklist(session: Session, request: WorklistRequest, work: Work) -> Answer:
    """Today's calls: contactable open leads, an inquiry nobody answered first, then by expected value."""
    external_ids = leads.callable_leads(session, request.tenant_id, assigned_to=request.assigned_to)
    scores = _latest(session, request.tenant_id, "lead_score")
    urgency = _latest(session, request.tenant_id, "urgency")
    candidates = [_candidate(scores[lead_id], urgency.get(lead_id)) for lead_id in external_ids if lead_id in scores]
    if len(candidates) < len(external_ids):
        work.warn("not_scored", f"{len(external_ids) - len(candidates)} of {len(external_ids)} leads")
    ranked = rank(candidates, now=work.now, capacity=request.capacity)
    rows = [
        {
            "rank": place,
            "external_id": external_ids[item.lead_id],
            **_row(scores[item.lead_id], urgency.get(item.lead_id)),
        }
        for place, item in enumerate(ranked, 1)
    ]
    return Answer(data={"as_of": work.now, "leads": rows}, as_of=work.now)


def _latest(session: Session, tenant_id: str, kind: str) -> dict[str, PredictionRecord]:
    return {row.lead_id: row for row in predictions.latest(session, tenant_id, kind=kind)}


def _candidate(score: PredictionRecord, urgency: PredictionRecord | None) -> Candidate:
    detail: Mapping[str, Any] = urgency.detail if urgency else {}
    asked = detail.get("inquiry_at")
    return Candidate(
        lead_id=score.lead_id,
        probability=score.probability or 0.0,
        value=detail.get("value"),
        inquiry_at=datetime.fromisoformat(asked) if asked else None,
    )


def _row(score: PredictionRecord, urgency: PredictionRecord | None) -> dict[str, Any]:
    detail: Mapping[str, Any] = urgency.detail if urgency else {}
    return {
        "lead_id": score.lead_id,
        "probability": score.probability,
        "band": score.band,
        "reasons": _texts(score),
        "why_now": detail.get("why_now"),
        "action": detail.get("action"),
        "due_by": detail.get("due_by"),
        "model": score.model_version,
    }


def _texts(score: PredictionRecord) -> list[str]:
    """The reasons that raise the score; the ones that lower it where none does."""
    reasons: Sequence[Mapping[str, Any]] = score.detail.get("up") or score.detail.get("down") or ()
    return [reason["text"] for reason in reasons]


@query("hearth.leads.card", CardRequest)
def card(session: Session, request: CardRequest, work: Work) -> Answer:
    """One lead: where it stands, its score with reasons and history, what to do now, what happened lately."""
    record = leads.get(session, request.tenant_id, lead_ids=[request.lead_id])[0]
    scope = {"lead_id": record.lead_id}
    held = restrictions.blocked(session, request.tenant_id, lead_ids=[record.lead_id])
    history = predictions.history(session, request.tenant_id, **scope, kind="lead_score", limit=20)
    urgency = predictions.history(session, request.tenant_id, **scope, kind="urgency", limit=1)
    happened = events.of_leads(session, request.tenant_id, lead_ids=[record.lead_id]).get(record.lead_id, [])
    return Answer(
        data={
            "lead_id": record.lead_id,
            "external_id": record.external_id,
            "lead_type": record.lead_type,
            "stage": record.stage,
            "status": record.status,
            "assigned_to": record.assigned_to,
            "contactable": record.contactable,
            "blocked": list(held.get(record.lead_id, ())),
            "score": _score(history[0]) if history else None,
            "history": [_point(point) for point in history],
            "next": dict(urgency[0].detail) if urgency else None,
            "events": [{"kind": event.kind, "at": event.occurred_at} for event in happened[-20:]],
            "outcomes": [event.kind for event in happened if event.kind.startswith("outcome.")],
        },
        as_of=work.now,
    )


def _score(point: PredictionRecord) -> dict[str, Any]:
    return {**_point(point), **{name: point.detail.get(name) for name in ("log_odds", "base", "up", "down", "rest")}}


def _point(point: PredictionRecord) -> dict[str, Any]:
    return {
        "prediction_id": point.prediction_id,
        "as_of": point.as_of,
        "probability": point.probability,
        "band": point.band,
        "model": point.model_version,
    }
