"""Write what was decided as rows: the action, the lead's place in the experiment, and the decision of the gates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime

from db.records import EnrolmentDraft, EnrolmentRecord, InterventionDraft, InterventionRecord
from domain.action_states import ActionState
from domain.documents import JsonObject
from ml.churn.labels import HORIZON
from ml.experiments.assignment import Assignment
from ml.interventions.compliance.gates import ActionCandidate, GateDecision, Ruling
from ml.interventions.policy import Proposal
from tasks.contracts.base.wire import to_wire
from tasks.crm.adapter import CrmAction
from tasks.services.interventions import experiment
from tasks.services.interventions.eligibility import Reasons
from tasks.services.interventions.gate_context import GateSubject, candidate_of
from tasks.services.interventions.plan_types import PlanContext

#: nobody is held out of what protects a lead
CERTAIN = Assignment(held_out=False, propensity=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A proposal for a lead as the gates judged it."""

    subject: GateSubject
    reasons: Reasons
    proposal: Proposal
    decision: GateDecision
    action_id: str
    not_before: datetime
    #: the same action as it was decided before; None where it is new
    record: InterventionRecord | None


def candidate_of_proposal(proposal: Proposal, plan_context: PlanContext) -> ActionCandidate:
    """Return a proposal as the gates judge it; nobody has shown us what a tenant's own workflow says."""
    title, text = _words(proposal, plan_context)
    return candidate_of(proposal.action, proposal.channel, proposal.cost, title=title, text=text)


def candidate_of_record(action: InterventionRecord) -> ActionCandidate:
    """Return a stored action as the gates judge it."""
    return candidate_of(
        action.action, action.channel, action.cost, title=action.detail["title"], text=action.detail["text"]
    )


def arm_of(selection: Selection, plan_context: PlanContext, enrolment: EnrolmentRecord | None) -> Assignment:
    """Return the arm of a lead for an action: once it is enrolled, its arm stays."""
    if selection.reasons.need.terminal:
        return CERTAIN
    if enrolment is not None:
        return Assignment(held_out=enrolment.held_out, propensity=enrolment.propensity)
    lead_id = selection.subject.record.lead_id
    return experiment.assign_arm(plan_context.tenant_id, lead_id, plan_context.settings.holdout)


def draft_of(
    selection: Selection, arm: Assignment, plan_context: PlanContext, contact_id: str | None = None
) -> InterventionDraft:
    """Return the row of an action; `contact_id` is the lead's id in the CRM, None where it is not known."""
    proposal, decision = selection.proposal, selection.decision
    return InterventionDraft(
        action_id=selection.action_id,
        lead_id=selection.subject.record.lead_id,
        prediction_id=selection.reasons.prediction_id,
        intervention=proposal.intervention,
        action=proposal.action,
        channel=proposal.channel,
        urgency=proposal.urgency,
        state=_state_of(decision, held_out=arm.held_out),
        held_out=arm.held_out,
        propensity=arm.propensity,
        cost=proposal.cost,
        policy=plan_context.catalogue.version,
        reason_codes=proposal.reason_codes,
        evidence=proposal.evidence,
        requires_approval=decision.requires_approval,
        decision=decision_json(decision),
        detail=_detail(selection, plan_context, contact_id),
        planned_at=plan_context.now,
        not_before=selection.not_before,
        expires_at=selection.not_before + proposal.lasting,
    )


def enrolment_of(action: InterventionRecord, now: datetime) -> EnrolmentDraft:
    """Return the place in the experiment that a lead takes with its first plan."""
    return EnrolmentDraft(
        experiment=experiment.EXPERIMENT,
        lead_id=action.lead_id,
        held_out=action.held_out,
        propensity=action.propensity,
        intervention=action.intervention,
        action_id=action.action_id,
        enrolled_at=now,
        due_at=now + HORIZON,
    )


def record_of(draft: InterventionDraft) -> InterventionRecord:
    """Return a draft as the record that it is once it is stored."""
    return InterventionRecord(
        **{column.name: getattr(draft, column.name) for column in fields(InterventionDraft)},
        dispatched_at=None,
        reported_at=None,
        reviewed_by=None,
        reviewed_at=None,
        withdrawn_at=None,
        withdrawn_reason=None,
    )


def decision_json(decision: GateDecision) -> JsonObject:
    """Return a decision as it is stored, with the rules that made it; no personal data."""
    wire: JsonObject = to_wire({"decision": decision.decision, "rules": _rules(decision.rules)})
    return wire


def _state_of(decision: GateDecision, *, held_out: bool) -> ActionState:
    if decision.decision == "block":
        return "blocked"
    if held_out:
        return "held_out"
    return "approval" if decision.requires_approval else "planned"


def _rules(rulings: Iterable[Ruling]) -> list[JsonObject]:
    names = ("gate", "rule", "decision", "until", "note")
    rules = ({name: getattr(ruling, name) for name in names} for ruling in rulings)
    return [{name: value for name, value in rule.items() if value is not None} for rule in rules]


def _detail(selection: Selection, plan_context: PlanContext, contact_id: str | None) -> JsonObject:
    proposal = selection.proposal
    title, text = _words(proposal, plan_context)
    request = plan_context.crm.request_of(
        CrmAction(
            action=proposal.action,
            contact_id=contact_id,
            text=proposal.text,
            title=proposal.title,
            due_at=selection.not_before + proposal.lasting,
            assigned_to=selection.subject.record.assigned_to,
            settings=plan_context.raw_settings,
        )
    )
    wire: JsonObject = to_wire(
        {"title": title, "text": text, "crm": request, "expected_uplift": proposal.expected_uplift}
    )
    return wire


def _words(proposal: Proposal, plan_context: PlanContext) -> tuple[str | None, str | None]:
    """Return the title and text that Hearth writes; None where the tenant's own workflow carries the action out."""
    if plan_context.crm.is_tenant_run(proposal.action, plan_context.raw_settings):
        return None, None
    return proposal.title, proposal.text
