"""Actions as the CRM is told of them and as pages show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from db.records import InterventionDraft, InterventionRecord
from db.repositories.interventions import interventions
from db.session import Session
from domain.action_states import PAST, RUNNING
from tasks.runtime.context import TaskContext

#: what a card says of an action besides
_MORE = ("state", "policy", "planned_at", "dispatched_at", "reported_at", "reviewed_by", "withdrawn_reason")


def action_view(record: InterventionRecord) -> dict[str, Any]:
    """Give an action with the keys of the contract and nothing else."""
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
        "compliance": compliance_view(record.decision),
        **({} if text is None else {"text": text}),
        **({} if crm is None else {"crm": crm}),
    }


def compliance_view(decision: Mapping[str, Any]) -> dict[str, Any]:
    """Give what the gates decided and by which rules."""
    return {"decision": decision.get("decision"), "rules": list(decision.get("rules") or ())}


def suppressed_view(record: InterventionDraft) -> dict[str, Any]:
    """Give an action that may not be taken, with the gates' reasons."""
    names = ("action_id", "intervention", "action", "channel")
    return {**{name: getattr(record, name) for name in names}, "compliance": compliance_view(record.decision)}


def card_view(record: InterventionRecord) -> dict[str, Any]:
    """Give an action as a card shows it; of a lead that is held out nothing that anybody could act on."""
    if record.state == "held_out":
        return {"state": "held_out", "planned_at": record.planned_at}
    known = {name: getattr(record, name) for name in _MORE}
    return {**known, **{name: value for name, value in action_view(record).items() if name != "crm"}}


def card_section(session: Session, tenant_id: str, lead_id: str) -> dict[str, Any]:
    """Give a lead's part of the card: what is to be done, what was not allowed, what has been."""
    known = interventions.for_lead(session, tenant_id, lead_id=lead_id)
    held_out = any(record.state == "held_out" for record in known)
    return {
        "held_out": held_out,
        "running": [] if held_out else _of(known, RUNNING),
        "blocked": [] if held_out else _of(known, ("blocked",)),
        "past": _of(known, PAST),
    }


def audit_action(context: TaskContext, action: InterventionDraft | InterventionRecord, **more: Any) -> None:
    """Write what was decided of an action into the audit chain, by the ids of the rules."""
    told = ("action_id", "lead_id", "intervention", "action", "state", "held_out", "policy")
    ruled = action.decision
    context.audit(
        "intervention",
        **{name: getattr(action, name) for name in told},
        decision=ruled.get("decision"),
        rules=rule_ids(ruled),
        **more,
    )


def rule_ids(decision: Mapping[str, Any]) -> list[str]:
    """Give the ids of the rules of a stored decision."""
    return [rule["rule"] for rule in decision.get("rules") or ()]


def _of(known: Sequence[InterventionRecord], states: Sequence[str]) -> list[dict[str, Any]]:
    return [card_view(record) for record in known if record.state in states]
