"""`hearth.leads.personalize`: how to speak to one lead, when the CRM asks."""

from __future__ import annotations

from datetime import datetime

from db.session import Session
from domain.documents import JsonMapping, JsonObject
from domain.purposes import Purpose
from ml.features import extract
from ml.personalization.guide import shipped
from tasks.contracts.leads import LeadIn, PersonalizeLead
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import effect
from tasks.services.interventions import gate_context
from tasks.services.interventions.next_action import closed_channels, conditions
from tasks.services.leads import profiles
from tasks.services.leads.predictions import snapshots_of
from tasks.services.personalization.personalize import (
    ENDED,
    StoredPersonalization,
    detail_of,
    guide_view,
    newest,
    personalize_stored,
    version,
)
from tasks.services.personalization.send_plan import allowed_now
from tasks.services.personalization.views import KIND, parts


@effect("hearth.leads.personalize", PersonalizeLead, queue="inference", scope="read")
def personalize(session: Session, request: PersonalizeLead, context: TaskContext) -> TaskResult:
    """Return how to speak to a lead, stored or sent along: tone, stage, channels, hours, guide, points, suggestion.

    Of a lead that has ended, is restricted or objects, nothing is told but that. It tells what to say and never
    decides to say it.
    """
    as_of = request.as_of or context.now
    if request.lead is not None:
        return _sent_lead(request.lead, request.purpose, as_of)
    lead_id = request.the_lead()
    taken, blocked = snapshots_of(session, context, [lead_id], as_of)
    if blocked:
        return TaskResult(data={"lead_id": lead_id, "blocked": blocked}, status="blocked", model=_model(), as_of=as_of)
    kept = newest(session, context, taken, as_of).get(lead_id)
    # what is made anew stands on the gates of now; consent of others at its address changes no version of a lead
    closed = {} if kept is None else _closed_now(session, context, lead_id)
    if kept is None:
        stored = profiles.load(session, context.tenant_id, [lead_id], as_of)
        if stored[0].ended in ENDED:
            return TaskResult(data={"lead_id": lead_id, "ended": stored[0].ended}, model=_model(), as_of=as_of)
        kept = personalize_stored(session, context, stored, taken, as_of).get(lead_id)
    if kept is None:
        # it was restricted meanwhile
        return TaskResult(
            data={"lead_id": lead_id, "blocked": [lead_id]}, status="blocked", model=_model(), as_of=as_of
        )
    return _answer(allowed_now(kept.detail, closed), kept, lead_id, request.purpose, as_of)


def _closed_now(session: Session, context: TaskContext, lead_id: str) -> dict[str, str]:
    gates = conditions(session, context)
    return closed_channels(gate_context.load(session, context, [lead_id], gates.settings)[lead_id], gates)


def _sent_lead(lead: LeadIn, purpose: Purpose | None, as_of: datetime) -> TaskResult:
    """Answer for a lead that was sent along; nothing is stored, and no channel is known."""
    ended = profiles.ended_as_sent(lead, as_of)
    if ended in ENDED:
        return TaskResult(data={"lead_id": None, "ended": ended}, model=_model(), as_of=as_of)
    profile = profiles.profile_from_message(lead, as_of)
    detail = detail_of(profile, extract([profile]).to_rows()[0], contactable=ended is None)
    return _answer(detail, None, None, purpose, as_of)


def _answer(
    detail: JsonMapping,
    stored: StoredPersonalization | None,
    lead_id: str | None,
    purpose: Purpose | None,
    as_of: datetime,
) -> TaskResult:
    told = parts(detail)
    if purpose is not None:
        told["guide"] = _for_purpose(told["guide"], purpose)
    data: JsonObject = {
        "lead_id": lead_id,
        "prediction_id": None if stored is None else stored.prediction_id,
        "purpose": purpose,
        "stage": told["journey"]["stage"],
        "volatility": told["tone"]["volatility"],
        **told,
    }
    return TaskResult(data=data, status="ok" if _is_known(told) else "insufficient_data", model=_model(), as_of=as_of)


def _for_purpose(guide: JsonMapping, purpose: Purpose) -> JsonObject:
    """Return the guide with what holds for the purpose, after what holds for the lead."""
    added = guide_view(shipped().purposes[purpose])
    return {side: [*guide[side], *added[side]] for side in ("do", "avoid")}


def _is_known(told: JsonMapping) -> bool:
    """Return whether anything is known of the lead, so that an answer is about it and not about any lead."""
    return told["tone"]["status"] == "ok" or bool(told["journey"]["evidence"]) or bool(told["talking_points"])


def _model() -> JsonObject:
    """Return the `model` part of the envelope: written rules over what the readers of messages found."""
    return {
        "name": KIND,
        "version": version(),
        "trained_at": None,
        "rows": 0,
        "calibrated": False,
        "scope": "scorecard",
    }
