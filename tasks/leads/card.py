"""One lead's card: everything an agent wants to know before a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from db.records import LeadRecord, PredictionRecord
from db.repositories.events import events
from db.repositories.leads import leads
from db.repositories.overrides import overrides, score_feedback, threshold_state
from db.repositories.predictions import predictions
from db.repositories.privacy import restrictions
from db.session import Session
from ml.urgency import Urgency
from tasks.contracts.leads import CardRequest
from tasks.leads.history import point
from tasks.leads.overrides import Standing, shown, standing
from tasks.leads.worklist import due_by, expected_value, price_of, why_now
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import query
from tasks.services.churn import churn_risk
from tasks.services.interventions import action_views, gate_context
from tasks.services.interventions.next_action import conditions, decide
from tasks.services.leads import profiles, refusals
from tasks.services.leads.daily_changes import changes
from tasks.services.leads.threshold_events import KIND

#: statements about being contacted that a card shows, the newest first
STATEMENTS = 10


@query("hearth.leads.card", CardRequest)
def card(session: Session, request: CardRequest, context: TaskContext) -> TaskResult:
    """One lead: where it stands, its score with reasons and history, its risk, what to do now, what happened lately."""
    record = leads.get(session, request.tenant_id, lead_ids=[request.lead_id])[0]
    happened = events.for_leads(session, request.tenant_id, lead_ids=[record.lead_id]).get(record.lead_id, [])
    urgency = _urgency(session, record.lead_id, context)
    return TaskResult(
        data={
            **_lead(session, record, context),
            "next": _next(session, record.lead_id, context, urgency),
            **_scores(session, record.lead_id, context, urgency),
            "risk": _risk(session, record, context),
            "actions": action_views.card(session, context.tenant_id, record.lead_id),
            "consent": refusals.shown(session, context.tenant_id, record, most=STATEMENTS),
            "events": [{"kind": event.kind, "at": event.occurred_at} for event in happened[-20:]],
            "outcomes": [event.kind for event in happened if event.kind.startswith("outcome.")][-50:],
        },
        as_of=context.now,
    )


def _risk(session: Session, record: LeadRecord, context: TaskContext) -> dict[str, Any] | None:
    """The risk that it goes cold; a lead that has ended has none."""
    if profiles.ended(record) is not None:
        return None
    return churn_risk.shown(churn_risk.newest(session, context.tenant_id, [record.lead_id]).get(record.lead_id))


def _lead(session: Session, record: LeadRecord, context: TaskContext) -> dict[str, Any]:
    names = ("lead_id", "external_id", "lead_type", "stage", "status", "assigned_to", "contactable")
    held = restrictions.blocked(session, context.tenant_id, lead_ids=[record.lead_id])
    return {**{name: getattr(record, name) for name in names}, "blocked": list(held.get(record.lead_id, ()))}


def _scores(session: Session, lead_id: str, context: TaskContext, urgency: Mapping[str, Any]) -> dict[str, Any]:
    found = predictions.history(session, context.tenant_id, lead_id=lead_id, kind=KIND, limit=20)
    said = score_feedback.for_lead(session, context.tenant_id, lead_id=lead_id)
    judged = overrides.active(session, context.tenant_id, kind=KIND, lead_ids=[lead_id]).get(lead_id)
    counts = standing(found[0], judged, context.settings()) if found else None
    price = price_of(urgency)
    return {
        "score": _score(found[0], counts) if found and counts else None,
        "override": shown(judged),
        "changed": changes(session, context, found[:1]).get(lead_id),
        "expected_value": expected_value(counts.probability, price, context.settings()) if counts else None,
        "above": threshold_state.above(session, context.tenant_id, lead_id=lead_id),
        "history": [point(each, said) for each in found],
    }


def _urgency(session: Session, lead_id: str, context: TaskContext) -> Mapping[str, Any]:
    """Give how pressing the lead is, as it was told last; empty where it never was."""
    found = predictions.history(session, context.tenant_id, lead_id=lead_id, kind="urgency", limit=1)
    return found[0].detail if found else {}


def _next(session: Session, lead_id: str, context: TaskContext, urgency: Mapping[str, Any]) -> dict[str, Any]:
    """Give the one next action, as the worklist names it, and why the lead stands on no list."""
    holds = conditions(session, context)
    subject = gate_context.load(session, context, [lead_id], holds.choices)[lead_id]
    held = restrictions.blocked(session, context.tenant_id, lead_ids=[lead_id]).get(lead_id, ())
    found = decide(subject, urgency.get("action"), holds, held)
    return {
        **{field.name: None for field in fields(Urgency)},
        **urgency,
        "why_now": why_now(urgency, context.now),
        "action": found.action,
        "channel": found.channel,
        "due_by": None if found.action is None else due_by(urgency, found),
        "not_before": found.not_before,
        "action_id": None if found.plan is None else found.plan.action_id,
        "state": None if found.plan is None else found.plan.state,
        "why_not": [{"channel": one.channel, "rule": one.rule, "text": one.text} for one in found.why_not],
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
