"""Show the consent ledger, and record a person's decision on a refusal that is in doubt."""

from __future__ import annotations

from datetime import datetime

from db import consent as rules
from db.records import ConsentStatement
from db.repositories.consent import consent as ledger
from db.repositories.due_queues.queues import rescore_queue
from db.repositories.leads import leads
from db.session import Session
from domain.channels import ConsentChannel
from domain.consent import ConsentDecision
from tasks.contracts.privacy import ConsentLedger, DecideConsent, OpenDoubts
from tasks.errors import InvalidPayload
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import effect, query
from tasks.services.leads import refusals

#: most statements of one result; the whole ledger is in the export
MOST = 150


@query("hearth.privacy.consent", ConsentLedger, queue="ingest", scope="privacy")
def consent(session: Session, request: ConsentLedger, context: TaskContext) -> TaskResult:
    """Return a lead's statements: when, by what, from which source and on which channel; without the words."""
    record = leads.get(session, context.tenant_id, lead_ids=[request.the_lead()])[0]
    ledger_view = refusals.ledger_view(session, context.tenant_id, record, most=MOST)
    return TaskResult(data={"lead_id": record.lead_id, **ledger_view}, as_of=context.now)


@query("hearth.privacy.doubts", OpenDoubts, queue="ingest", scope="privacy")
def doubts(session: Session, request: OpenDoubts, context: TaskContext) -> TaskResult:
    """Return the leads that get no message until a person decides whether they refused, the longest waiting first."""
    in_doubt = refusals.in_doubt(session, context.tenant_id, assigned_to=request.assigned_to, limit=request.limit)
    return TaskResult(data={"leads": in_doubt}, as_of=context.now)


@effect("hearth.privacy.decide", DecideConsent, queue="ingest", scope="privacy")
def decide(session: Session, request: DecideConsent, context: TaskContext) -> TaskResult:
    """Record a person's decision on a lead in doubt: it refused, on these channels, or it did not.

    Raises:
        InvalidPayload: there is no such lead, or nothing is in doubt.

    """
    record = leads.get(session, context.tenant_id, lead_ids=[request.the_lead()])[0]
    in_doubt = rules.doubts(record.consent)
    if not in_doubt:
        raise InvalidPayload.at("conflict", "lead_id", "nothing of this lead is in doubt; a clear refusal stays")
    settled = [_decided(channel, "settled", request.actor, context.now) for channel in in_doubt]
    channels = request.channels or sorted(in_doubt)
    refused = [_decided(channel, "refused", request.actor, context.now) for channel in channels]
    statements = settled if request.decision == "open" else [*refused, *settled]
    after = ledger.decide(session, context.tenant_id, lead_id=record.lead_id, statements=statements, now=context.now)
    context.audit(
        "consent",
        lead_id=record.lead_id,
        event="consent.decided",
        decision=request.decision,
        channels=sorted({statement.channel for statement in statements}),
        actor=request.actor,
    )
    rescore_queue.touch(session, context.tenant_id, lead_ids=[record.lead_id])
    if request.decision == "refused":
        context.emit_event(refusals.REFUSED, record.lead_id, lead_id=record.lead_id, at=context.now, channels=channels)
        # plan again, which withdraws what was planned for the lead
        context.enqueue("hearth.interventions.plan_due", tenant_id=context.tenant_id, lead_ids=[record.lead_id])
    return TaskResult(data={"lead_id": record.lead_id, "decision": request.decision, **refusals.channels_view(after)})


def _decided(channel: ConsentChannel, decision: ConsentDecision, actor: str, now: datetime) -> ConsentStatement:
    return ConsentStatement(channel=channel, decision=decision, basis="person", reference=actor, said_at=now)
