"""Today's calls in order: whom, why now, what to do, what is new since yesterday, what it may bring."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from db.records import OverrideRecord, PredictionRecord
from db.repositories.leads import leads
from db.repositories.overrides import overrides
from db.repositories.predictions import predictions
from db.session import Session
from ml.urgency import waiting
from ml.worklist import Candidate, Filled, Place, fill, in_order
from tasks.contracts.base.wire import RESULT_LIMIT, canonical
from tasks.contracts.leads import WorklistRequest
from tasks.leads.overrides import Standing, counted, shown
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import query
from tasks.services.churn import churn_risk
from tasks.services.interventions.next_action import NextAction, conditions, next_actions
from tasks.services.leads import refusals
from tasks.services.leads.daily_changes import changes
from tasks.services.leads.threshold_events import KIND

#: calls of a list that nobody has set a number for
CALLS = 20
#: what a row says besides the keys of the contract; the last rows of a long list go without
MORE = (
    *("expected_value", "interval", "fit", "engagement", "changed", "override", "assigned_to", "prediction_id"),
    *("risk", "action_id"),
)
#: leads of whom a list asks whether they refused
ASKED = 20
#: bytes of rows with everything in them, and of all rows: the envelope needs some too
FULL, MOST = RESULT_LIMIT * 7 // 10, RESULT_LIMIT * 9 // 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of one lead that could be called."""

    standing: Standing
    #: the urgency's row; empty where there is none
    urgency: Mapping[str, Any]
    external_id: str | None
    agent: str | None


@query("hearth.leads.worklist", WorklistRequest)
def worklist(session: Session, request: WorklistRequest, context: TaskContext) -> TaskResult:
    """Today's calls: open leads that may be contacted, an inquiry nobody answered first, then by expected value.

    A person's judgement counts instead of the score. No agent gets more calls than their capacity. Each row names the
    one next action that the gates let pass; a lead that nobody may contact is left out and counted as withheld.
    """
    known = _known(session, request, context)
    decided: dict[str, NextAction] = {}
    filled = _filled(session, request, context, known, decided)
    listed = [lead.lead_id for lead in filled.chosen]
    scores = {
        score.lead_id: score for score in predictions.latest(session, context.tenant_id, kind=KIND, lead_ids=listed)
    }
    news = changes(session, context, [scores[lead_id] for lead_id in listed])
    at_risk = churn_risk.newest(session, context.tenant_id, listed)
    rows = [
        _row(place, scores[lead_id], known[lead_id], decided[lead_id], context)
        | {"changed": news.get(lead_id), "risk": churn_risk.brief(at_risk.get(lead_id))}
        for place, lead_id in enumerate(listed, 1)
    ]
    asked = refusals.in_doubt(session, context.tenant_id, assigned_to=request.assigned_to, limit=ASKED)
    data = {
        "as_of": context.now,
        "leads": _fitting(rows, context),
        "withheld": filled.withheld,
        "withheld_by": _reasons(decided.values()),
        "in_doubt": asked,
    }
    return TaskResult(data=data, as_of=context.now)


def _reasons(decided: Iterable[NextAction]) -> dict[str, int]:
    """Count why leads are left out, by the rule that closes calls: where all have one reason, that can be mended."""
    why = (one.why_not for one in decided if one.place == "withheld" and one.why_not)
    rules = Counter(next((each.rule for each in told if each.channel == "call"), told[0].rule) for told in why)
    return dict(rules.most_common())


def _filled(
    session: Session,
    request: WorklistRequest,
    context: TaskContext,
    known: Mapping[str, Known],
    decided: dict[str, NextAction],
) -> Filled:
    """Fill the list from the top; notes what was decided of each lead that was looked at."""
    settings = context.settings()
    ordered = in_order(
        [_candidate(lead_id, lead) for lead_id, lead in known.items()],
        now=context.now,
        typical=(settings.get("worth") or {}).get("typical_price"),
    )
    holds = conditions(session, context)
    if holds.choices.kill_switch:
        # nobody may be contacted, which need not be found out lead by lead
        context.warn("kill_switch", "settings.interventions.kill_switch")
        return Filled(chosen=(), withheld=len(ordered))

    def place(lead_ids: Sequence[str]) -> dict[str, Place]:
        urged = {lead_id: known[lead_id].urgency.get("action") for lead_id in lead_ids}
        found = next_actions(session, context, urged, holds)
        decided.update(found)
        return {lead_id: one.place for lead_id, one in found.items()}

    capacity = request.capacity or capacity_of(settings, request.assigned_to)
    return fill(ordered, place, capacity=capacity, limit=_limit(request, settings))


def _limit(request: WorklistRequest, settings: Mapping[str, Any]) -> Callable[[str], int] | None:
    """Give what limits each agent on a list of many."""
    if request.assigned_to or not settings.get("capacity"):
        return None
    return lambda agent: capacity_of(settings, agent)


