"""Rows of what was decided: the action, its place in the experiment, and the proof of the decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from db.records import ActionState, EnrolmentDraft, EnrolmentRecord, InterventionDraft, InterventionRecord
from ml.churn.labels import HORIZON
from ml.experiments.assignment import Assignment
from ml.interventions.compliance.gates import Candidate, Decision, Ruling
from ml.interventions.policy import Proposal
from tasks.contracts.base.wire import to_wire
from tasks.crm.highlevel import requests
from tasks.services.interventions import experiment
from tasks.services.interventions.eligibility import Reasons
from tasks.services.interventions.gate_context import GateSubject, candidate_from

#: nobody is held out of what protects a lead
CERTAIN = Assignment(held_out=False, propensity=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What may be done about a lead."""

    subject: GateSubject
    reasons: Reasons
    proposal: Proposal
    decision: Decision
    action_id: str
    #: version of the catalogue
    policy: str
    not_before: datetime
    #: the same action as it was decided before; None where it is new
    record: InterventionRecord | None


def candidate_of(proposal: Proposal, settings: Mapping[str, Any]) -> Candidate:
    """Give a proposal as the gates judge it; what a tenant's own workflow says nobody has shown to us."""
    return candidate_from(proposal.action, proposal.channel, proposal.cost, _detailed(proposal, settings))


def candidate_again(action: InterventionRecord) -> Candidate:
    """Give a stored action as the gates judge it."""
    return candidate_from(action.action, action.channel, action.cost, action.detail)


def arm_of(found: Selection, tenant_id: str, known: EnrolmentRecord | None, share: float) -> Assignment:
    """Say whether a lead is held out of what was found for it: once enrolled, for good."""
    if found.reasons.need.terminal:
        return CERTAIN
    if known is not None:
        return Assignment(held_out=known.held_out, propensity=known.propensity)
    return experiment.assigned(tenant_id, found.subject.record.lead_id, share)


def state_of(found: Selection, *, held_out: bool) -> ActionState:
    """Say how far the action is."""
    if found.decision.decision == "block":
        return "blocked"
    if held_out:
        return "held_out"
    return "approval" if found.decision.requires_approval else "planned"


def drafted(
    found: Selection, arm: Assignment, now: datetime, settings: Mapping[str, Any], contact_id: str | None = None
) -> InterventionDraft:
    """Give the row of an action; `settings` are the tenant's about interventions."""
    proposal = found.proposal
    return InterventionDraft(
        action_id=found.action_id,
        lead_id=found.subject.record.lead_id,
        prediction_id=found.reasons.prediction_id,
        intervention=proposal.intervention,
        action=proposal.action,
        channel=proposal.channel,
        urgency=proposal.urgency,
        state=state_of(found, held_out=arm.held_out),
        held_out=arm.held_out,
        propensity=arm.propensity,
        cost=proposal.cost,
        policy=found.policy,
        reason_codes=proposal.reason_codes,
        evidence=proposal.evidence,
        requires_approval=found.decision.requires_approval,
        decision=decided(found.decision),
        detail=_detail(found, settings, contact_id),
        planned_at=now,
        not_before=found.not_before,
        expires_at=found.not_before + proposal.lasting,
    )


def enrolled(action: InterventionRecord, now: datetime) -> EnrolmentDraft:
    """Give the place in the experiment that a lead takes with its first plan."""
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


def stored(draft: InterventionDraft) -> InterventionRecord:
    """Give the row as it is once it is stored."""
    own = {column.name: getattr(draft, column.name) for column in fields(InterventionDraft)}
    return InterventionRecord(
        **own,
        dispatched_at=None,
        reported_at=None,
        reviewed_by=None,
        reviewed_at=None,
        withdrawn_at=None,
        withdrawn_reason=None,
    )


def decided(decision: Decision) -> dict[str, Any]:
    """Give a decision as it is stored, with the rules that made it; no personal data."""
    plain: dict[str, Any] = to_wire({"decision": decision.decision, "rules": _rules(decision.rules)})
    return plain


def _rules(rulings: Iterable[Ruling]) -> list[dict[str, Any]]:
    names = ("gate", "rule", "decision", "until", "note")
    told = ({name: getattr(ruling, name) for name in names} for ruling in rulings)
    return [{name: value for name, value in one.items() if value is not None} for one in told]


def _detail(found: Selection, settings: Mapping[str, Any], contact_id: str | None) -> dict[str, Any]:
    proposal = found.proposal
    request = requests.request_of(
        proposal.action,
        contact_id=contact_id,
        text=proposal.text,
        title=proposal.title,
        due_at=found.not_before + proposal.lasting,
        assigned_to=found.subject.record.assigned_to,
        settings=settings,
    )
    told = {**_detailed(proposal, settings), "crm": request, "expected_uplift": proposal.expected_uplift}
    plain: dict[str, Any] = to_wire(told)
    return plain


def _detailed(proposal: Proposal, settings: Mapping[str, Any]) -> dict[str, str | None]:
    """Give what Hearth itself says."""
    if requests.is_own(proposal.action, settings):
        return {"title": None, "text": None}
    return {"title": proposal.title, "text": proposal.text}
