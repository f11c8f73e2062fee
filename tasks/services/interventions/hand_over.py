"""Judge at the moment at which an action leaves: it goes, waits, asks a person, is blocked, or is not wanted any more.

The dispatcher asks when it hands an action over, and the sender once more before its request leaves: what a person said
in between counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from db.records import InterventionRecord
from db.repositories.interventions import pauses
from db.repositories.privacy import restrictions
from db.session import Session
from ml.interventions.compliance.gates import GateDecision
from ml.interventions.policy import EVERY_INTERVENTION
from tasks.runtime.context import TaskContext
from tasks.services.interventions import gate_context
from tasks.services.interventions.action_rows import candidate_of_record
from tasks.services.interventions.gate_context import GateSubject
from tasks.services.interventions.intervention_settings import InterventionSettings, settings_of

#: go: now · wait: until `not_before` · ask: a person approves it first · block: a gate is closed · withdraw: it is not
#: wanted any more
Ruling = Literal["go", "wait", "ask", "block", "withdraw"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What is to be done with an action now."""

    ruling: Ruling
    #: the rule of the gates, or why it is withdrawn; None where nothing stands against it
    code: str | None = None
    #: None where the gates were not asked
    decision: GateDecision | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """The conditions that all actions of one hand-over share."""

    now: datetime
    settings: InterventionSettings
    paused: frozenset[str]
    #: lead -> why nothing may be computed about it
    blocked: Mapping[str, tuple[str, ...]]
    subjects: Mapping[str, GateSubject]


def load(session: Session, context: TaskContext, lead_ids: Sequence[str]) -> Conditions:
    """Load what the actions of some leads are judged by at `context.now`."""
    settings = settings_of(context.settings())
    return Conditions(
        now=context.now,
        settings=settings,
        paused=frozenset(pauses.active(session, context.tenant_id)),
        blocked=restrictions.blocked(session, context.tenant_id, lead_ids=lead_ids),
        subjects=gate_context.load(session, context, list(dict.fromkeys(lead_ids)), settings),
    )


def judge(action: InterventionRecord, conditions: Conditions) -> Judgement:
    """Judge one action by the conditions of its lead, which was loaded with them."""
    stopped = _stopped(action, conditions)
    if stopped is not None:
        return Judgement(ruling="withdraw", code=stopped)
    subject = conditions.subjects[action.lead_id]
    candidate = candidate_of_record(action)
    decision = gate_context.judge_action(candidate, subject, conditions.now, conditions.settings, but=action.action_id)
    rule = decision.rules[-1].rule if decision.rules else None
    if decision.decision == "block":
        return Judgement(ruling="block", code=rule, decision=decision)
    if decision.decision == "defer":
        late = (decision.not_before or action.expires_at) >= action.expires_at
        return (
            Judgement(ruling="withdraw", code="expired")
            if late
            else Judgement(ruling="wait", code=rule, decision=decision)
        )
    if decision.requires_approval and action.reviewed_at is None:
        return Judgement(ruling="ask", code=rule, decision=decision)
    return Judgement(ruling="go", decision=decision)


def _stopped(action: InterventionRecord, conditions: Conditions) -> str | None:
    """Return why an action is withdrawn without asking the gates; None where it is not."""
    if conditions.settings.kill_switch:
        return "kill_switch"
    if conditions.paused & {EVERY_INTERVENTION, action.intervention}:
        return "paused"
    if action.lead_id in conditions.blocked:
        return conditions.blocked[action.lead_id][0]
    subject = conditions.subjects[action.lead_id]
    # the actions for a lead that wants out protect it
    return None if subject.open or subject.wants_out else "ended"
