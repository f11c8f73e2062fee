"""Plans for leads: reasons, then an intervention, then an action that the gates let pass; all of it in one transaction.

Planning again changes nothing: action ids follow from lead, intervention, action, day and policy, and planners of one
tenant wait for each other. Every lead is enrolled with its first plan; of those that are held out the plan is kept and
nobody is told of it. Who is held out is decided after budget and gates, so that both arms hold the same kind of leads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from db.records import EnrolmentRecord, InterventionRecord
from db.repositories.interventions import enrolments, interventions, pauses
from db.repositories.leads import leads
from db.session import Session
from ml.interventions.catalogue import CATALOGUE, Catalogue
from ml.interventions.policy import EVERY, Proposal, action_id, options, propose, within_budget
from tasks.crm.highlevel import requests
from tasks.runtime.context import TaskContext
from tasks.services.interventions import eligibility, experiment, gate_context, plan_store, withdrawal
from tasks.services.interventions.action_rows import Selection, arm_of, candidate_of, drafted
from tasks.services.interventions.action_views import RUNNING, WAITING
from tasks.services.interventions.eligibility import Reasons
from tasks.services.interventions.gate_context import GateSubject
from tasks.services.interventions.intervention_settings import InterventionSettings, block_of, settings_of
from tasks.services.interventions.plan_types import LeadPlan, PlanBatch, PlanContext, PlanRequest

#: for which a tenant's budget is
DAY = timedelta(days=1)
#: reasons of what is done so that nothing more reaches a lead
PROTECTING = ("terminal",)


def plan_leads(
    session: Session, context: TaskContext, lead_ids: Sequence[str], asked: PlanRequest | None = None
) -> list[LeadPlan]:
    """Decide what to do about leads, store it and hand over what may go now; one plan a lead, in the order given.

    Raises:
        UnknownLead: some are not there for this tenant.

    """
    interventions.lock(session, context.tenant_id)
    setting = _setting(session, context, asked or PlanRequest())
    held = leads.restricted(session, context.tenant_id, lead_ids=lead_ids)
    plans = {lead_id: LeadPlan(lead_id=lead_id, reason=_stopped(setting, held, lead_id)) for lead_id in lead_ids}
    _withdraw_held(session, context, held)
    free = [lead_id for lead_id, plan in plans.items() if plan.reason is None]
    if free:
        _plan(session, context, setting, {lead_id: plans[lead_id] for lead_id in free})
    return list(plans.values())


def _setting(session: Session, context: TaskContext, asked: PlanRequest) -> PlanContext:
    settings = context.settings()
    choices, own = settings_of(settings), block_of(settings)
    possible = requests.possible(own)
    return PlanContext(
        tenant_id=context.tenant_id,
        now=context.now,
        choices=choices,
        own=own,
        catalogue=CATALOGUE.of_tenant(own),
        allowed=possible if asked.allowed_actions is None else possible.intersection(asked.allowed_actions),
        budget=_budget(session, context, choices, asked),
        uplifts=experiment.uplifts(session, context.tenant_id),
        paused=frozenset(pauses.active(session, context.tenant_id)),
        name=settings.get("name"),
    )


def _budget(session: Session, context: TaskContext, choices: InterventionSettings, asked: PlanRequest) -> float:
    """Give what may be spent: what a message says of its own, else what is left of the tenant's for a day."""
    if asked.budget is not None:
        return asked.budget
    # those at risk come in many batches: each would spend the whole
    return max(choices.budget - interventions.spent(session, context.tenant_id, since=context.now - DAY), 0.0)


def _stopped(setting: PlanContext, held: Mapping[str, tuple[str, ...]], lead_id: str) -> str | None:
    if lead_id in held:
        return held[lead_id][0]
    if setting.choices.kill_switch:
        return "kill_switch"
    return "paused" if EVERY in setting.paused else None


def _withdraw_held(session: Session, context: TaskContext, held: Mapping[str, tuple[str, ...]]) -> None:
    """Take back what is done about leads of whom nothing may be computed."""
    known = interventions.active(session, context.tenant_id, lead_ids=list(held), now=context.now) if held else {}
    for lead_id, running in known.items():
        withdrawal.withdraw(session, context, [one.action_id for one in running], held[lead_id][0])


