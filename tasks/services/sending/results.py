"""Record what became of a request, and report the action's outcome as a brokerage's own back end would."""

from __future__ import annotations

from collections.abc import Collection

from db.records import CrmSendRecord, SendState
from db.repositories.outbound import crm_sends
from db.session import Session
from domain.action_states import ActionState, SendingOutcome
from tasks.runtime.context import TaskContext
from tasks.services.interventions.withdrawal import withdraw
from tasks.services.sending.prepare import Ended

_RECORD = "hearth.outcomes.record"
#: the state of an action whose request is in the ledger
_HANDED_OVER: tuple[ActionState, ...] = ("dispatched",)
#: what a person may say of a request whose outcome nobody knows -> its state, and the outcome of its action
SETTLED: dict[bool, tuple[SendState, SendingOutcome]] = {
    True: ("sent", "executed"),
    False: ("refused", "rejected"),
}


def record_sent(
    session: Session,
    context: TaskContext,
    entry: CrmSendRecord,
    *,
    written: str | None,
    message_ids: Collection[str],
    code: str | None,
) -> None:
    """Record that the CRM has taken a request; its action is executed."""
    key, tenant_id = entry.key, context.tenant_id
    crm_sends.end(session, tenant_id, key=key, state="sent", code=code, written=written, now=context.now)
    if entry.action_id is not None:
        own = {"lead_id": entry.lead_id, "action_id": entry.action_id}
        crm_sends.add_messages(session, tenant_id, message_ids=message_ids, now=context.now, **own)
        _report(context, entry, "executed")


def record_refused(session: Session, context: TaskContext, entry: CrmSendRecord, code: str) -> None:
    """Record that the CRM refused a request for good; its action is rejected."""
    crm_sends.end(session, context.tenant_id, key=entry.key, state="refused", code=code, now=context.now)
    if entry.action_id is not None:
        _report(context, entry, "rejected")


def record_ended(session: Session, context: TaskContext, entry: CrmSendRecord, ended: Ended) -> None:
    """Record that a request was not sent; an action that a gate stopped is withdrawn, one without request rejected."""
    tenant_id, now = context.tenant_id, context.now
    crm_sends.end(session, tenant_id, key=entry.key, state=ended.state, of=("pending",), code=ended.code, now=now)
    if entry.action_id is not None and ended.withdraws:
        withdraw(session, context, [entry.action_id], ended.code, of=_HANDED_OVER)
    elif entry.action_id is not None and ended.state == "refused":
        _report(context, entry, "rejected")


def settle(session: Session, context: TaskContext, entry: CrmSendRecord, *, sent: bool, actor: str) -> bool:
    """Record what a person found out about a request that is unsure or dead; return whether it was."""
    state, outcome = SETTLED[sent]
    changed = crm_sends.end(
        session,
        context.tenant_id,
        key=entry.key,
        state=state,
        of=("unsure", "dead"),
        code="settled",
        now=context.now,
    )
    if changed:
        _audit(context, entry, "settled", actor, sent=sent)
        if entry.action_id is not None:
            _report(context, entry, outcome)
    return changed


def resend(session: Session, context: TaskContext, entry: CrmSendRecord, *, actor: str) -> bool:
    """Send once more, at a person's word, what is unsure, refused or dead; return whether it was."""
    changed = crm_sends.resend(session, context.tenant_id, key=entry.key, now=context.now)
    if changed:
        _audit(context, entry, "resent", actor)
    return changed


def _report(context: TaskContext, entry: CrmSendRecord, outcome: SendingOutcome) -> None:
    """Enqueue the outcome of an action with the record of its sending, so that it is told once in either case."""
    told = {
        "subject": {"lead_id": entry.lead_id},
        "type": outcome,
        "at": context.now,
        "action_id": entry.action_id,
        "outcome_id": f"sender:{entry.action_id}:{outcome}",
    }
    context.enqueue(_RECORD, tenant_id=context.tenant_id, outcomes=[told])


def _audit(context: TaskContext, entry: CrmSendRecord, did: str, actor: str, **more: object) -> None:
    told = {"lead_id": entry.lead_id, "action_id": entry.action_id, "was": entry.state, "actor": actor}
    context.audit("sender", did=did, **told, **more)
