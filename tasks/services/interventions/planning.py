"""Plan for leads: reasons, then proposals, then what budget and gates let pass, then rows; all in one transaction.

Each step returns its result and changes nothing that an earlier one returned. Planning again changes nothing: action
ids follow from lead, intervention, action, day and policy, and planners of one tenant wait for each other. Every lead
is enrolled with its first plan; of a lead that is held out the plan is stored and nobody is told of it. Who is held out
is decided after budget and gates, so that both arms hold the same kind of leads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from db.records import EnrolmentRecord, InterventionDraft, InterventionRecord
from db.repositories.interventions import enrolments, interventions, pauses, plan_releases
from db.repositories.leads import leads
from db.session import Session
from domain.action_states import RUNNING, UNDONE, WAITING
from ml.interventions.catalogue import CATALOGUE, Catalogue
from ml.interventions.policy import EVERY_INTERVENTION, Proposal, action_id, options, propose, within_budget
from tasks.crm.adapters import adapter_of
from tasks.runtime.context import TaskContext
from tasks.services.interventions import eligibility, experiment, gate_context, plan_store, withdrawal
from tasks.services.interventions.action_rows import Selection, arm_of, candidate_of_proposal, draft_of
from tasks.services.interventions.eligibility import Reasons
from tasks.services.interventions.gate_context import GateSubject
from tasks.services.interventions.intervention_settings import InterventionSettings, block_of, crm_of, settings_of
from tasks.services.interventions.plan_types import PROTECTING, LeadPlan, PlanBatch, PlanContext, PlanRequest

#: a tenant's budget is for this time
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadChoice:
    """The proposal for a lead that budget and gates leave, with the ones they blocked."""

    #: None = nothing
    selection: Selection | None = None
    #: better proposals that a gate blocked
    blocked: tuple[InterventionDraft, ...] = ()
    #: why nothing is selected
    reason: str | None = None


def plan_leads(
    session: Session, context: TaskContext, lead_ids: Sequence[str], request: PlanRequest | None = None
) -> list[LeadPlan]:
    """Decide what to do about leads, store it and hand over what may go now; one plan a lead, in the order given.

    Raises:
        UnknownLead: some are not there for this tenant.

    """
    interventions.lock(session, context.tenant_id)
    plan_context = _plan_context(session, context, request or PlanRequest())
    restricted = leads.restricted(session, context.tenant_id, lead_ids=lead_ids)
    plans = {
        lead_id: LeadPlan(lead_id=lead_id, reason=_stopped(plan_context, restricted, lead_id)) for lead_id in lead_ids
    }
    _withdraw_restricted(session, context, restricted)
    free = [lead_id for lead_id, plan in plans.items() if plan.reason is None]
    if free:
        plans |= _plan(session, context, plan_context, free)
    return list(plans.values())


def _plan_context(session: Session, context: TaskContext, request: PlanRequest) -> PlanContext:
    all_settings = context.settings()
    settings, raw_settings = settings_of(all_settings), block_of(all_settings)
    crm = crm_of(all_settings) if request.crm is None else adapter_of(request.crm)
    possible = crm.possible(raw_settings)
    return PlanContext(
        tenant_id=context.tenant_id,
        now=context.now,
        settings=settings,
        raw_settings=raw_settings,
        catalogue=CATALOGUE.for_tenant(raw_settings),
        crm=crm,
        allowed=possible if request.allowed_actions is None else possible.intersection(request.allowed_actions),
        budget=_budget(session, context, settings, request),
        uplifts=experiment.uplifts(session, context.tenant_id),
        paused=frozenset(pauses.active(session, context.tenant_id)),
        name=all_settings.get("name"),
        by_name=request.by_name,
    )


def _budget(session: Session, context: TaskContext, settings: InterventionSettings, request: PlanRequest) -> float:
    """Return what may be spent: the budget of the message, else what is left of the tenant's for a day."""
    if request.budget is not None:
        return request.budget
    # those at risk come in many batches: each would spend the whole
    return max(settings.budget - interventions.spent(session, context.tenant_id, since=context.now - DAY), 0.0)


def _stopped(plan_context: PlanContext, restricted: Mapping[str, tuple[str, ...]], lead_id: str) -> str | None:
    if lead_id in restricted:
        return restricted[lead_id][0]
    if plan_context.settings.kill_switch:
        return "kill_switch"
    return "paused" if EVERY_INTERVENTION in plan_context.paused else None


def _withdraw_restricted(session: Session, context: TaskContext, restricted: Mapping[str, tuple[str, ...]]) -> None:
    """Withdraw the actions of leads about whom nothing may be computed."""
    if not restricted:
        return
    running = interventions.active(session, context.tenant_id, lead_ids=list(restricted), now=context.now)
    for lead_id, actions in running.items():
        withdrawal.withdraw(session, context, [action.action_id for action in actions], restricted[lead_id][0])
    plan_releases.leave(session, context.tenant_id, lead_ids=list(restricted))