def _plan(session: Session, context: TaskContext, setting: PlanContext, plans: Mapping[str, LeadPlan]) -> None:
    lead_ids = list(plans)
    subjects = gate_context.load(session, context, lead_ids, setting.choices)
    reasons, why_not = eligibility.find(session, context, subjects, setting.choices)
    known = enrolments.for_leads(session, context.tenant_id, experiment=experiment.EXPERIMENT, lead_ids=lead_ids)
    batch = PlanBatch(subjects=subjects, enrolments=known, plans=plans)
    for lead_id, plan in plans.items():
        _begin(plan, subjects[lead_id], known.get(lead_id), setting, why_not.get(lead_id))
        _withdraw_ended(session, context, subjects[lead_id], plan)
    found = _choose(setting, batch, {lead_id: why for lead_id, why in reasons.items() if plans[lead_id].reason is None})
    plan_store.withdraw(session, context, batch.plans, found)
    free = {lead_id: one for lead_id, one in found.items() if plans[lead_id].reason != "collision"}
    plan_store.store(session, context, setting, batch, free)


def _begin(
    plan: LeadPlan, subject: GateSubject, known: EnrolmentRecord | None, setting: PlanContext, why_not: str | None
) -> None:
    plan.actions = [one for one in subject.past if one.state in RUNNING and one.expires_at > setting.now]
    plan.reason = why_not or (_protected(subject) if subject.wants_out else _resting(subject, setting))
    if known is not None:
        plan.held_out, plan.propensity = known.held_out, known.propensity


def _withdraw_ended(session: Session, context: TaskContext, subject: GateSubject, plan: LeadPlan) -> None:
    """Take back what would reach a lead that wants to hear no more, or that has ended, though the CRM knows of it."""
    why = subject.refused or (None if subject.open else "ended")
    if why is None:
        return
    reaching = [one.action_id for one in plan.actions if one.reason_codes != PROTECTING]
    withdrawal.withdraw(session, context, reaching, why)
    plan.actions = [one for one in plan.actions if one.action_id not in reaching]


def _protected(subject: GateSubject) -> str | None:
    """Say that a lead which wants to hear no more was taken care of: that is done once."""
    done = any(one.reason_codes == PROTECTING and one.state not in {"blocked", "withdrawn"} for one in subject.past)
    return "decided" if done else None


def _resting(subject: GateSubject, setting: PlanContext) -> str | None:
    """Say why a lead is left alone though something could be done: something is being done, or was lately."""
    for one in reversed(subject.past):
        if one.state == "dispatched" and one.expires_at > setting.now:
            return "collision"
        acted_at = _acted_at(one)
        if acted_at is not None and acted_at > setting.now - setting.choices.cooldown:
            return "held_out" if one.state == "held_out" else "cooldown"
    return None


def _acted_at(record: InterventionRecord) -> datetime | None:
    """Give when an action was handed over, would have been, or was refused by a person; None where it never was."""
    if record.state == "held_out":
        return record.planned_at
    if record.state == "rejected":
        return record.dispatched_at or record.reviewed_at
    return record.dispatched_at


def _choose(setting: PlanContext, batch: PlanBatch, reasons: Mapping[str, Reasons]) -> dict[str, Selection]:
    """Give for each lead the first action that the budget bears and no gate blocks."""
    ranked = {lead_id: _proposals(setting, why) for lead_id, why in reasons.items()}
    for lead_id, proposals in ranked.items():
        batch.plans[lead_id].reason = None if proposals else "nothing_fits"
    affordable = _affordable(setting, batch, reasons, ranked)
    found = {}
    for lead_id, proposals in affordable.items():
        chosen = _first_allowed(setting, batch, reasons[lead_id], proposals)
        if chosen is not None:
            found[lead_id] = chosen
    return found


