"""Apply events: compare each with what is stored, then merge it into its lead, in few statements for many events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from db.records import ConsentStatement, EntityKey, EntityRecord, EventDraft, LeadDraft
from db.repositories.due_queues.queues import rescore_queue
from db.repositories.events import entity_states, events, raw_events
from db.repositories.leads import archives, lead_lookup, leads
from db.repositories.leads.lead_mapper import email_key
from db.repositories.outbound import crm_sends
from db.repositories.predictions import snapshots
from db.repositories.privacy import tombstones
from db.session import Session
from domain.leads import MergePolicy
from tasks.intake.parsed_event import ParsedEvent
from tasks.runtime.context import TaskContext
from tasks.services.events.event_item import FORGOTTEN, Item, still_open
from tasks.services.leads import refusals
from tasks.services.online import signals
from tasks.services.online.meanings import news_of

#: values of a state that say as much as its absence
BLANK = frozenset({"", "[]"})


def apply(session: Session, tenant_id: str, items: Sequence[Item], now: datetime) -> None:
    """Apply events that were read, all of one CRM, in the order given."""
    for part in _parts(items):
        _apply(session, tenant_id, part, now)


def announce_refusals(context: TaskContext, items: Sequence[Item]) -> None:
    """Record and announce what events newly refused."""
    fresh: dict[str, tuple[ConsentStatement, ...]] = {}
    for item in items:
        if item.lead_id is not None and item.refusals:
            fresh[item.lead_id] = (*fresh.get(item.lead_id, ()), *item.refusals)
    refusals.announce(context, fresh)


def join_signals(session: Session, context: TaskContext, items: Sequence[Item]) -> int:
    """Join what events newly tell with the snapshots that were scored before; return the number of signals."""
    told = [(item.lead_id, event) for item in items if item.lead_id is not None for event in item.happened]
    return signals.join(session, context, told)


def _parts(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Split before an event that counts for known leads only, where an event before it may create that lead."""
    part: list[Item] = []
    named: set[str | None] = set()
    for item in items:
        if item.parsed is not None:
            keys = {item.parsed.lead.external_id, email_key(item.parsed.lead.contact)} - {None}
            if (item.parsed.gone or item.parsed.known_only) and keys & named:
                yield part
                part, named = [], set()
            named |= keys
        part.append(item)
    yield part


def _apply(session: Session, tenant_id: str, items: Sequence[Item], now: datetime) -> None:
    _drop_known(session, tenant_id, items)
    source = items[0].source
    states = _compare(session, tenant_id, items, source)
    _merge(session, tenant_id, items, now)
    _label(session, tenant_id, items)
    _store(session, tenant_id, items, source, states)


def _drop_known(session: Session, tenant_id: str, items: Sequence[Item]) -> None:
    stored_keys = raw_events.stored_keys(session, tenant_id, keys=[item.key for item in items if item.key is not None])
    for item in items:
        if item.key is not None and item.key in stored_keys:
            item.end("duplicate", "known")
        elif item.key is not None:
            stored_keys.add(item.key)


def _compare(session: Session, tenant_id: str, items: Sequence[Item], source: str) -> dict[EntityKey, EntityRecord]:
    """Compare each event with the last state of its entity; return the states that follow."""
    entities = [parsed.entity for _, parsed in still_open(items) if parsed.entity is not None]
    states = entity_states.load(session, tenant_id, source=source, entities=entities)
    for item, parsed in still_open(items):
        if parsed.entity is not None:
            hashes = entity_states.field_hashes(session, tenant_id, values=parsed.state)
            states[parsed.entity] = _next(item, parsed, hashes, states.get(parsed.entity))
    return states


def _next(item: Item, parsed: ParsedEvent, hashes: Mapping[str, str], before: EntityRecord | None) -> EntityRecord:
    """Note on the item what it changes; return the state of its entity after it."""
    if before is None:
        item.changed = frozenset(hashes)
        return EntityRecord(marks=hashes, at=parsed.at, subject=parsed.lead.external_id)
    silent = {name for name, value in parsed.state.items() if value in BLANK and name not in before.marks}
    item.changed = frozenset(name for name, mark in hashes.items() if before.marks.get(name) != mark) - silent
    item.stale = parsed.at < before.at
    item.was_gone = not parsed.gone and "gone" in before.marks
    item.back = item.was_gone or (not parsed.gone and {"status"} <= before.marks.keys() & item.changed)
    if parsed.lead.external_id is None and before.subject is not None:
        item.parsed = replace(parsed, lead=replace(parsed.lead, external_id=before.subject))
    if not item.changed:
        item.end("duplicate", "same_state")
    elif all(item.crm.is_own(name) for name in item.changed):
        item.end("ignored", "own_echo")
    if item.stale:
        return before
    old = {} if parsed.gone or "gone" in hashes else {n: m for n, m in before.marks.items() if n != "gone"}
    return replace(before, marks={**old, **hashes}, at=parsed.at, subject=parsed.lead.external_id or before.subject)


def _mark_own_messages(session: Session, tenant_id: str, items: Sequence[Item]) -> None:
    """Note on a message that our sender sent which action it is: nobody of the brokerage wrote it."""
    sent = {
        event.source_id
        for _, parsed in still_open(items)
        for event in parsed.lead.events
        if event.direction == "outbound"
    }
    own = crm_sends.own_messages(session, tenant_id, message_ids=sent)
    for item, parsed in still_open(items) if own else ():
        drafts = tuple(_of_action(event, own.get(event.source_id)) for event in parsed.lead.events)
        item.parsed = replace(parsed, lead=replace(parsed.lead, events=drafts))


def _of_action(event: EventDraft, action_id: str | None) -> EventDraft:
    return event if action_id is None else replace(event, facts={**event.facts, "action_id": action_id})