def _plan(
    session: Session, context: TaskContext, plan_context: PlanContext, lead_ids: Sequence[str]
) -> dict[str, LeadPlan]:
    subjects = gate_context.load(session, context, lead_ids, plan_context.settings)
    risks = eligibility.refresh_risks(session, context, subjects)
    above = eligibility.above_threshold(session, context, risks)
    eligible = eligibility.find(subjects, risks, above, plan_context.settings, context.now)
    eligibility.record_crossings(session, context, eligible.crossings)
    enrolled = enrolments.for_leads(session, context.tenant_id, experiment=experiment.EXPERIMENT, lead_ids=lead_ids)
    plans = {
        lead_id: _withdraw_ended(
            session,
            context,
            subjects[lead_id],
            _started(subjects[lead_id], enrolled.get(lead_id), plan_context, eligible.why_not.get(lead_id)),
        )
        for lead_id in lead_ids
    }
    batch = PlanBatch(subjects=subjects, enrolments=enrolled)
    reasons = {
        lead_id: lead_reasons for lead_id, lead_reasons in eligible.reasons.items() if plans[lead_id].reason is None
    }
    choices = _choose(plan_context, batch, plans, reasons)
    plans |= {
        lead_id: replace(plans[lead_id], blocked=choice.blocked, reason=choice.reason)
        for lead_id, choice in choices.items()
    }
    selections = {lead_id: choice.selection for lead_id, choice in choices.items() if choice.selection is not None}
    plans = plan_store.withdraw_waiting(session, context, plans, selections)
    plan_store.leave_plan(session, context, plans, selections, _held_back(plan_context, batch))
    free = {lead_id: selection for lead_id, selection in selections.items() if plans[lead_id].reason != "collision"}
    return plan_store.store(session, context, plan_context, batch, plans=plans, selections=free)


def _started(
    subject: GateSubject, enrolment: EnrolmentRecord | None, plan_context: PlanContext, why_not: str | None
) -> LeadPlan:
    """Return a plan of what runs for a lead already, with the reason why nothing is to be added, if there is one."""
    running = (action for action in subject.past if action.state in RUNNING and action.expires_at > plan_context.now)
    return LeadPlan(
        lead_id=subject.record.lead_id,
        actions=tuple(running),
        reason=why_not or (_protected(subject) if subject.wants_out else _resting(subject, enrolment, plan_context)),
        held_out=enrolment is not None and enrolment.held_out,
        propensity=None if enrolment is None else enrolment.propensity,
    )


def _withdraw_ended(session: Session, context: TaskContext, subject: GateSubject, plan: LeadPlan) -> LeadPlan:
    """Withdraw what would reach a lead that refuses contact or has ended, though the CRM knows of it."""
    why = subject.refused or (None if subject.open else "ended")
    if why is None:
        return plan
    reaching = [action.action_id for action in plan.actions if action.reason_codes != PROTECTING]
    withdrawal.withdraw(session, context, reaching, why)
    return replace(plan, actions=tuple(action for action in plan.actions if action.action_id not in reaching))


def _protected(subject: GateSubject) -> str | None:
    """Say that a lead which refuses contact was taken care of: that is done once."""
    done = any(action.reason_codes == PROTECTING and action.state not in UNDONE for action in subject.past)
    return "decided" if done else None


def _resting(subject: GateSubject, enrolment: EnrolmentRecord | None, plan_context: PlanContext) -> str | None:
    """Return why a lead is left alone though something could be done: something is being done, or was lately."""
    for action in reversed(subject.past):
        if action.state == "dispatched" and action.expires_at > plan_context.now:
            return "collision"
        acted_at = _acted_at(action, enrolment)
        if acted_at is not None and acted_at > plan_context.now - plan_context.settings.cooldown:
            return "held_out" if action.state == "held_out" else "cooldown"
    return None


def _acted_at(action: InterventionRecord, enrolment: EnrolmentRecord | None) -> datetime | None:
    """Return when an action was handed over, would have been, or was refused by a person; None where it never was."""
    if action.state == "held_out":
        # it would have gone with the yes to its plan, by which its lead was enrolled; without one, never
        if enrolment is None or action.awaits is not None:
            return None
        return max(action.planned_at, enrolment.enrolled_at)
    if action.state == "rejected" or action.withdrawn_reason == "declined":
        return action.dispatched_at or action.reviewed_at
    return action.dispatched_at


def _choose(
    plan_context: PlanContext, batch: PlanBatch, plans: Mapping[str, LeadPlan], reasons: Mapping[str, Reasons]
) -> dict[str, LeadChoice]:
    """Return for each lead with reasons the first proposal that the budget bears and no gate blocks."""
    proposals = {lead_id: _proposals(plan_context, lead_reasons) for lead_id, lead_reasons in reasons.items()}
    paid = {lead_id: action.cost for lead_id, action in _held_back(plan_context, batch).items()}
    paid |= {lead_id: plan.actions[0].cost for lead_id, plan in plans.items() if plan.actions}
    affordable = _affordable(plan_context, reasons, proposals, paid)
    choices = {}
    for lead_id, bearable in affordable.items():
        reason = None if proposals[lead_id] else "nothing_fits"
        if proposals[lead_id] and not bearable and lead_id not in paid:
            reason = "budget"
        choices[lead_id] = _first_allowed(plan_context, batch, reasons[lead_id], bearable, reason)
    return choices


