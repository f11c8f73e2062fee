"""The ledger of consent as it is shown, and what a person decides where a refusal is in doubt."""

from __future__ import annotations

from typing import Any

from db import consent as rules
from db.records import ConsentStatement
from db.repositories.consent import consent as ledger
from db.repositories.due_queues import rescore_queue
from db.repositories.leads import leads
from db.session import Session
from tasks.contracts.privacy import ConsentLedger, DecideConsent, OpenDoubts
from tasks.errors import InvalidPayload
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import effect, query
from tasks.services.leads import refusals

#: statements that one answer shows; the whole ledger is in the export
MOST = 150


@query("hearth.privacy.consent", ConsentLedger)
def consent(session: Session, request: ConsentLedger, context: TaskContext) -> TaskResult:
    """Give who agreed or refused, when, by what, from which source, on which channel; without the words."""
    record = leads.get(session, context.tenant_id, lead_ids=[request.lead_id])[0]
    told = refusals.shown(session, context.tenant_id, record, most=MOST)
    return TaskResult(data={"lead_id": record.lead_id, **told}, as_of=context.now)


@query("hearth.privacy.doubts", OpenDoubts)
def doubts(session: Session, request: OpenDoubts, context: TaskContext) -> TaskResult:
    """Give leads that nothing is sent to until a person decides whether they refused, the longest waiting first."""
    found = refusals.in_doubt(session, context.tenant_id, assigned_to=request.assigned_to, limit=request.limit)
    return TaskResult(data={"leads": found}, as_of=context.now)


@effect("hearth.privacy.decide", DecideConsent)
def decide(session: Session, request: DecideConsent, context: TaskContext) -> TaskResult:
    """Note what a person has decided of a lead in doubt: it refused, on these channels, or it did not.

    Raises:
        InvalidPayload: there is no such lead, or nothing is in doubt.

    """
    record = leads.get(session, context.tenant_id, lead_ids=[request.lead_id])[0]
    open_ones = rules.doubts(record.consent)
    if not open_ones:
        raise InvalidPayload.at("conflict", "lead_id", "nothing of this lead is in doubt; a refusal that stands stays")
    told: dict[str, Any] = {"basis": "person", "reference": request.actor, "said_at": context.now}
    settled = [ConsentStatement(channel=channel, decision="settled", **told) for channel in open_ones]
    channels = request.channels or sorted(open_ones)
    refused = [ConsentStatement(channel=channel, decision="refused", **told) for channel in channels]
    said = settled if request.decision == "open" else [*refused, *settled]
    after = ledger.decide(session, context.tenant_id, lead_id=record.lead_id, statements=said, now=context.now)
    context.audit(
        "consent",
        lead_id=record.lead_id,
        event="consent.decided",
        decision=request.decision,
        channels=sorted({one.channel for one in said}),
        actor=request.actor,
    )
    rescore_queue.touch(session, context.tenant_id, lead_ids=[record.lead_id])
    if request.decision == "refused":
        context.emit_event(refusals.REFUSED, record.lead_id, lead_id=record.lead_id, at=context.now, channels=channels)
        # what was planned for it is taken back
        context.enqueue("hearth.interventions.plan_due", tenant_id=context.tenant_id, lead_ids=[record.lead_id])
    return TaskResult(data={"lead_id": record.lead_id, "decision": request.decision, **refusals.standing(after)})
