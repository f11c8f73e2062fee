"""Today's calls in order: whom, why now, what is new since yesterday, what it may bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from db.records import OverrideRecord, PredictionRecord
from db.repositories import leads, overrides, predictions
from db.session import Session
from ml.urgency import waiting
from ml.worklist import Candidate, Changed, rank
from tasks import risks
from tasks.base import Answer, Work, query
from tasks.contracts.leads import WorklistRequest
from tasks.contracts.wire import RESULT_LIMIT, canonical
from tasks.leads.crossings import KIND
from tasks.leads.judging import Standing, shown, standing
from tasks.leads.yesterday import changes

#: calls of a list that nobody has set a number for
CALLS = 20
#: what a row says besides the keys of the contract; the last rows of a long list go without
MORE = (
    *("expected_value", "interval", "fit", "engagement", "changed", "override", "assigned_to", "prediction_id"),
    "risk",
)
#: bytes of rows with everything in them, and of all rows: the envelope needs some too
FULL, MOST = RESULT_LIMIT * 7 // 10, RESULT_LIMIT * 9 // 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of one lead that could be called."""

    score: PredictionRecord
    standing: Standing
    #: the urgency's row; empty where there is none
    urgency: Mapping[str, Any]
    external_id: str | None
    agent: str | None


@query("hearth.leads.worklist", WorklistRequest)
def worklist(session: Session, request: WorklistRequest, work: Work) -> Answer:
    """Today's calls: contactable open leads, an inquiry nobody answered first, then by expected value.

    A person's judgement counts instead of the score. No agent gets more calls than their capacity.
    """
    known = _known(session, request, work)
    settings = work.settings()
    ranked = rank(
        [_candidate(lead) for lead in known.values()],
        now=work.now,
        capacity=request.capacity or capacity_of(settings, request.assigned_to),
        typical=(settings.get("worth") or {}).get("typical_price"),
        limit=None
        if request.assigned_to or not settings.get("capacity")
        else lambda agent: capacity_of(settings, agent),
    )
    chosen = [known[item.lead_id] for item in ranked]
    news = changes(session, work, [lead.score for lead in chosen])
    at_risk = risks.newest(session, work.tenant_id, [lead.score.lead_id for lead in chosen])
    rows = [
        _row(place, lead, news.get(lead.score.lead_id), work) | {"risk": risks.brief(at_risk.get(lead.score.lead_id))}
        for place, lead in enumerate(chosen, 1)
    ]
    return Answer(data={"as_of": work.now, "leads": _fitting(rows, work)}, as_of=work.now)


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


def _known(session: Session, request: WorklistRequest, work: Work) -> dict[str, Known]:
    external_ids = leads.callable_leads(session, work.tenant_id, assigned_to=request.assigned_to)
    agents = leads.agents(session, work.tenant_id)
    scores, urgency = (_latest(session, work.tenant_id, kind) for kind in (KIND, "urgency"))
    judged = overrides.standing(session, work.tenant_id, kind=KIND)
    unscored = sum(lead_id not in scores for lead_id in external_ids)
    if unscored:
        work.warn("not_scored", f"{unscored} of {len(external_ids)} leads")
    return {
        lead_id: Known(
            score=scores[lead_id],
            standing=standing(scores[lead_id], judged.get(lead_id), work.settings()),
            urgency=urgency[lead_id].detail if lead_id in urgency else {},
            external_id=external_id,
            agent=agents.get(lead_id),
        )
        for lead_id, external_id in external_ids.items()
        if lead_id in scores
    }


def _latest(session: Session, tenant_id: str, kind: str) -> dict[str, PredictionRecord]:
    return {row.lead_id: row for row in predictions.latest(session, tenant_id, kind=kind)}


def _candidate(lead: Known) -> Candidate:
    return Candidate(
        lead_id=lead.score.lead_id,
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


def _row(place: int, lead: Known, news: Changed | None, work: Work) -> dict[str, Any]:
    score, urgency = lead.score, lead.urgency
    return {
        "rank": place,
        "lead_id": score.lead_id,
        "external_id": lead.external_id,
        "probability": lead.standing.probability,
        "band": lead.standing.band,
        "reasons": texts_of(score),
        "why_now": why_now(urgency, work.now),
        "action": urgency.get("action"),
        "due_by": urgency.get("due_by"),
        "model": score.model_version,
        "expected_value": expected_value(lead.standing.probability, price_of(urgency), work.settings()),
        **{name: score.detail.get(name) for name in ("interval", "fit", "engagement")},
        "changed": news,
        "override": brief(lead.standing.override),
        "assigned_to": lead.agent,
        "prediction_id": score.prediction_id,
    }


def brief(record: OverrideRecord | None) -> dict[str, Any] | None:
    """An override that stands, in short."""
    told = shown(record)
    return None if told is None else {name: told[name] for name in ("band", "probability", "reason", "actor", "set_at")}


def _fitting(rows: Sequence[dict[str, Any]], work: Work) -> list[dict[str, Any]]:
    """As many rows as one answer holds: the last ones with what the contract says alone, what is over cut off."""
    kept: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        thin = {name: value for name, value in row.items() if name not in MORE}
        chosen = row if size + len(canonical(row)) <= FULL else thin
        size += len(canonical(chosen))
        if size > MOST:
            work.warn("too_many", f"leads.{len(kept)}")
            break
        kept.append(chosen)
    return kept