def _held_back(plan_context: PlanContext, batch: PlanBatch) -> dict[str, InterventionRecord]:
    """Return by lead the actions of held-out leads that wait for the yes to their plan, as the others' do."""
    return {
        lead_id: action
        for lead_id, subject in batch.subjects.items()
        for action in subject.past
        if action.state == "held_out" and action.waits_for_plan and action.expires_at > plan_context.now
    }


def _proposals(plan_context: PlanContext, reasons: Reasons) -> list[Proposal]:
    allowed = plan_context.allowed
    if reasons.neglected_only:
        allowed = frozenset(name for name in allowed if name in _people(plan_context.catalogue))
    return propose(
        reasons.need,
        plan_context.catalogue,
        allowed_actions=allowed,
        uplifts=plan_context.uplifts,
        paused=plan_context.paused,
        name=plan_context.name,
    )


def _people(catalogue: Catalogue) -> set[str]:
    return {name for name, action in catalogue.actions.items() if action.by_people}


def _affordable(
    plan_context: PlanContext,
    reasons: Mapping[str, Reasons],
    proposals: Mapping[str, list[Proposal]],
    paid: Mapping[str, float],
) -> dict[str, list[Proposal]]:
    """Return the proposals that the budget bears.

    An action that waits already is `paid`: a proposal that replaces it costs the difference.
    """
    fresh = {lead_id: ranked for lead_id, ranked in proposals.items() if lead_id not in paid}
    affordable = within_budget(fresh, {lead_id: reasons[lead_id].need for lead_id in fresh}, plan_context.budget)
    left = plan_context.budget - sum(map(_dearest, affordable.values()))
    for lead_id, cost in paid.items():
        if lead_id in proposals:
            affordable[lead_id] = _no_dearer(proposals[lead_id], cost + max(left, 0.0))
            left -= max(_dearest(affordable[lead_id]) - cost, 0.0)
    return affordable


def _dearest(proposals: Sequence[Proposal]) -> float:
    return max((proposal.cost for proposal in options(proposals)), default=0.0)


def _no_dearer(proposals: Sequence[Proposal], cost: float) -> list[Proposal]:
    return [replace(proposal, otherwise=()) for proposal in options(proposals) if proposal.cost <= cost]


def _first_allowed(
    plan_context: PlanContext, batch: PlanBatch, reasons: Reasons, proposals: Sequence[Proposal], reason: str | None
) -> LeadChoice:
    """Return the best proposal that the gates let pass, and those before it as blocked.

    A proposal that waits because nobody knows where the lead is comes after those that need not: its hour may never
    come. `reason` is why there are no proposals.
    """
    lead_id = reasons.need.lead_id
    placeless: Selection | None = None
    blocked: list[InterventionDraft] = []
    for proposal in options(proposals):
        selection = _judge(plan_context, batch.subjects[lead_id], reasons, proposal)
        if selection.record is not None and not _still_open(selection.record, plan_context.now):
            # decided today, and over since: whatever comes next is another day's
            return LeadChoice(blocked=tuple(blocked), reason="decided")
        if selection.decision.decision == "block":
            arm = arm_of(selection, plan_context, batch.enrolments.get(lead_id))
            blocked.append(draft_of(selection, arm, plan_context))
        elif _is_placeless(selection):
            placeless = placeless or selection
        else:
            return LeadChoice(selection=selection, blocked=tuple(blocked))
    if placeless is not None:
        return LeadChoice(selection=placeless, blocked=tuple(blocked))
    return LeadChoice(blocked=tuple(blocked), reason="blocked" if blocked else reason)


def _is_placeless(selection: Selection) -> bool:
    return any(ruling.rule == "quiet.no_place" for ruling in selection.decision.rules)


def _still_open(record: InterventionRecord, now: datetime) -> bool:
    return record.state == "blocked" or _waits(record, now)


def _waits(record: InterventionRecord, now: datetime) -> bool:
    return (record.state in WAITING or record.waits_for_plan) and record.expires_at > now


def _judge(plan_context: PlanContext, subject: GateSubject, reasons: Reasons, proposal: Proposal) -> Selection:
    """Let the gates judge a proposal; where the same action was decided today or waits already, it is that one."""
    names = (subject.record.lead_id, proposal.intervention, proposal.action)
    todays_id = action_id(plan_context.tenant_id, *names, plan_context.now.date(), plan_context.catalogue.version)
    alike = [action for action in subject.past if (action.intervention, action.action) == names[1:]]
    waiting = (action for action in alike if _waits(action, plan_context.now))
    record = next(waiting, None) or next((action for action in alike if action.action_id == todays_id), None)
    moment = plan_context.now + proposal.delay
    candidate = candidate_of_proposal(proposal, plan_context)
    decision = gate_context.judge_action(candidate, subject, moment, plan_context.settings)
    return Selection(
        subject=subject,
        reasons=reasons,
        proposal=proposal,
        decision=decision,
        action_id=todays_id if record is None else record.action_id,
        not_before=decision.not_before or moment,
        record=record,
    )
