"""Read stored leads again, once, when the refusal readers have become better since the leads were stored.

Each chunk is one transaction that also stores the position, so after a crash the next run continues there and counts
nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import structlog

from db import consent as rules
from db.records import ConsentReadingRecord, ConsentStatement, EventRecord, LeadDraft, LeadRecord
from db.repositories.consent import consent as ledger
from db.repositories.due_queues.queues import rescore_queue
from db.repositories.events import events
from db.repositories.leads import leads
from db.session import EVERY_TENANT, Session, reading
from domain.documents import JsonObject
from tasks.contracts.privacy import RereadLeads
from tasks.intake import consent
from tasks.runtime import schedule
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import job

log = structlog.get_logger(__name__)

#: version of the refusal readers: a new version makes all stored leads be read again
READERS = "2026-11-30"
#: leads per transaction, transactions per message, seconds between sweeps, tenants that one sweep starts
CHUNK, CHUNKS, SWEEP_SECONDS, TENANTS = 100, 50, 60, 20
#: kinds of inbound messages that are sent without a direction
_INBOUND = frozenset({"sms_received", "email_reply", "reply", "replied"})
#: decisions that count as a refusal
_CLOSED = frozenset({"refused", "unsubscribed"})
#: source of the recorded statements
SOURCE = "stored"


@job("hearth.privacy.reread", RereadLeads, queue="batch", internal=True)
def reread(request: RereadLeads, context: TaskContext) -> JsonObject:
    """Read a tenant's stored leads again from the last position; without a tenant, start the tenants that wait."""
    if request.tenant_id is None:
        return context.envelope(request, TaskResult(data={"tenants": _sweep()}))
    progress: ConsentReadingRecord | None = None
    for _ in range(CHUNKS):
        chunk_context = context.fork()
        with chunk_context.transaction(context.tenant_id) as session:
            progress = _read_chunk(session, chunk_context)
        if progress.finished_at is not None:
            break
    assert progress is not None
    if progress.finished_at is None:
        reread.apply_async(kwargs={"tenant_id": context.tenant_id}, ignore_result=True)
    return context.envelope(request, TaskResult(data=progress_data(progress)))


def progress_data(record: ConsentReadingRecord) -> JsonObject:
    """Return the progress of a run as JSON."""
    names = ("version", "leads", "refused", "doubtful", "started_at", "finished_at")
    return {name: getattr(record, name) for name in names}


def _sweep() -> int:
    if not schedule.is_due("privacy.reread", SWEEP_SECONDS):
        return 0
    with reading(EVERY_TENANT) as session:
        waiting = ledger.tenants_to_read(session, version=READERS, limit=TENANTS)
    for tenant_id in waiting:
        reread.apply_async(kwargs={"tenant_id": tenant_id}, expires=SWEEP_SECONDS, ignore_result=True)
    return len(waiting)


def _read_chunk(session: Session, context: TaskContext) -> ConsentReadingRecord:
    before = ledger.start_reading(session, context.tenant_id, version=READERS, now=context.now)
    if before.finished_at is not None:
        return before
    lead_ids = leads.ids(session, context.tenant_id, after=before.cursor or None, limit=CHUNK)
    new = _record_statements(session, context, lead_ids) if lead_ids else {}
    decisions = {lead_id: {statement.decision for statement in statements} for lead_id, statements in new.items()}
    closed = [lead_id for lead_id, made in decisions.items() if made & _CLOSED]
    doubtful = [lead_id for lead_id, made in decisions.items() if "doubtful" in made]
    after = replace(
        before,
        cursor=lead_ids[-1] if lead_ids else before.cursor,
        leads=before.leads + len(lead_ids),
        refused=before.refused + len(closed),
        doubtful=before.doubtful + len(doubtful),
        finished_at=None if len(lead_ids) == CHUNK else context.now,
    )
    ledger.save_reading(session, context.tenant_id, reading=after)
    if lead_ids:
        context.audit(
            "consent",
            event="consent.reread",
            readers=READERS,
            leads=len(lead_ids),
            refused=len(closed),
            doubtful=len(doubtful),
        )
    if after.finished_at is not None:
        context.emit_event("consent.reread", **progress_data(after))
    return after


def _record_statements(
    session: Session, context: TaskContext, lead_ids: Sequence[str]
) -> dict[str, tuple[ConsentStatement, ...]]:
    """Record the statements of leads; return, by lead, the new ones that close a channel that was open."""
    records = leads.get(session, context.tenant_id, lead_ids=lead_ids)
    messages = events.with_texts(session, context.tenant_id, lead_ids=lead_ids)
    noted = ledger.leads_with_entries(session, context.tenant_id, lead_ids=lead_ids)
    statements = {
        record.lead_id: (
            *(() if record.lead_id in noted else _stored(record)),
            *_marks(record, context),
            *_words(messages.get(record.lead_id, ())),
        )
        for record in records
    }
    recorded = ledger.record(session, context.tenant_id, statements=statements, source=SOURCE, now=context.now)
    closing = {record.lead_id: _newly_closing(record, recorded.get(record.lead_id, ())) for record in records}
    changed = sorted(lead_id for lead_id, made in closing.items() if made)
    rescore_queue.touch(session, context.tenant_id, lead_ids=changed)
    for start in range(0, len(changed), CHUNK):
        # plan again, which withdraws what was planned for the leads, or asks a person
        context.enqueue(
            "hearth.interventions.plan_due", tenant_id=context.tenant_id, lead_ids=changed[start : start + CHUNK]
        )
    return {lead_id: made for lead_id, made in closing.items() if made}


def _newly_closing(record: LeadRecord, statements: Sequence[ConsentStatement]) -> tuple[ConsentStatement, ...]:
    """Return the statements that close something which the lead's record had open."""
    return tuple(
        statement
        for statement in statements
        if statement.decision in rules.CLOSING
        and not record.consent.get(rules.view_item(statement)[0])
        and statement.basis != "stored"
    )


def _stored(record: LeadRecord) -> Iterator[ConsentStatement]:
    """Yield the consent of a lead that was stored before statements existed, as statements."""
    for name, value in record.consent.items():
        statement = rules.statement_for(name, value, basis="stored")
        if statement is not None:
            yield statement


def _marks(record: LeadRecord, context: TaskContext) -> tuple[ConsentStatement, ...]:
    draft = LeadDraft(fields=record.fields, custom=record.custom)
    return consent.with_marks(draft, at=context.now).statements


def _words(messages: Sequence[tuple[EventRecord, str, str]]) -> Iterator[ConsentStatement]:
    for event, source_id, text in messages:
        at = event.occurred_at
        if event.kind.startswith("note"):
            yield from consent.from_note(text, "note", at=at, reference=source_id)
        elif event.direction == "inbound" or (event.direction is None and event.kind in _INBOUND):
            yield from consent.from_message(text, event.channel, at=at, reference=source_id)
