"""`hearth.leads.worklist`: today's calls in order, with why now, what to do and what it may bring."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from db.records import OverrideRecord, PredictionRecord
from db.repositories.leads import lead_lookup, leads
from db.repositories.overrides import overrides
from db.repositories.predictions import predictions
from db.session import Session
from domain.documents import JsonMapping, JsonObject
from ml.worklist import Candidate, FilledList, Place, fill, in_order
from tasks.contracts.base.wire import RESULT_LIMIT, canonical
from tasks.contracts.leads import WorklistRequest
from tasks.runtime import lead_references
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import query
from tasks.services.churn import risk_views
from tasks.services.interventions import gate_context
from tasks.services.interventions.next_action import NextAction, closed_channels, conditions, next_actions
from tasks.services.leads import refusals
from tasks.services.leads.call_details import deal_price, due_by, expected_value, unanswered_since, why_now
from tasks.services.leads.daily_changes import changes_since_yesterday
from tasks.services.leads.overrides import EffectiveScore, apply_override, override_view
from tasks.services.leads.threshold_events import KIND
from tasks.services.online import online_views
from tasks.services.personalization import views

#: calls on a list for which nobody has set a number
CALLS = 20
#: keys of a row beyond those of the contract; the last rows of a long list go without them
OPTIONAL = (
    *("expected_value", "interval", "fit", "engagement", "changed", "override", "assigned_to", "prediction_id"),
    *("risk", "action_id"),
)
#: keys that stand only where there is room beside all others: a list that is not very long has them in every row
HOW_TO_SPEAK = ("tone", "journey", "send_window", "suggestion", "what_if", "online")
#: most leads in doubt that a list names, for a person to decide whether they refused
IN_DOUBT = 20
#: bytes of rows with every key, and of all rows: the envelope needs some too
FULL, MOST = RESULT_LIMIT * 7 // 10, RESULT_LIMIT * 9 // 10


@dataclass(frozen=True, slots=True, kw_only=True)
class CallableLead:
    """A lead that could be called: what orders it, and what its row says."""

    score: EffectiveScore
    #: the urgency's row; empty where there is none
    urgency: JsonMapping
    external_id: str | None
    agent: str | None


@query("hearth.leads.worklist", WorklistRequest, queue="inference", scope="read")
def worklist(session: Session, request: WorklistRequest, context: TaskContext) -> TaskResult:
    """Today's calls: open leads that may be contacted, an inquiry nobody answered first, then by expected value.

    A person's judgement counts instead of the score. No agent gets more calls than their capacity. Each row names the
    one next action that the gates let pass; a lead that nobody may contact is left out and counted as withheld.
    """
    candidates = _callable_leads(session, request, context)
    decided: dict[str, NextAction] = {}
    filled = _fill(session, request, context, candidates, decided)
    listed = [lead.lead_id for lead in filled.chosen]
    scores = {
        score.lead_id: score for score in predictions.latest(session, context.tenant_id, kind=KIND, lead_ids=listed)
    }
    news = changes_since_yesterday(session, context, [scores[lead_id] for lead_id in listed])
    risks = risk_views.latest(session, context.tenant_id, listed)
    how_to_speak = views.latest(session, context.tenant_id, listed)
    moved = online_views.of_leads(session, context, listed)
    helps = _what_if(session, context, scores) if request.what_if else {}
    identities = lead_lookup.identities(session, context.tenant_id, lead_ids=listed)
    rows = [
        _row(place, scores[lead_id], candidates[lead_id], decided[lead_id], context)
        | lead_references.view(identities.get(lead_id))
        | {"changed": news.get(lead_id), "risk": risk_views.risk_brief(risks.get(lead_id))}
        | views.worklist_brief(how_to_speak.get(lead_id))
        | {"what_if": helps.get(lead_id)}
        | {"online": online_views.worklist_brief(moved.get(lead_id), context)}
        for place, lead_id in enumerate(listed, 1)
    ]
    in_doubt = refusals.in_doubt(session, context.tenant_id, assigned_to=request.assigned_to, limit=IN_DOUBT)
    fitting = _within_limit(rows, context)
    data = {
        "as_of": context.now,
        "leads": fitting,
        "cut": len(rows) - len(fitting),
        "scored": len(candidates),
        "without_dates": sum(_is_undated(lead.urgency) for lead in candidates.values()),
        "not_assessed": sum(not lead.urgency for lead in candidates.values()),
        "withheld": filled.withheld,
        "withheld_by": _withheld_by(decided.values()),
        "in_doubt": _doubts_within_limit(in_doubt, fitting, context),
    }
    return TaskResult(data=data, as_of=context.now)


def _what_if(
    session: Session, context: TaskContext, scores: Mapping[str, PredictionRecord]
) -> dict[str, JsonObject | None]:
    """Return in one line what would change the score of each lead of a list."""
    # models, levers and River take a second to import, which a command that shows a list without them need not spend
    from tasks.services.explanations.explained import what_ifs_of
    from tasks.services.explanations.what_if import brief

    gates = conditions(session, context)
    subjects = gate_context.load(session, context, list(scores), gates.settings)
    closed = {lead_id: closed_channels(subject, gates) for lead_id, subject in subjects.items()}
    found = what_ifs_of(session, context, list(scores.values()), closed)
    return {lead_id: brief(view) for lead_id, view in found.items()}


def _withheld_by(decided: Iterable[NextAction]) -> dict[str, int]:
    """Count leads that are left out by the rule that closes calls: where all share one rule, it can be mended."""
    blocks = (action.why_not for action in decided if action.place == "withheld" and action.why_not)
    rules = Counter(
        next((block.rule for block in of_lead if block.channel == "call"), of_lead[0].rule) for of_lead in blocks
    )
    return dict(rules.most_common())


def _fill(
    session: Session,
    request: WorklistRequest,
    context: TaskContext,
    candidates: Mapping[str, CallableLead],
    decided: dict[str, NextAction],
) -> FilledList:
    """Fill the list from the top; add what was decided of each lead that was looked at to `decided`."""
    settings = context.settings()
    ordered = in_order(
        [_candidate(lead_id, lead) for lead_id, lead in candidates.items()],
        now=context.now,
        typical=(settings.get("worth") or {}).get("typical_price"),
    )
    gates = conditions(session, context)
    if gates.settings.kill_switch:
        # nobody may be contacted, which need not be found out lead by lead
        context.warn("kill_switch", "settings.interventions.kill_switch")
        return FilledList(chosen=(), withheld=len(ordered))

    def place(lead_ids: Sequence[str]) -> dict[str, Place]:
        urgent_actions = {lead_id: candidates[lead_id].urgency.get("action") for lead_id in lead_ids}
        actions = next_actions(session, context, urgent_actions, gates)
        decided.update(actions)
        return {lead_id: action.place for lead_id, action in actions.items()}

    capacity = request.capacity or capacity_of(settings, request.assigned_to)
    return fill(ordered, place, capacity=capacity, limit=_limit_per_agent(request, settings))


def _limit_per_agent(request: WorklistRequest, settings: JsonMapping) -> Callable[[str], int] | None:
    """Return the capacity of each agent on a list for all of them; None where nothing limits it."""
    if request.assigned_to or not settings.get("capacity"):
        return None
    return lambda agent: capacity_of(settings, agent)


def capacity_of(settings: JsonMapping, agent: str | None) -> int:
    """Return how many calls a day an agent makes, or a list without an agent shows."""
    capacity = settings.get("capacity") or {}
    return int((capacity.get("agents") or {}).get(agent, capacity.get("default", CALLS)) if agent else CALLS)


def reason_texts(score: PredictionRecord) -> list[str]:
    """Return the reasons that raise the score; those that lower it where none does."""
    reasons: Sequence[JsonMapping] = score.detail.get("up") or score.detail.get("down") or ()
    return [reason["text"] for reason in reasons]


def _callable_leads(session: Session, request: WorklistRequest, context: TaskContext) -> dict[str, CallableLead]:
    external_ids = leads.callable_leads(session, context.tenant_id, assigned_to=request.assigned_to)
    agents = leads.assigned_agents(session, context.tenant_id)
    # bands alone order a list of very many leads; reasons are read only of those that end up on it
    bands = predictions.bands(session, context.tenant_id, kind=KIND, lead_ids=list(external_ids))
    urgency = {row.lead_id: row.detail for row in predictions.latest(session, context.tenant_id, kind="urgency")}
    active = overrides.active(session, context.tenant_id, kind=KIND)
    scored = {lead_id: score for lead_id, score in bands.items() if score is not None}
    unscored = len(external_ids) - len(scored)
    if unscored:
        context.warn("not_scored", f"{unscored} of {len(external_ids)} leads")
    return {
        lead_id: CallableLead(
            score=apply_override(*score, active.get(lead_id), context.settings()),
            urgency=urgency.get(lead_id, {}),
            external_id=external_ids[lead_id],
            agent=agents.get(lead_id),
        )
        for lead_id, score in scored.items()
    }


def _is_undated(urgency: JsonMapping) -> bool:
    """Return whether a lead was assessed and nothing says when it came in or was last heard of."""
    return bool(urgency) and urgency.get("silent_days") is None and not urgency.get("inquiry_at")


def _candidate(lead_id: str, lead: CallableLead) -> Candidate:
    return Candidate(
        lead_id=lead_id,
        probability=lead.score.probability,
        value=deal_price(lead.urgency),
        inquiry_at=unanswered_since(lead.urgency),
        agent=lead.agent,
    )


def _row(
    rank: int, score: PredictionRecord, lead: CallableLead, action: NextAction, context: TaskContext
) -> JsonObject:
    return {
        "rank": rank,
        "lead_id": score.lead_id,
        "external_id": lead.external_id,
        "probability": lead.score.probability,
        "band": lead.score.band,
        "reasons": reason_texts(score),
        "why_now": why_now(lead.urgency, context.now),
        "action": action.action,
        "due_by": due_by(lead.urgency, action),
        "model": score.model_version,
        "channel": action.channel,
        "not_before": action.not_before,
        "action_id": None if action.plan is None else action.plan.action_id,
        "expected_value": expected_value(lead.score.probability, deal_price(lead.urgency), context.settings()),
        **{name: score.detail.get(name) for name in ("interval", "fit", "engagement")},
        "override": override_brief(lead.score.override),
        "assigned_to": lead.agent,
        "prediction_id": score.prediction_id,
    }


def override_brief(override: OverrideRecord | None) -> JsonObject | None:
    """Return an active override in short."""
    view = override_view(override)
    return None if view is None else {name: view[name] for name in ("band", "probability", "reason", "actor", "set_at")}


def _within_limit(rows: Sequence[JsonObject], context: TaskContext) -> list[JsonObject]:
    """Return as many rows as one answer holds; the last ones have the contract's keys alone, the rest is cut off."""
    fitting: list[JsonObject] = []
    size = 0
    for row in rows:
        usual = {name: value for name, value in row.items() if name not in HOW_TO_SPEAK}
        required = {name: value for name, value in usual.items() if name not in OPTIONAL}
        chosen = usual if size + len(canonical(usual)) <= FULL else required
        size += len(canonical(chosen))
        if size > MOST:
            context.warn("too_many", f"leads.{len(fitting)}")
            return fitting
        fitting.append(chosen)
    return _with_how_to_speak(fitting, rows, MOST - size)


def _with_how_to_speak(shown: Sequence[JsonObject], rows: Sequence[JsonObject], room: int) -> list[JsonObject]:
    """Return the rows that are shown with how to speak to their leads, from the first on, as far as there is room."""
    told: list[JsonObject] = []
    for short, row in zip(shown, rows, strict=True):
        speaking = {name: row[name] for name in HOW_TO_SPEAK}
        room -= len(canonical(speaking))
        told.append(short | speaking if room >= 0 else short)
    return told


def _doubts_within_limit(
    in_doubt: Sequence[JsonObject], rows: Sequence[JsonObject], context: TaskContext
) -> list[JsonObject]:
    """Return as many leads in doubt as fit beside the rows."""
    sizes = accumulate((len(canonical(lead)) for lead in in_doubt), initial=len(canonical(rows)))
    fitting = sum(size <= RESULT_LIMIT - lead_references.ENVELOPE for size in sizes) - 1
    if fitting < len(in_doubt):
        context.warn("too_many", f"in_doubt.{max(fitting, 0)}")
    return list(in_doubt[: max(fitting, 0)])
