"""`hearth.leads.card`: everything an agent wants to know of one lead before a call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from db.records import LeadRecord, PredictionRecord
from db.repositories.events import events
from db.repositories.leads import leads, shared_refusals
from db.repositories.overrides import overrides, score_feedback, threshold_state
from db.repositories.predictions import predictions
from db.repositories.privacy import restrictions
from db.session import Session
from domain.documents import JsonMapping, JsonObject
from ml.urgency import Urgency
from tasks.contracts.leads import CardRequest
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import query
from tasks.services.churn import risk_views
from tasks.services.interventions import action_views, gate_context
from tasks.services.interventions.gate_context import GateSubject
from tasks.services.interventions.next_action import Conditions, closed_channels, conditions, decide
from tasks.services.leads import profiles, refusals
from tasks.services.leads.call_details import deal_price, due_by, expected_value, why_now
from tasks.services.leads.daily_changes import changes_since_yesterday
from tasks.services.leads.overrides import EffectiveScore, effective_score, override_view
from tasks.services.leads.score_views import score_view
from tasks.services.leads.threshold_events import KIND
from tasks.services.online import online_views
from tasks.services.personalization import views
from tasks.services.personalization.send_plan import allowed_now

#: newest statements about being contacted, events, outcomes and scores that a card shows
STATEMENTS, EVENTS, OUTCOMES, SCORES = 10, 20, 50, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """What decides now whether and how the lead may be contacted."""

    gates: Conditions
    subject: GateSubject
    #: why nothing may be computed of it: restricted, objected
    blocked: Sequence[str]


@query("hearth.leads.card", CardRequest, queue="inference", scope="read")
def card(session: Session, request: CardRequest, context: TaskContext) -> TaskResult:
    """Return one lead: its state, its score with reasons and history, its risk, what to do now, what happened."""
    lead = leads.get(session, request.tenant_id, lead_ids=[request.the_lead()])[0]
    happened = events.for_leads(session, request.tenant_id, lead_ids=[lead.lead_id]).get(lead.lead_id, [])
    outcomes = [event.kind for event in happened if event.kind.startswith("outcome.")]
    urgency = _urgency(session, lead.lead_id, context)
    contact = _contact(session, lead, context)
    scores = _scores(session, lead.lead_id, context, urgency)
    risk = _risk(session, lead, context)
    if request.what_if:
        for answer in filter(None, (scores["score"], risk)):
            answer["what_if"] = _what_if(session, lead, contact, answer["prediction_id"], context)
    return TaskResult(
        data={
            **_lead(session, lead, contact, context),
            "next": _next(contact, context, urgency),
            **scores,
            "risk": risk,
            "personalization": _personalization(session, lead, contact, context),
            "online": _online(session, lead, contact, context),
            "actions": action_views.card_section(session, context.tenant_id, lead.lead_id),
            "consent": refusals.ledger_view(session, context.tenant_id, lead, most=STATEMENTS),
            "events": [{"kind": event.kind, "at": event.occurred_at} for event in happened[-EVENTS:]],
            "outcomes": outcomes[-OUTCOMES:],
        },
        as_of=context.now,
    )


def _risk(session: Session, lead: LeadRecord, context: TaskContext) -> JsonObject | None:
    """Return the risk that the lead goes cold; a lead that has ended has none."""
    if profiles.ended(lead) is not None:
        return None
    return risk_views.risk_view(risk_views.latest(session, context.tenant_id, [lead.lead_id]).get(lead.lead_id))


def _contact(session: Session, lead: LeadRecord, context: TaskContext) -> Contact:
    gates = conditions(session, context)
    return Contact(
        gates=gates,
        subject=gate_context.load(session, context, [lead.lead_id], gates.settings)[lead.lead_id],
        blocked=restrictions.blocked(session, context.tenant_id, lead_ids=[lead.lead_id]).get(lead.lead_id, ()),
    )


def _online(session: Session, lead: LeadRecord, contact: Contact, context: TaskContext) -> JsonObject | None:
    """Return what was learnt of outcomes since; nothing of a lead that has ended or that is blocked."""
    if profiles.ended(lead) is not None or contact.blocked:
        return None
    scores = online_views.of_leads(session, context, [lead.lead_id]).get(lead.lead_id)
    return online_views.card_section(scores, context)


def _personalization(session: Session, lead: LeadRecord, contact: Contact, context: TaskContext) -> JsonObject | None:
    """Return how to speak to the lead; nothing of a lead that has ended, or of whom nothing may be computed."""
    # who refused contact has not ended: what is said of it then names no hours and no suggestion
    if profiles.ended(lead) not in (None, "no_contact") or contact.blocked:
        return None
    stored = views.latest(session, context.tenant_id, [lead.lead_id]).get(lead.lead_id)
    section = views.card_section(stored)
    return section and allowed_now(section, closed_channels(contact.subject, contact.gates))


def _lead(session: Session, lead: LeadRecord, contact: Contact, context: TaskContext) -> JsonObject:
    names = ("lead_id", "external_id", "lead_type", "stage", "status", "assigned_to")
    # as the gates see it: who shares an address with somebody that refused may not be contacted either
    (as_judged,) = shared_refusals.with_shared(session, context.tenant_id, [lead])
    return {
        **{name: getattr(lead, name) for name in names},
        "contactable": as_judged.contactable,
        "blocked": list(contact.blocked),
    }


def _scores(session: Session, lead_id: str, context: TaskContext, urgency: JsonMapping) -> JsonObject:
    """Return the score that counts, an active override, and the scores of the past with their marks."""
    scores = predictions.history(session, context.tenant_id, lead_id=lead_id, kind=KIND, limit=SCORES)
    marks = score_feedback.for_lead(session, context.tenant_id, lead_id=lead_id)
    override = overrides.active(session, context.tenant_id, kind=KIND, lead_ids=[lead_id]).get(lead_id)
    effective = effective_score(scores[0], override, context.settings()) if scores else None
    price = deal_price(urgency)
    return {
        "score": _score(scores[0], effective) if effective else None,
        "override": override_view(override),
        "changed": changes_since_yesterday(session, context, scores[:1]).get(lead_id),
        "expected_value": expected_value(effective.probability, price, context.settings()) if effective else None,
        "above": threshold_state.above(session, context.tenant_id, lead_id=lead_id),
        "history": [score_view(score, marks) for score in scores],
    }


def _what_if(
    session: Session, lead: LeadRecord, contact: Contact, prediction_id: str, context: TaskContext
) -> JsonObject | None:
    """Return what would change a stored answer; nothing of a lead that has ended or of whom nothing is computed."""
    # models, levers and River take a second to import, which a command that shows a card without them need not spend
    from tasks.services.explanations.explained import what_ifs_of

    if profiles.ended(lead) not in (None, "no_contact") or contact.blocked:
        return None
    (stored,) = predictions.get(session, context.tenant_id, prediction_ids=[prediction_id])
    closed = {lead.lead_id: closed_channels(contact.subject, contact.gates)}
    return what_ifs_of(session, context, [stored], closed)[lead.lead_id]


def _urgency(session: Session, lead_id: str, context: TaskContext) -> JsonMapping:
    """Return how pressing the lead was when it was last assessed; empty where it never was."""
    newest = predictions.history(session, context.tenant_id, lead_id=lead_id, kind="urgency", limit=1)
    return newest[0].detail if newest else {}


def _next(contact: Contact, context: TaskContext, urgency: JsonMapping) -> JsonObject:
    """Return the one next action, as the worklist names it, and why the lead stands on no list."""
    action = decide(contact.subject, urgency.get("action"), contact.gates, contact.blocked)
    return {
        **{field.name: None for field in fields(Urgency)},
        **urgency,
        "why_now": why_now(urgency, context.now),
        "action": action.action,
        "channel": action.channel,
        "due_by": None if action.action is None else due_by(urgency, action),
        "not_before": action.not_before,
        "action_id": None if action.plan is None else action.plan.action_id,
        "state": None if action.plan is None else action.plan.state,
        "why_not": [{"channel": block.channel, "rule": block.rule, "text": block.text} for block in action.why_not],
    }


def _score(newest: PredictionRecord, effective: EffectiveScore) -> JsonObject:
    """Return what counts, and beside it what the model says, for where a person set another score."""
    names = ("log_odds", "base", "up", "down", "rest", "rest_parts", "interval", "fit", "engagement", "data_quality")
    return {
        "prediction_id": newest.prediction_id,
        "as_of": newest.as_of,
        "probability": effective.probability,
        "band": effective.band,
        "model": newest.model_version,
        **{name: newest.detail.get(name) for name in names},
        "automatic": {"probability": newest.probability, "band": newest.band},
    }