def _proposals(setting: PlanContext, why: Reasons) -> list[Proposal]:
    allowed = setting.allowed
    if why.neglected_only:
        allowed = frozenset(name for name in allowed if name in _people(setting.catalogue))
    return propose(
        why.need,
        setting.catalogue,
        allowed_actions=allowed,
        uplifts=setting.uplifts,
        paused=setting.paused,
        name=setting.name,
    )


def _people(catalogue: Catalogue) -> set[str]:
    return {name for name, action in catalogue.actions.items() if action.by_people}


def _affordable(
    setting: PlanContext, batch: PlanBatch, reasons: Mapping[str, Reasons], ranked: Mapping[str, list[Proposal]]
) -> dict[str, list[Proposal]]:
    """Give what the budget bears; what waits already was paid for, and what replaces it pays the difference."""
    paid = {lead_id: plan.actions[0].cost for lead_id, plan in batch.plans.items() if plan.actions}
    fresh = {lead_id: proposals for lead_id, proposals in ranked.items() if lead_id not in paid}
    kept = within_budget(fresh, {lead_id: reasons[lead_id].need for lead_id in fresh}, setting.budget)
    for lead_id, proposals in kept.items():
        if fresh[lead_id] and not proposals:
            batch.plans[lead_id].reason = "budget"
    left = setting.budget - sum(map(_dearest, kept.values()))
    for lead_id, cost in paid.items():
        if lead_id in ranked:
            kept[lead_id] = _no_dearer(ranked[lead_id], cost + max(left, 0.0))
            left -= max(_dearest(kept[lead_id]) - cost, 0.0)
    return kept


def _dearest(proposals: Sequence[Proposal]) -> float:
    return max((one.cost for one in options(proposals)), default=0.0)


def _no_dearer(proposals: Sequence[Proposal], cost: float) -> list[Proposal]:
    return [replace(one, otherwise=()) for one in options(proposals) if one.cost <= cost]


def _first_allowed(
    setting: PlanContext, batch: PlanBatch, why: Reasons, proposals: Sequence[Proposal]
) -> Selection | None:
    """Give the best action that the gates let pass; those before it are noted as blocked.

    One that waits because nobody knows where the lead is comes after those that need not: its hour may never come.
    """
    lead_id = why.need.lead_id
    plan = batch.plans[lead_id]
    placeless: Selection | None = None
    for proposal in options(proposals):
        found = _judged(setting, batch.subjects[lead_id], why, proposal)
        if found.record is not None and not _still_open(found.record, setting.now):
            # decided today, and over since: whatever comes next is another day's
            plan.reason = "decided"
            return None
        if found.decision.decision != "block" and not _placeless(found):
            plan.reason = None
            return found
        if found.decision.decision != "block":
            placeless = placeless or found
            continue
        arm = arm_of(found, setting.tenant_id, batch.enrolments.get(lead_id), setting.choices.holdout)
        plan.blocked.append(drafted(found, arm, setting.now, setting.own))
        plan.reason = "blocked"
    if placeless is not None:
        plan.reason = None
    return placeless


def _placeless(found: Selection) -> bool:
    return any(one.rule == "quiet.no_place" for one in found.decision.rules)


def _still_open(record: InterventionRecord, now: datetime) -> bool:
    return record.state == "blocked" or (record.state in WAITING and record.expires_at > now)


def _judged(setting: PlanContext, subject: GateSubject, why: Reasons, proposal: Proposal) -> Selection:
    names = (subject.record.lead_id, proposal.intervention, proposal.action)
    own_id = action_id(setting.tenant_id, *names, setting.now.date(), setting.catalogue.version)
    alike = [one for one in subject.past if (one.intervention, one.action) == names[1:]]
    waits = (one for one in alike if one.state in WAITING and one.expires_at > setting.now)
    record = next(waits, None) or next((one for one in alike if one.action_id == own_id), None)
    moment = setting.now + proposal.delay
    decision = gate_context.ruled(candidate_of(proposal, setting.own), subject, moment, setting.choices)
    return Selection(
        subject=subject,
        reasons=why,
        proposal=proposal,
        decision=decision,
        action_id=own_id if record is None else record.action_id,
        policy=setting.catalogue.version,
        not_before=decision.not_before or moment,
        record=record,
    )