def _merge(session: Session, tenant_id: str, items: Sequence[Item], now: datetime) -> None:
    _find_known(session, tenant_id, items)
    _mark_own_messages(session, tenant_id, items)
    fresh = [(item, parsed) for item, parsed in still_open(items) if not item.stale]
    stale = [(item, parsed) for item, parsed in still_open(items) if item.stale]
    _upsert(session, tenant_id, fresh, "overwrite", now)
    _upsert(session, tenant_id, stale, "fill_blanks", now)
    touched = {item.lead_id for item, _ in (*fresh, *stale) if item.lead_id is not None and item.news}
    rescore_queue.touch(session, tenant_id, lead_ids=sorted(touched))


def _find_known(session: Session, tenant_id: str, items: Sequence[Item]) -> None:
    """Ignore events whose e-mail matches no lead or that name no contact."""
    emails = {parsed.lead.contact["email"] for _, parsed in still_open(items) if parsed.known_only}
    known_emails = lead_lookup.by_email(session, tenant_id, emails=sorted(emails)) if emails else {}
    for item, parsed in still_open(items):
        if parsed.known_only and parsed.lead.contact["email"] not in known_emails:
            item.end("ignored", "no_contact", "webhookPayload.recipient")
        elif not (parsed.lead.external_id or parsed.lead.contact) or (
            parsed.gone and _unknown(session, tenant_id, parsed)
        ):
            item.end("ignored", "no_contact", "contactId")
        if item.code == "no_contact" and tombstones.is_forgotten(session, tenant_id, draft=parsed.lead):
            item.end("ignored", FORGOTTEN)


def _unknown(session: Session, tenant_id: str, parsed: ParsedEvent) -> bool:
    lead_id = leads.find(
        session,
        tenant_id,
        external_id=parsed.lead.external_id or "",
        source_system=parsed.lead.source_system,
    )
    return lead_id is None


def _upsert(
    session: Session,
    tenant_id: str,
    events_read: Sequence[tuple[Item, ParsedEvent]],
    policy: MergePolicy,
    now: datetime,
) -> None:
    drafts = [_draft(item, parsed) for item, parsed in events_read]
    results = leads.upsert(session, tenant_id, drafts=drafts, policy=policy, now=now) if drafts else []
    for (item, _), draft, result in zip(events_read, drafts, results, strict=True):
        item.lead_id = result.lead_id
        if tombstones.FORGOTTEN in result.codes:
            item.end("ignored", FORGOTTEN)
        elif result.lead_id is None:
            item.end("invalid", "conflict", "email")
        item.news = result.outcome in {"created", "updated"}
        item.refusals = result.refusals
        item.happened = tuple(event for _, event in news_of([draft], [result], now))


def _draft(item: Item, parsed: ParsedEvent) -> LeadDraft:
    """Return what is new in an event: every later event of an entity that ended repeats its end, which counts once."""
    if parsed.refusal is not None and item.changed & parsed.refused_by:
        parsed = replace(parsed, lead=replace(parsed.lead, events=(*parsed.lead.events, parsed.refusal)))
    if parsed.closing is None or parsed.entity is None or _closes(item):
        return parsed.lead
    lasting = {k: v for k, v in parsed.lead.fields.items() if k not in {"opportunity_status", "closed_at"}}
    return replace(parsed.lead, fields=lasting, label=None, label_at=None, events=())


def _closes(item: Item) -> bool:
    return "status" in item.changed and not item.stale


def _label(session: Session, tenant_id: str, items: Sequence[Item]) -> None:
    for item, parsed in still_open(items):
        if item.lead_id is None:
            continue
        label, closes = parsed.lead.label, parsed.entity is None or _closes(item)
        if parsed.gone:
            archives.archive(session, tenant_id, lead_ids=[item.lead_id], at=parsed.at)
        elif item.was_gone and parsed.entity and parsed.entity[0] == "contact":
            archives.restore(session, tenant_id, lead_ids=[item.lead_id], at=parsed.at)
        elif parsed.closing == "open" and item.back and closes:
            leads.set_label(session, tenant_id, lead_id=item.lead_id, label=None, label_at=None, status="open")
            events.add(session, tenant_id, lead_id=item.lead_id, drafts=[_reopened(item, parsed)])
        elif label is not None and parsed.closing is not None and closes:
            snapshots.label(session, tenant_id, lead_id=item.lead_id, label=label, label_at=parsed.at)


def _reopened(item: Item, parsed: ParsedEvent) -> EventDraft:
    """Return the event of an end that was taken back."""
    return EventDraft(
        kind="reopened",
        occurred_at=parsed.at,
        recorded_at=max(parsed.at, item.origin.setup.received_at),
        source=parsed.lead.source_system,
        source_id=f"{parsed.entity[1] if parsed.entity else ''}:reopened:{parsed.at.isoformat()}",
    )


def _store(
    session: Session, tenant_id: str, items: Sequence[Item], source: str, states: Mapping[EntityKey, EntityRecord]
) -> None:
    """Store the states, and the events as they came."""
    named = {parsed.entity: item.lead_id for item, parsed in still_open(items) if parsed.entity and item.lead_id}
    for item in items:
        entity = item.parsed.entity if item.parsed else None
        if item.lead_id is None and entity in states and entity is not None:
            item.lead_id = named.get(entity) or states[entity].lead_id
    known_states = {
        entity: replace(state, lead_id=named.get(entity) or state.lead_id)
        for entity, state in states.items()
        if named.get(entity) or state.lead_id
    }
    entity_states.save(session, tenant_id, source=source, states=known_states)
    drafts = [draft for item in items if (draft := item.to_draft()) is not None]
    raw_events.add(session, tenant_id, drafts=drafts)
