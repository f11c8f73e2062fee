"""One lead's card: everything an agent wants to know before a call."""

from __future__ import annotations

from typing import Any

from db.records import LeadRecord, PredictionRecord
from db.repositories import events, leads, levels, marks, overrides, predictions, restrictions
from db.session import Session
from tasks import actions, profiles, risks
from tasks.base import Answer, Work, query
from tasks.contracts.leads import CardRequest
from tasks.leads.crossings import KIND
from tasks.leads.history import point
from tasks.leads.judging import Standing, shown, standing
from tasks.leads.worklist import expected_value, price_of, why_now
from tasks.leads.yesterday import changes


@query("hearth.leads.card", CardRequest)
def card(session: Session, request: CardRequest, work: Work) -> Answer:
    """One lead: where it stands, its score with reasons and history, its risk, what to do now, what happened lately."""
    record = leads.get(session, request.tenant_id, lead_ids=[request.lead_id])[0]
    happened = events.of_leads(session, request.tenant_id, lead_ids=[record.lead_id]).get(record.lead_id, [])
    return Answer(
        data={
            **_lead(session, record, work),
            **_scores(session, record.lead_id, work),
            "risk": _risk(session, record, work),
            "actions": actions.card(session, work.tenant_id, record.lead_id),
            "events": [{"kind": event.kind, "at": event.occurred_at} for event in happened[-20:]],
            "outcomes": [event.kind for event in happened if event.kind.startswith("outcome.")][-50:],
        },
        as_of=work.now,
    )


def _risk(session: Session, record: LeadRecord, work: Work) -> dict[str, Any] | None:
    """The risk that it goes cold; a lead that has ended has none."""
    if profiles.ended(record) is not None:
        return None
    return risks.shown(risks.newest(session, work.tenant_id, [record.lead_id]).get(record.lead_id))


def _lead(session: Session, record: LeadRecord, work: Work) -> dict[str, Any]:
    names = ("lead_id", "external_id", "lead_type", "stage", "status", "assigned_to", "contactable")
    held = restrictions.blocked(session, work.tenant_id, lead_ids=[record.lead_id])
    return {**{name: getattr(record, name) for name in names}, "blocked": list(held.get(record.lead_id, ()))}


def _scores(session: Session, lead_id: str, work: Work) -> dict[str, Any]:
    found = predictions.history(session, work.tenant_id, lead_id=lead_id, kind=KIND, limit=20)
    urgency = predictions.history(session, work.tenant_id, lead_id=lead_id, kind="urgency", limit=1)
    said = marks.of_lead(session, work.tenant_id, lead_id=lead_id)
    judged = overrides.standing(session, work.tenant_id, kind=KIND, lead_ids=[lead_id]).get(lead_id)
    counts = standing(found[0], judged, work.settings()) if found else None
    detail = dict(urgency[0].detail) if urgency else None
    price = price_of(detail or {})
    return {
        "score": _score(found[0], counts) if found and counts else None,
        "override": shown(judged),
        "changed": changes(session, work, found[:1]).get(lead_id),
        "expected_value": expected_value(counts.probability, price, work.settings()) if counts else None,
        "above": levels.above(session, work.tenant_id, lead_id=lead_id),
        "next": None if detail is None else {**detail, "why_now": why_now(detail, work.now)},
        "history": [point(each, said) for each in found],
    }


def _score(newest: PredictionRecord, counts: Standing) -> dict[str, Any]:
    """What counts, and beside it what the model says where a person said otherwise."""
    names = ("log_odds", "base", "up", "down", "rest", "interval", "fit", "engagement", "data_quality")
    return {
        "prediction_id": newest.prediction_id,
        "as_of": newest.as_of,
        "probability": counts.probability,
        "band": counts.band,
        "model": newest.model_version,
        **{name: newest.detail.get(name) for name in names},
        "automatic": {"probability": newest.probability, "band": newest.band},
    }
