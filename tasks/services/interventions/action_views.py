"""Show actions: as the CRM gets them, as answers and pages show them, and as the audit chain records them."""

from __future__ import annotations

from collections.abc import Sequence

from db.records import InterventionDraft, InterventionRecord
from db.repositories.interventions import interventions
from db.session import Session
from domain.action_states import BLOCKED, PAST, RUNNING
from domain.documents import JsonMapping, JsonObject
from tasks.runtime.context import TaskContext

#: what a card shows of an action besides
_CARD_FIELDS = ("state", "policy", "planned_at", "dispatched_at", "reported_at", "reviewed_by", "withdrawn_reason")


def action_view(record: InterventionRecord) -> JsonObject:
    """Return an action with the keys of the contract and nothing else."""
    text, crm = record.detail.get("text"), record.detail.get("crm")
    return {
        "action_id": record.action_id,
        "intervention": record.intervention,
        "action": record.action,
        "channel": record.channel,
        "urgency": record.urgency,
        "not_before": record.not_before,
        "expires_at": record.expires_at,
        "requires_approval": record.requires_approval,
        "reason_codes": list(record.reason_codes),
        "expected_uplift": record.detail.get("expected_uplift"),
        "evidence": record.evidence,
        "compliance": {**compliance_view(record.decision), "rules": rulings(record)},
        **({} if text is None else {"text": text}),
        **({} if crm is None else {"crm": crm}),
    }


def compliance_view(decision: JsonMapping) -> JsonObject:
    """Return what the gates decided and by which rules."""
    return {"decision": decision.get("decision"), "rules": list(decision.get("rules") or ())}


def suppressed_view(record: InterventionDraft) -> JsonObject:
    """Return an action that may not be taken, with the gates' reasons."""
    return {
        "action_id": record.action_id,
        "intervention": record.intervention,
        "action": record.action,
        "channel": record.channel,
        "compliance": compliance_view(record.decision),
    }


def card_view(record: InterventionRecord) -> JsonObject:
    """Return an action as a card shows it; for a lead that is held out nothing that anybody could act on."""
    if record.state == "held_out":
        return {"state": "held_out", "planned_at": record.planned_at}
    fields = {name: getattr(record, name) for name in _CARD_FIELDS}
    return {**fields, **{name: value for name, value in action_view(record).items() if name != "crm"}}


def card_section(session: Session, tenant_id: str, lead_id: str) -> JsonObject:
    """Return a lead's part of the card: what is to be done, what was not allowed, and what was done."""
    actions = interventions.for_lead(session, tenant_id, lead_id=lead_id)
    held_out = any(action.state == "held_out" for action in actions)
    return {
        "held_out": held_out,
        "running": [] if held_out else _in_states(actions, RUNNING),
        "blocked": [] if held_out else _in_states(actions, BLOCKED),
        "past": _in_states(actions, PAST),
    }


def audit_action(context: TaskContext, action: InterventionDraft | InterventionRecord, **more: object) -> None:
    """Record what was decided of an action in the audit chain, with the ids of the rules."""
    context.audit(
        "intervention",
        action_id=action.action_id,
        lead_id=action.lead_id,
        intervention=action.intervention,
        action=action.action,
        state=action.state,
        held_out=action.held_out,
        policy=action.policy,
        decision=action.decision.get("decision"),
        rules=[ruling["rule"] for ruling in rulings(action)],
        **more,
    )


def rulings(record: InterventionDraft) -> list[JsonMapping]:
    """Return the gates' rulings on an action, and that it waits for a person's yes to its plan, where it does."""
    rules = list(record.decision.get("rules") or ())
    return [*rules, {"gate": "plan", "rule": record.awaits, "decision": "wait"}] if record.waits_for_plan else rules


def rule_ids(decision: JsonMapping) -> list[str]:
    """Return the ids of the rules of a stored decision."""
    return [rule["rule"] for rule in decision.get("rules") or ()]


def _in_states(actions: Sequence[InterventionRecord], states: Sequence[str]) -> list[JsonObject]:
    return [card_view(action) for action in actions if action.state in states]
