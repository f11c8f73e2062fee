"""Write what planning decided: each row once, places in the experiment, audit entries, and what follows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from db.records import EnrolmentRecord, InterventionDraft, InterventionRecord
from db.repositories.interventions import enrolments, interventions, plan_releases
from db.repositories.leads import leads
from db.session import Session
from domain.action_states import BLOCKED, RUNNING, WAITING
from domain.crms import LEAD_SYSTEMS
from tasks.crm.adapter import CrmAdapter
from tasks.runtime.context import TaskContext
from tasks.services.interventions import plan_wait
from tasks.services.interventions.action_rows import Selection, arm_of, draft_of, enrolment_of, record_of
from tasks.services.interventions.action_views import audit_action, rule_ids
from tasks.services.interventions.gate_context import GateSubject
from tasks.services.interventions.plan_types import LeadPlan, PlanBatch, PlanContext

#: actions that one message hands over at most
CHUNK = 200
#: why nothing new is planned for a lead -> the code under which what waits for it is withdrawn
_IDLE = {
    "below_threshold": "not_needed",
    "no_risk": "not_needed",
    "ended": "ended",
    "no_client": "ended",
    "nothing_fits": "not_needed",
    "blocked": "blocked",
}


def withdraw_waiting(
    session: Session, context: TaskContext, plans: Mapping[str, LeadPlan], selections: Mapping[str, Selection]
) -> dict[str, LeadPlan]:
    """Withdraw what waits where something else was selected, a gate blocks it now, or nothing is needed any more.

    Return the plans as they are then. An action that was handed over meanwhile runs, and nothing else is done
    (`collision`).
    """
    return {
        lead_id: _withdraw_waiting(session, context, plan, selections.get(lead_id)) for lead_id, plan in plans.items()
    }


def leave_plan(
    session: Session,
    context: TaskContext,
    plans: Mapping[str, LeadPlan],
    selections: Mapping[str, Selection],
    held_back: Mapping[str, InterventionRecord],
) -> None:
    """Take the held-out actions of leads out of the plan that waits where `withdraw_waiting` would withdraw others'."""
    left = [
        lead_id
        for lead_id, action in held_back.items()
        if (plans[lead_id].reason in _IDLE if lead_id not in selections else selections[lead_id].record != action)
    ]
    plan_releases.leave(session, context.tenant_id, lead_ids=left)


def _withdraw_waiting(session: Session, context: TaskContext, plan: LeadPlan, selection: Selection | None) -> LeadPlan:
    reason = "superseded" if selection is not None else _IDLE.get(plan.reason or "")
    if reason is None:
        return plan
    selected_id = None if selection is None or selection.record is None else selection.record.action_id
    old = [action for action in plan.actions if action.action_id != selected_id and action.state in WAITING]
    withdrawn_ids = [action.action_id for action in old if _take_back(session, context, action, plan, reason)]
    return replace(
        plan,
        actions=tuple(action for action in plan.actions if action.action_id not in withdrawn_ids),
        reason=plan.reason if len(withdrawn_ids) == len(old) else "collision",
    )


def _take_back(session: Session, context: TaskContext, action: InterventionRecord, plan: LeadPlan, reason: str) -> bool:
    """Move a waiting action to `blocked` where a gate says so now, else to `withdrawn`; False if it waits no more."""
    decision = next((draft.decision for draft in plan.blocked if draft.action_id == action.action_id), None)
    moved = interventions.move(
        session,
        context.tenant_id,
        action_id=action.action_id,
        to="withdrawn" if decision is None else "blocked",
        of=WAITING,
        now=context.now,
        reason=reason if decision is None else None,
        decision=decision,
    )
    if moved is None:
        return False
    if decision is None:
        audit_action(context, moved, reason=reason)
    else:
        audit_action(context, moved)
    return True


def store(
    session: Session,
    context: TaskContext,
    plan_context: PlanContext,
    batch: PlanBatch,
    *,
    plans: Mapping[str, LeadPlan],
    selections: Mapping[str, Selection],
) -> dict[str, LeadPlan]:
    """Store what was selected and blocked, enrol the leads, hand over what may go now; return the finished plans."""
    wanted = _drafts(session, plan_context, batch, selections)
    rule = plan_wait.rule_of(session, plan_context, wanted.values())
    drafts = {lead_id: plan_wait.held(draft, rule) for lead_id, draft in wanted.items()}
    plan_wait.announce(session, context, rule, drafts.values())
    new = {lead_id: draft for lead_id, draft in drafts.items() if selections[lead_id].record is None}
    blocked = [draft for plan in plans.values() for draft in _news(plan_context, batch.subjects[plan.lead_id], plan)]
    _save(session, context, [*new.values(), *blocked])
    revived = {
        lead_id: moved
        for lead_id, draft in drafts.items()
        if lead_id not in new and (moved := _revive(session, context, draft)) is not None
    }
    actions = {lead_id: record_of(draft) for lead_id, draft in new.items()} | revived
    actions |= _free(session, context, plan_context, selections)
    enrolled = _enrol(session, context, batch, selections, actions)
    hand_over(
        context,
        [action for action in actions.values() if action.state == "planned" and action.not_before <= context.now],
    )
    actions = _held_out(selections) | actions
    return {lead_id: _finished(plan, actions.get(lead_id), enrolled.get(lead_id)) for lead_id, plan in plans.items()}


