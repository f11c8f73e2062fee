"""Actions whose time has come are judged once more, on what is known at that moment, and handed to the CRM.

Handing over is an event of the outbound stream, written with the action's new state: it is told at least once, under
the action's own id.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from db import clock
from db.records import InterventionRecord
from db.repositories.interventions import interventions, pauses
from db.repositories.privacy import restrictions
from db.session import EVERY_TENANT, Session, reading
from domain.action_states import READY
from ml.interventions.compliance.gates import GateDecision
from ml.interventions.policy import EVERY_INTERVENTION
from tasks.contracts.interventions import DispatchActions
from tasks.runtime import schedule
from tasks.runtime.bisect_batch import bisect
from tasks.runtime.context import Json, TaskContext, TaskResult
from tasks.runtime.task import job
from tasks.services.interventions import action_views, gate_context
from tasks.services.interventions.action_rows import candidate_of_record, decision_json
from tasks.services.interventions.gate_context import GateSubject
from tasks.services.interventions.intervention_settings import InterventionSettings, settings_of
from tasks.services.interventions.plan_store import CHUNK
from tasks.services.interventions.withdrawal import withdraw

log = structlog.get_logger(__name__)

#: seconds between looks, after which a message of one is of no use any more, and actions that one look finds at most
LOOK, STALE, LIMIT = 15, 60, 2000


@job("hearth.interventions.dispatch", DispatchActions, queue="inference", internal=True)
def dispatch(request: DispatchActions, context: TaskContext) -> Json:
    """Hand actions over that the gates still let pass; without a tenant, have it done for everybody's that are due."""
    if request.action_ids is None:
        return context.envelope(request, TaskResult(data={"due": _sweep()}))
    found: Counter[str] = Counter()

    def run(action_ids: Sequence[str]) -> None:
        own = context.fork()
        with own.transaction(context.tenant_id) as session:
            # the law's hours are no matter of this machine's clock
            done = dispatch_actions(session, replace(own, now=clock.now(session)), action_ids)
        found.update(done)

    def failed(action_id: str, error: str) -> None:
        log.error("action_not_dispatched", action_id=action_id, error=error)

    bisect(list(dict.fromkeys(request.action_ids)), run, failed)
    return context.envelope(request, TaskResult(data=dict(sorted(found.items()))))


def _sweep() -> int:
    if not schedule.is_due("interventions.dispatch", LOOK):
        return 0
    with reading(EVERY_TENANT) as session:
        due = interventions.due(session, now=clock.now(session), limit=LIMIT)
    by_tenant: dict[str, list[str]] = defaultdict(list)
    for tenant_id, action_id in due:
        by_tenant[tenant_id].append(action_id)
    for tenant_id, action_ids in by_tenant.items():
        for start in range(0, len(action_ids), CHUNK):
            asked = {"tenant_id": tenant_id, "action_ids": action_ids[start : start + CHUNK]}
            dispatch.apply_async(kwargs=asked, expires=STALE, ignore_result=True)
    return len(due)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    """What holds for all actions that are handed over at once."""

    choices: InterventionSettings
    paused: frozenset[str]
    #: leads of whom nothing may be computed
    held: Mapping[str, tuple[str, ...]]
    subjects: Mapping[str, GateSubject]

    def stopped(self, action: InterventionRecord) -> str | None:
        """Say why an action is taken back, if it is."""
        if self.choices.kill_switch:
            return "kill_switch"
        if self.paused & {EVERY_INTERVENTION, action.intervention}:
            return "paused"
        if action.lead_id in self.held:
            return self.held[action.lead_id][0]
        subject = self.subjects[action.lead_id]
        # who wants out is protected by what is done about it
        return None if subject.open or subject.wants_out else "ended"


def dispatch_actions(session: Session, context: TaskContext, action_ids: Sequence[str]) -> dict[str, int]:
    """Hand over those of some actions whose time has come; gives how many went which way, in one transaction."""
    known = interventions.get(session, context.tenant_id, action_ids=action_ids)
    ready = [one for one in known if one.state == "planned" and one.not_before <= context.now < one.expires_at]
    if not ready:
        return {}
    moment = _moment(session, context, [one.lead_id for one in ready])
    return dict(Counter(_decide(session, context, moment, one) for one in ready))


def _moment(session: Session, context: TaskContext, lead_ids: Sequence[str]) -> _Moment:
    choices = settings_of(context.settings())
    return _Moment(
        choices=choices,
        paused=frozenset(pauses.active(session, context.tenant_id)),
        held=restrictions.blocked(session, context.tenant_id, lead_ids=lead_ids),
        subjects=gate_context.load(session, context, list(dict.fromkeys(lead_ids)), choices),
    )


def _decide(session: Session, context: TaskContext, moment: _Moment, action: InterventionRecord) -> str:
    reason = moment.stopped(action)
    if reason is not None:
        return "withdrawn" if withdraw(session, context, [action.action_id], reason, of=READY) else "passed"
    return _judge(session, context, moment, action)


def _judge(session: Session, context: TaskContext, moment: _Moment, action: InterventionRecord) -> str:
    subject = moment.subjects[action.lead_id]
    decision = gate_context.judge_action(
        candidate_of_record(action), subject, context.now, moment.choices, but=action.action_id
    )
    if decision.decision == "defer" and (decision.not_before or action.expires_at) >= action.expires_at:
        return "withdrawn" if withdraw(session, context, [action.action_id], "expired", of=READY) else "passed"
    moved = _moved(session, context, action, decision)
    if moved is None:
        return "passed"
    action_views.audit_action(context, moved)
    if moved.state == "dispatched":
        context.emit_event("action.planned", moved.lead_id, **action_views.action_view(moved))
    return "deferred" if moved.state == "planned" else moved.state


def _moved(
    session: Session, context: TaskContext, action: InterventionRecord, decision: GateDecision
) -> InterventionRecord | None:
    """Move an action to where the gates' decision brings it; None where somebody else was quicker."""
    told: dict[str, Any] = {
        "action_id": action.action_id,
        "of": READY,
        "now": context.now,
        "decision": decision_json(decision),
    }
    if decision.decision == "block":
        return interventions.move(session, context.tenant_id, to="blocked", **told)
    if decision.decision == "defer":
        return interventions.move(session, context.tenant_id, to="planned", not_before=decision.not_before, **told)
    approved = action.reviewed_at is not None or not decision.requires_approval
    return interventions.move(session, context.tenant_id, to="dispatched" if approved else "approval", **told)
