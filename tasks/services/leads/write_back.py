"""What is written back into a lead's own fields in the CRM: score, band, reason, next action."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from db.records import PredictionRecord
from db.repositories.overrides import overrides
from db.repositories.predictions import predictions
from db.repositories.privacy import restrictions
from db.session import Session
from domain.documents import JsonMapping
from tasks.contracts.base.wire import digest
from tasks.crm.adapter import WriteBackValues
from tasks.runtime.context import TaskContext
from tasks.services.interventions.next_action import NextAction, conditions, next_actions
from tasks.services.leads.call_details import why_now
from tasks.services.leads.overrides import effective_score
from tasks.services.leads.threshold_events import KIND

#: reasons for a score, and against it, that the sentence names
_FOR, _AGAINST = 2, 1
#: characters of the sentence: a field of a CRM is no page
LONGEST = 400
#: channel -> how an action says it
_BY: Mapping[str, str] = {"sms": " by text", "email": " by e-mail", "call": " by phone"}


def values_of(session: Session, context: TaskContext, lead_ids: Sequence[str]) -> dict[str, WriteBackValues]:
    """Return the values of each lead as they are now.

    Leads that are restricted or have objected are left out, and so are leads that nobody has scored.
    """
    blocked = restrictions.blocked(session, context.tenant_id, lead_ids=lead_ids)
    allowed = [lead_id for lead_id in lead_ids if lead_id not in blocked]
    scores = _newest(session, context, allowed, KIND)
    active = overrides.active(session, context.tenant_id, kind=KIND, lead_ids=list(scores))
    urgencies = {lead_id: row.detail for lead_id, row in _newest(session, context, list(scores), "urgency").items()}
    urged = {lead_id: urgencies.get(lead_id, {}).get("action") for lead_id in scores}
    actions = next_actions(session, context, urged, conditions(session, context)) if scores else {}
    values: dict[str, WriteBackValues] = {}
    for lead_id, score in scores.items():
        effective = effective_score(score, active.get(lead_id), context.settings())
        values[lead_id] = {
            "ml:score": round(effective.probability * 100),
            "ml:band": effective.band,
            "ml:reason": reason_of(score.detail, why_now(urgencies.get(lead_id, {}), context.now)),
            "ml:next_action": action_of(actions.get(lead_id)),
        }
    return values


def digest_of(values: WriteBackValues) -> str:
    """Return a digest by which unchanged values are recognised."""
    return digest({**values})


def reason_of(score: JsonMapping, now: str | None) -> str | None:
    """Return in one sentence why to call now, else what speaks for the lead and against it; None where nothing does.

    >>> reason_of({"up": [{"text": "asked for a showing"}], "down": [{"text": "no budget known"}]}, None)
    'For it: asked for a showing; against it: no budget known.'
    >>> reason_of({}, "an inquiry nobody has answered")
    'An inquiry nobody has answered.'
    """
    if now:
        return _sentence(now)
    parts = (("for it", score.get("up") or (), _FOR), ("against it", score.get("down") or (), _AGAINST))
    told = [f"{name}: {_texts(reasons[:most])}" for name, reasons, most in parts if reasons]
    return _sentence("; ".join(told)) if told else None


def action_of(action: NextAction | None) -> str | None:
    """Return the next action in words; None where nothing is to be done.

    >>> action_of(NextAction(action="market_report", channel="email"))
    'Market report by e-mail'
    """
    if action is None or action.action is None:
        return None
    named = action.action.startswith((f"{action.channel}_", str(action.channel)))
    words = action.action.replace("_", " ").capitalize()
    return words if named else f"{words}{_BY.get(action.channel or '', '')}"


def _newest(session: Session, context: TaskContext, lead_ids: Sequence[str], kind: str) -> dict[str, PredictionRecord]:
    if not lead_ids:
        return {}
    found = predictions.latest(session, context.tenant_id, kind=kind, lead_ids=lead_ids)
    return {score.lead_id: score for score in found}


def _texts(reasons: Sequence[JsonMapping]) -> str:
    return ", ".join(str(reason["text"]) for reason in reasons)


def _sentence(text: str) -> str:
    text = text.strip().rstrip(".")
    cut = text if len(text) < LONGEST else f"{text[: LONGEST - 2]}…"
    return f"{cut[:1].upper()}{cut[1:]}."