def _free(
    session: Session, context: TaskContext, plan_context: PlanContext, selections: Mapping[str, Selection]
) -> dict[str, InterventionRecord]:
    """Let the waiting actions go of the leads for which nobody need be asked any more."""
    waiting = {
        lead_id: selection.record
        for lead_id, selection in selections.items()
        if selection.record is not None and selection.record.waits_for_plan
    }
    return plan_wait.free(session, context, waiting) if plan_context.goes_unasked and waiting else {}


def _held_out(selections: Mapping[str, Selection]) -> dict[str, InterventionRecord]:
    return {
        lead_id: selection.record
        for lead_id, selection in selections.items()
        if selection.record is not None and selection.record.state == "held_out"
    }


def hand_over(context: TaskContext, actions: Sequence[InterventionRecord]) -> None:
    """Have actions dispatched once this transaction is committed."""
    ids = [action.action_id for action in actions]
    for start in range(0, len(ids), CHUNK):
        context.enqueue(
            "hearth.interventions.dispatch", tenant_id=context.tenant_id, action_ids=ids[start : start + CHUNK]
        )


def _drafts(
    session: Session, plan_context: PlanContext, batch: PlanBatch, selections: Mapping[str, Selection]
) -> dict[str, InterventionDraft]:
    """Write the drafts of what is new, and of what was blocked earlier the same day and may go now."""
    open_ = {
        lead_id: selection
        for lead_id, selection in selections.items()
        if selection.record is None or selection.record.state == "blocked"
    }
    contact_ids = leads.identities(
        session, plan_context.tenant_id, source_system=plan_context.crm.provider, lead_ids=list(open_)
    )
    return {
        lead_id: draft_of(
            selection,
            arm_of(selection, plan_context, batch.enrolments.get(lead_id)),
            plan_context,
            contact_ids.get(lead_id) or _contact_id(selection.subject, plan_context.crm),
        )
        for lead_id, selection in open_.items()
    }


def _contact_id(subject: GateSubject, crm: CrmAdapter) -> str | None:
    """Return the lead's own id unless it is one of another CRM, which means nothing to this one."""
    foreign = LEAD_SYSTEMS - {crm.provider}
    return None if subject.record.source_system in foreign else subject.record.external_id


def _news(plan_context: PlanContext, subject: GateSubject, plan: LeadPlan) -> Iterable[InterventionDraft]:
    """Leave out what the same rules have blocked lately: it is known, and a row a day says no more."""
    since = plan_context.now - plan_context.settings.cooldown
    lately = {_rules_key(action) for action in subject.past if action.state == "blocked" and action.planned_at > since}
    return [draft for draft in plan.blocked if _rules_key(draft) not in lately]


def _rules_key(action: InterventionDraft | InterventionRecord) -> tuple[str, ...]:
    return action.intervention, action.action, *rule_ids(action.decision)


def _save(session: Session, context: TaskContext, drafts: Sequence[InterventionDraft]) -> None:
    saved = interventions.save(session, context.tenant_id, drafts=drafts) if drafts else []
    for draft, (_, new) in zip(drafts, saved, strict=True):
        if new:
            audit_action(context, draft)


def _revive(session: Session, context: TaskContext, draft: InterventionDraft) -> InterventionRecord | None:
    """Move an action that was blocked earlier the same day to where it is decided now."""
    moved = interventions.move(
        session,
        context.tenant_id,
        action_id=draft.action_id,
        to=draft.state,
        of=BLOCKED,
        now=context.now,
        revised=draft,
    )
    if moved is not None:
        audit_action(context, moved)
    return moved


def _enrol(
    session: Session,
    context: TaskContext,
    batch: PlanBatch,
    selections: Mapping[str, Selection],
    actions: Mapping[str, InterventionRecord],
) -> dict[str, EnrolmentRecord]:
    """Enrol the leads that get their first plan; return their places in the experiment."""
    drafts = [
        enrolment_of(action, context.now)
        for lead_id, action in actions.items()
        if lead_id not in batch.enrolments and action.awaits is None and not selections[lead_id].reasons.need.terminal
    ]
    return dict(enrolments.enrol(session, context.tenant_id, drafts=drafts)) if drafts else {}


def _finished(plan: LeadPlan, action: InterventionRecord | None, enrolment: EnrolmentRecord | None) -> LeadPlan:
    if enrolment is not None:
        plan = replace(plan, held_out=enrolment.held_out, propensity=enrolment.propensity)
    if action is None:
        return plan
    if action.awaits is not None:
        plan = replace(plan, held_out=action.held_out, propensity=action.propensity)
    if action.state in RUNNING:
        others = (other for other in plan.actions if other.action_id != action.action_id)
        return replace(plan, actions=(*others, action))
    return replace(plan, reason="held_out") if action.state == "held_out" else plan
