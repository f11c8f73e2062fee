"""What planning writes: rows once each, places in the experiment, proofs, and what follows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from db.records import InterventionDraft, InterventionRecord
from db.repositories.interventions import enrolments, interventions
from db.repositories.leads import leads
from db.session import Session
from tasks.crm.highlevel import requests
from tasks.runtime.context import TaskContext
from tasks.services.interventions.action_rows import Selection, arm_of, drafted, enrolled, stored
from tasks.services.interventions.action_views import RUNNING, WAITING, prove, rule_ids
from tasks.services.interventions.gate_context import GateSubject
from tasks.services.interventions.plan_types import LeadPlan, PlanBatch, PlanContext

#: how many actions one message hands over
CHUNK = 200
#: why a lead that something was planned for needs it no more -> the code under which that is withdrawn
_IDLE = {
    "below_threshold": "not_needed",
    "no_risk": "not_needed",
    "ended": "ended",
    "no_client": "ended",
    "nothing_fits": "not_needed",
    "blocked": "blocked",
}
#: systems whose ids mean nothing to HighLevel
_FOREIGN = frozenset({"followupboss", "hubspot", "kvcore", "salesforce"})


def withdraw(
    session: Session, context: TaskContext, plans: Mapping[str, LeadPlan], found: Mapping[str, Selection]
) -> None:
    """Take back what waits where something else was found, a gate blocks it now, or nothing is needed any more.

    Where it was handed over meanwhile, that runs and nothing else is done.
    """
    for lead_id, plan in plans.items():
        chosen = found.get(lead_id)
        reason = "superseded" if chosen is not None else _IDLE.get(plan.reason or "")
        kept = None if chosen is None or chosen.record is None else chosen.record.action_id
        if reason is not None:
            old = [one for one in plan.actions if one.action_id != kept and one.state in WAITING]
            gone = [one.action_id for one in old if _taken(session, context, one, plan, reason)]
            plan.actions = [one for one in plan.actions if one.action_id not in gone]
            plan.reason = plan.reason if len(gone) == len(old) else "collision"


def _taken(session: Session, context: TaskContext, action: InterventionRecord, plan: LeadPlan, reason: str) -> bool:
    scope: dict[str, Any] = {"action_id": action.action_id, "of": WAITING, "now": context.now}
    judged = next((one.decision for one in plan.blocked if one.action_id == action.action_id), None)
    if judged is not None:
        moved = interventions.move(session, context.tenant_id, to="blocked", decision=judged, **scope)
    else:
        moved = interventions.move(session, context.tenant_id, to="withdrawn", reason=reason, **scope)
    if moved is not None:
        prove(context, moved, **({} if judged is not None else {"reason": reason}))
    return moved is not None


def store(
    session: Session, context: TaskContext, setting: PlanContext, batch: PlanBatch, found: Mapping[str, Selection]
) -> None:
    """Store what was found and what was blocked, enrol the leads, and hand over what may go now."""
    drafts = _drafts(session, setting, batch, found)
    fresh = {lead_id: draft for lead_id, draft in drafts.items() if found[lead_id].record is None}
    blocked = [draft for plan in batch.plans.values() for draft in _news(setting, batch.subjects[plan.lead_id], plan)]
    _save(session, context, [*fresh.values(), *blocked])
    revived = {
        lead_id: moved
        for lead_id, draft in drafts.items()
        if lead_id not in fresh and (moved := _revived(session, context, draft)) is not None
    }
    actions = {lead_id: stored(draft) for lead_id, draft in fresh.items()} | revived
    _enrol(session, context, batch, found, actions)
    for lead_id, action in actions.items():
        _note(batch.plans[lead_id], action)
    hand_over(context, [one for one in actions.values() if one.state == "planned" and one.not_before <= context.now])


def hand_over(context: TaskContext, actions: Sequence[InterventionRecord]) -> None:
    """Have actions dispatched once this transaction is committed."""
    ids = [one.action_id for one in actions]
    for start in range(0, len(ids), CHUNK):
        context.enqueue(
            "hearth.interventions.dispatch", tenant_id=context.tenant_id, action_ids=ids[start : start + CHUNK]
        )


def _drafts(
    session: Session, setting: PlanContext, batch: PlanBatch, found: Mapping[str, Selection]
) -> dict[str, InterventionDraft]:
    """Write out what is new, and anew what was blocked earlier the same day: what it asks of the CRM and of whom."""
    fresh = {lead_id: one for lead_id, one in found.items() if one.record is None or one.record.state == "blocked"}
    known = leads.identities(session, setting.tenant_id, source_system=requests.PROVIDER, lead_ids=list(fresh))
    return {
        lead_id: drafted(
            one,
            arm_of(one, setting.tenant_id, batch.enrolments.get(lead_id), setting.choices.holdout),
            setting.now,
            setting.own,
            known.get(lead_id) or _own_id(one.subject),
        )
        for lead_id, one in fresh.items()
    }


def _own_id(subject: GateSubject) -> str | None:
    """Give the id under which the CRM knows a lead; those of other systems mean nothing to it."""
    return None if subject.record.source_system in _FOREIGN else subject.record.external_id


def _news(setting: PlanContext, subject: GateSubject, plan: LeadPlan) -> Iterable[InterventionDraft]:
    """Leave out what the same rules have blocked lately: it is known, and a row a day says no more."""
    since = setting.now - setting.choices.cooldown
    lately = {_mark(one) for one in subject.past if one.state == "blocked" and one.planned_at > since}
    return [draft for draft in plan.blocked if _mark(draft) not in lately]


def _mark(action: InterventionDraft) -> tuple[str, ...]:
    return action.intervention, action.action, *rule_ids(action.decision)


def _save(session: Session, context: TaskContext, drafts: Sequence[InterventionDraft]) -> None:
    saved = interventions.save(session, context.tenant_id, drafts=drafts) if drafts else []
    for draft, (_, new) in zip(drafts, saved, strict=True):
        if new:
            prove(context, draft)


def _revived(session: Session, context: TaskContext, draft: InterventionDraft) -> InterventionRecord | None:
    """Let an action go that was blocked earlier the same day, as it is decided now."""
    scope: dict[str, Any] = {"action_id": draft.action_id, "of": {"blocked"}, "now": context.now, "anew": draft}
    moved = interventions.move(session, context.tenant_id, to=draft.state, **scope)
    if moved is not None:
        prove(context, moved)
    return moved


def _enrol(
    session: Session,
    context: TaskContext,
    batch: PlanBatch,
    found: Mapping[str, Selection],
    actions: Mapping[str, InterventionRecord],
) -> None:
    drafts = [
        enrolled(action, context.now)
        for lead_id, action in actions.items()
        if lead_id not in batch.enrolments and not found[lead_id].reasons.need.terminal
    ]
    known = enrolments.enrol(session, context.tenant_id, drafts=drafts) if drafts else {}
    for lead_id, record in known.items():
        batch.plans[lead_id].held_out, batch.plans[lead_id].propensity = record.held_out, record.propensity


def _note(plan: LeadPlan, action: InterventionRecord) -> None:
    if action.state in RUNNING:
        plan.actions.append(action)
    elif action.state == "held_out":
        plan.reason = "held_out"
