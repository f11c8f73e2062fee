"""Leads that were stored before the readers of refusals knew what they know now are read again, once.

Each chunk is one transaction with its place, so a crash goes on where it stopped and nothing is counted twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import structlog

from db import consent as rules
from db.records import ConsentStatement, EventRecord, LeadDraft, LeadRecord, ReadingRecord
from db.repositories.consent import consent as ledger
from db.repositories.due_queues import rescore_queue
from db.repositories.events import events
from db.repositories.leads import leads
from db.session import EVERY_TENANT, Session, reading
from tasks.contracts.privacy import RereadLeads
from tasks.intake import consent
from tasks.runtime import schedule
from tasks.runtime.context import Json, TaskContext, TaskResult
from tasks.runtime.task import job

log = structlog.get_logger(__name__)

#: of the readers: a new one has all stored leads read again
READERS = "2026-11-30"
#: leads of one transaction, transactions of one message, seconds between looks, tenants that one look begins
CHUNK, CHUNKS, LOOK, TENANTS = 100, 50, 60, 20
#: kinds of inbound messages whose direction nobody tells
_INBOUND = frozenset({"sms_received", "email_reply", "reply", "replied"})
#: decisions that a reading counts as a refusal
_CLOSED = frozenset({"refused", "unsubscribed"})
#: source of what was found
SOURCE = "stored"


@job("hearth.privacy.reread", RereadLeads)
def reread(request: RereadLeads, context: TaskContext) -> Json:
    """Read a tenant's stored leads again, from where it stopped; without a tenant, begin with those that wait."""
    if request.tenant_id is None:
        return context.envelope(request, TaskResult(data={"tenants": _sweep()}))
    done: ReadingRecord | None = None
    for _ in range(CHUNKS):
        own = context.fork()
        with own.transaction(context.tenant_id) as session:
            done = _chunk(session, own)
        if done.finished_at is not None:
            break
    assert done is not None
    if done.finished_at is None:
        reread.apply_async(kwargs={"tenant_id": context.tenant_id}, ignore_result=True)
    return context.envelope(request, TaskResult(data=told(done)))


def told(record: ReadingRecord) -> Json:
    """Give how far a reading got, as numbers."""
    names = ("version", "leads", "refused", "doubtful", "started_at", "finished_at")
    return {name: getattr(record, name) for name in names}


def _sweep() -> int:
    if not schedule.is_due("privacy.reread", LOOK):
        return 0
    with reading(EVERY_TENANT) as session:
        waiting = ledger.unread(session, version=READERS, limit=TENANTS)
    for tenant_id in waiting:
        reread.apply_async(kwargs={"tenant_id": tenant_id}, expires=LOOK, ignore_result=True)
    return len(waiting)


def _chunk(session: Session, context: TaskContext) -> ReadingRecord:
    before = ledger.begin_reading(session, context.tenant_id, version=READERS, now=context.now)
    if before.finished_at is not None:
        return before
    lead_ids = leads.ids(session, context.tenant_id, after=before.cursor or None, limit=CHUNK)
    fresh = _read(session, context, lead_ids) if lead_ids else {}
    closed = [lead_id for lead_id, said in fresh.items() if any(one.decision in _CLOSED for one in said)]
    doubtful = [lead_id for lead_id, said in fresh.items() if any(one.decision == "doubtful" for one in said)]
    after = replace(
        before,
        cursor=lead_ids[-1] if lead_ids else before.cursor,
        leads=before.leads + len(lead_ids),
        refused=before.refused + len(closed),
        doubtful=before.doubtful + len(doubtful),
        finished_at=None if len(lead_ids) == CHUNK else context.now,
    )
    ledger.go_on_reading(session, context.tenant_id, reading=after)
    counts = {"leads": len(lead_ids), "refused": len(closed), "doubtful": len(doubtful)}
    if lead_ids:
        context.audit("consent", event="consent.reread", readers=READERS, **counts)
    if after.finished_at is not None:
        context.emit_event("consent.reread", **told(after))
    return after


def _read(session: Session, context: TaskContext, lead_ids: Sequence[str]) -> dict[str, tuple[ConsentStatement, ...]]:
    """Note what leads refuse that was not known; gives what of it closes something that was open."""
    records = leads.get(session, context.tenant_id, lead_ids=lead_ids)
    messages = events.with_texts(session, context.tenant_id, lead_ids=lead_ids)
    noted = ledger.sources_noted(session, context.tenant_id, lead_ids=lead_ids)
    found = {
        record.lead_id: (
            *(() if record.lead_id in noted else _stored(record)),
            *_marks(record, context),
            *_words(messages.get(record.lead_id, ())),
        )
        for record in records
    }
    fresh = ledger.record(session, context.tenant_id, statements=found, source=SOURCE, now=context.now)
    news = {record.lead_id: _new(record, fresh.get(record.lead_id, ())) for record in records}
    changed = sorted(lead_id for lead_id, said in news.items() if said)
    rescore_queue.touch(session, context.tenant_id, lead_ids=changed)
    for start in range(0, len(changed), CHUNK):
        # what was planned for them is taken back, or is asked about
        planned = {"tenant_id": context.tenant_id, "lead_ids": changed[start : start + CHUNK]}
        context.enqueue("hearth.interventions.plan_due", **planned)
    return {lead_id: said for lead_id, said in news.items() if said}


def _new(record: LeadRecord, said: Sequence[ConsentStatement]) -> tuple[ConsentStatement, ...]:
    """Leave out what the lead's view had already."""
    known = record.consent
    return tuple(
        one
        for one in said
        if one.decision in rules.CLOSING and not known.get(rules.key_of(one)[0]) and one.basis != "stored"
    )


def _stored(record: LeadRecord) -> Iterator[ConsentStatement]:
    """Note what was known before statements were kept."""
    for name, value in record.consent.items():
        statement = rules.stated(name, value, basis="stored")
        if statement is not None:
            yield statement


def _marks(record: LeadRecord, context: TaskContext) -> tuple[ConsentStatement, ...]:
    draft = LeadDraft(fields=record.fields, custom=record.custom)
    return consent.with_marks(draft, at=context.now).statements


def _words(messages: Sequence[tuple[EventRecord, str, str]]) -> Iterator[ConsentStatement]:
    for event, source_id, text in messages:
        at = event.occurred_at
        if event.kind.startswith("note"):
            yield from consent.of_note(text, "note", at=at, reference=source_id)
        elif event.direction == "inbound" or (event.direction is None and event.kind in _INBOUND):
            yield from consent.of_message(text, event.channel, at=at, reference=source_id)