def capacity_of(settings: Mapping[str, Any], agent: str | None) -> int:
    """How many calls a day an agent makes, or a list without an agent shows."""
    told = settings.get("capacity") or {}
    return int((told.get("agents") or {}).get(agent, told.get("default", CALLS)) if agent else CALLS)


def expected_value(probability: float, price: float | None, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """Probability times what the tenant earns, in its own figures; None where it has set none or no price is known."""
    worth = settings.get("worth")
    price = price or (worth or {}).get("typical_price")
    if not worth or not price:
        return None
    amount = probability * price * worth["commission"]
    return {"amount": round(amount, 2), "currency": worth.get("currency", "USD")}


def price_of(urgency: Mapping[str, Any]) -> float | None:
    """The deal's price as far as it is known: the deal, else the budget."""
    value = urgency.get("value")
    return float(value) if value else None


def texts_of(score: PredictionRecord) -> list[str]:
    """The reasons that raise the score; the ones that lower it where none does."""
    reasons: Sequence[Mapping[str, Any]] = score.detail.get("up") or score.detail.get("down") or ()
    return [reason["text"] for reason in reasons]


def _known(session: Session, request: WorklistRequest, context: TaskContext) -> dict[str, Known]:
    external_ids = leads.callable_leads(session, context.tenant_id, assigned_to=request.assigned_to)
    agents = leads.agents(session, context.tenant_id)
    # what a list of very many leads is ordered by; their reasons are read of those alone that stand on it
    scores = predictions.bands(session, context.tenant_id, kind=KIND, lead_ids=list(external_ids))
    urgency = {row.lead_id: row.detail for row in predictions.latest(session, context.tenant_id, kind="urgency")}
    judged = overrides.active(session, context.tenant_id, kind=KIND)
    scored = {lead_id: score for lead_id, score in scores.items() if score is not None}
    unscored = len(external_ids) - len(scored)
    if unscored:
        context.warn("not_scored", f"{unscored} of {len(external_ids)} leads")
    return {
        lead_id: Known(
            standing=counted(*score, judged.get(lead_id), context.settings()),
            urgency=urgency.get(lead_id, {}),
            external_id=external_ids[lead_id],
            agent=agents.get(lead_id),
        )
        for lead_id, score in scored.items()
    }


def _candidate(lead_id: str, lead: Known) -> Candidate:
    return Candidate(
        lead_id=lead_id,
        probability=lead.standing.probability,
        value=price_of(lead.urgency),
        inquiry_at=inquiry_of(lead.urgency),
        agent=lead.agent,
    )


def inquiry_of(urgency: Mapping[str, Any]) -> datetime | None:
    """When an inquiry came that nobody has answered."""
    asked = urgency.get("inquiry_at")
    return datetime.fromisoformat(asked) if asked else None


def why_now(urgency: Mapping[str, Any], now: datetime) -> str | None:
    """Why to call now; an inquiry waits longer with every look."""
    asked = inquiry_of(urgency)
    return waiting(asked, now) if asked is not None and asked <= now else urgency.get("why_now")


def due_by(urgency: Mapping[str, Any], action: NextAction) -> datetime | None:
    """Give by when to do it: as soon as it is urgent, before the plan is void, and not before the gates allow it."""
    told = urgency.get("due_by")
    ends = None if action.plan is None else action.plan.expires_at
    due = min((at for at in (datetime.fromisoformat(told) if told else None, ends) if at is not None), default=None)
    return due if due is None or action.not_before is None else max(due, action.not_before)


def _row(place: int, score: PredictionRecord, lead: Known, action: NextAction, context: TaskContext) -> dict[str, Any]:
    urgency = lead.urgency
    return {
        "rank": place,
        "lead_id": score.lead_id,
        "external_id": lead.external_id,
        "probability": lead.standing.probability,
        "band": lead.standing.band,
        "reasons": texts_of(score),
        "why_now": why_now(urgency, context.now),
        "action": action.action,
        "due_by": due_by(urgency, action),
        "model": score.model_version,
        "channel": action.channel,
        "not_before": action.not_before,
        "action_id": None if action.plan is None else action.plan.action_id,
        "expected_value": expected_value(lead.standing.probability, price_of(urgency), context.settings()),
        **{name: score.detail.get(name) for name in ("interval", "fit", "engagement")},
        "override": brief(lead.standing.override),
        "assigned_to": lead.agent,
        "prediction_id": score.prediction_id,
    }


def brief(record: OverrideRecord | None) -> dict[str, Any] | None:
    """An override that stands, in short."""
    told = shown(record)
    return None if told is None else {name: told[name] for name in ("band", "probability", "reason", "actor", "set_at")}


def _fitting(rows: Sequence[dict[str, Any]], context: TaskContext) -> list[dict[str, Any]]:
    """As many rows as one answer holds: the last ones with what the contract says alone, what is over cut off."""
    kept: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        thin = {name: value for name, value in row.items() if name not in MORE}
        chosen = row if size + len(canonical(row)) <= FULL else thin
        size += len(canonical(chosen))
        if size > MOST:
            context.warn("too_many", f"leads.{len(kept)}")
            break
        kept.append(chosen)
    return kept
