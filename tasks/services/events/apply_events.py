"""Events into the database: each held against what is known, then merged into its lead, in few statements for many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from db.identity import email_key
from db.records import ConsentStatement, EntityKey, EntityRecord, EventDraft, LeadDraft
from db.repositories.due_queues.queues import rescore_queue
from db.repositories.events import entity_states, events, raw_events
from db.repositories.leads import archives, lead_lookup, leads
from db.repositories.predictions import snapshots
from db.repositories.privacy import tombstones
from db.session import Session
from domain.leads import MergePolicy
from tasks.intake.parsed_event import ParsedEvent
from tasks.runtime.context import TaskContext
from tasks.services.events.event_item import FORGOTTEN, Item, still_open
from tasks.services.leads import refusals

#: values of a state that say as much as its absence
BLANK = frozenset({"", "[]"})


def apply(session: Session, tenant_id: str, items: Sequence[Item], now: datetime) -> None:
    """Take in events that were read, all of providers that share a source, in the order given."""
    for part in _parts(items):
        _take(session, tenant_id, part, now)


def announce_refusals(context: TaskContext, items: Sequence[Item]) -> None:
    """Prove and tell what events newly refused."""
    fresh: dict[str, tuple[ConsentStatement, ...]] = {}
    for item in items:
        if item.lead_id is not None and item.refusals:
            fresh[item.lead_id] = (*fresh.get(item.lead_id, ()), *item.refusals)
    refusals.announce(context, fresh)


def _parts(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Cut before an event that is somebody's only if they are known, where one before it may make them known."""
    part: list[Item] = []
    told: set[str | None] = set()
    for item in items:
        if item.notice is not None:
            own = {item.notice.lead.external_id, email_key(item.notice.lead.contact)} - {None}
            if (item.notice.gone or item.notice.known_only) and own & told:
                yield part
                part, told = [], set()
            told |= own
        part.append(item)
    yield part


def _take(session: Session, tenant_id: str, items: Sequence[Item], now: datetime) -> None:
    _drop_known(session, tenant_id, items)
    source = items[0].source
    states = _compare(session, tenant_id, items, source)
    _merge(session, tenant_id, items, now)
    _label(session, tenant_id, items)
    _keep(session, tenant_id, items, source, states)


def _drop_known(session: Session, tenant_id: str, items: Sequence[Item]) -> None:
    known = raw_events.stored_keys(session, tenant_id, keys=[item.key for item in items if item.key is not None])
    for item in items:
        if item.key is not None and item.key in known:
            item.end("duplicate", "known")
        elif item.key is not None:
            known.add(item.key)


def _compare(session: Session, tenant_id: str, items: Sequence[Item], source: str) -> dict[EntityKey, EntityRecord]:
    """Hold each event against the last state of its entity; gives the states that follow."""
    entities = [notice.entity for _, notice in still_open(items) if notice.entity is not None]
    states = entity_states.load(session, tenant_id, source=source, entities=entities)
    for item, notice in still_open(items):
        if notice.entity is not None:
            told = entity_states.field_hashes(session, tenant_id, values=notice.state)
            states[notice.entity] = _next(item, notice, told, states.get(notice.entity))
    return states


def _next(item: Item, notice: ParsedEvent, told: Mapping[str, str], before: EntityRecord | None) -> EntityRecord:
    if before is None:
        item.changed = frozenset(told)
        return EntityRecord(marks=told, at=notice.at, subject=notice.lead.external_id)
    silent = {name for name, value in notice.state.items() if value in BLANK and name not in before.marks}
    item.changed = frozenset(name for name, mark in told.items() if before.marks.get(name) != mark) - silent
    item.stale = notice.at < before.at
    item.back = not notice.gone and ("gone" in before.marks or {"status"} <= before.marks.keys() & item.changed)
    if notice.lead.external_id is None and before.subject is not None:
        item.notice = replace(notice, lead=replace(notice.lead, external_id=before.subject))
    if not item.changed:
        item.end("duplicate", "same_state")
    elif all(item.crm.is_own(name) for name in item.changed):
        item.end("ignored", "own_echo")
    if item.stale:
        return before
    kept = {} if notice.gone or "gone" in told else {n: m for n, m in before.marks.items() if n != "gone"}
    return replace(before, marks={**kept, **told}, at=notice.at, subject=notice.lead.external_id or before.subject)


def _merge(session: Session, tenant_id: str, items: Sequence[Item], now: datetime) -> None:
    _find_known(session, tenant_id, items)
    fresh = [(item, notice) for item, notice in still_open(items) if not item.stale]
    stale = [(item, notice) for item, notice in still_open(items) if item.stale]
    _upsert(session, tenant_id, fresh, "overwrite", now)
    _upsert(session, tenant_id, stale, "fill_blanks", now)
    touched = {item.lead_id for item, _ in (*fresh, *stale) if item.lead_id is not None and item.news}
    rescore_queue.touch(session, tenant_id, lead_ids=sorted(touched))


def _find_known(session: Session, tenant_id: str, items: Sequence[Item]) -> None:
    """An address that no lead has, and what is told of no contact, are nobody's."""
    asked = {notice.lead.contact["email"] for _, notice in still_open(items) if notice.known_only}
    known = lead_lookup.by_email(session, tenant_id, emails=sorted(asked)) if asked else {}
    for item, notice in still_open(items):
        if notice.known_only and notice.lead.contact["email"] not in known:
            item.end("ignored", "no_contact", "webhookPayload.recipient")
        elif not (notice.lead.external_id or notice.lead.contact) or (
            notice.gone and _unknown(session, tenant_id, notice)
        ):
            item.end("ignored", "no_contact", "contactId")
        if item.code == "no_contact" and tombstones.is_forgotten(session, tenant_id, draft=notice.lead):
            item.end("ignored", FORGOTTEN)


def _unknown(session: Session, tenant_id: str, notice: ParsedEvent) -> bool:
    scope = {"external_id": notice.lead.external_id or "", "source_system": notice.lead.source_system}
    return leads.find(session, tenant_id, **scope) is None


def _upsert(
    session: Session, tenant_id: str, told: Sequence[tuple[Item, ParsedEvent]], policy: MergePolicy, now: datetime
) -> None:
    drafts = [_draft(item, notice) for item, notice in told]
    results = leads.upsert(session, tenant_id, drafts=drafts, policy=policy, now=now) if drafts else []
    for (item, _), result in zip(told, results, strict=True):
        item.lead_id = result.lead_id
        if tombstones.FORGOTTEN in result.codes:
            item.end("ignored", FORGOTTEN)
        elif result.lead_id is None:
            item.end("invalid", "conflict", "email")
        item.news = result.outcome in {"created", "updated"}
        item.refusals = result.refusals


def _draft(item: Item, notice: ParsedEvent) -> LeadDraft:
    """What is new: an end is told again with each event of an opportunity or contact, and ended only once."""
    if notice.refusal is not None and item.changed & notice.refused_by:
        notice = replace(notice, lead=replace(notice.lead, events=(*notice.lead.events, notice.refusal)))
    if notice.closing is None or notice.entity is None or _closes(item):
        return notice.lead
    lasting = {k: v for k, v in notice.lead.fields.items() if k not in {"opportunity_status", "closed_at"}}
    return replace(notice.lead, fields=lasting, label=None, label_at=None, events=())


def _closes(item: Item) -> bool:
    return "status" in item.changed and not item.stale


def _label(session: Session, tenant_id: str, items: Sequence[Item]) -> None:
    for item, notice in still_open(items):
        if item.lead_id is None:
            continue
        label, closes = notice.lead.label, notice.entity is None or _closes(item)
        if notice.gone:
            archives.archive(session, tenant_id, lead_ids=[item.lead_id], at=notice.at)
        elif item.back and notice.entity and notice.entity[0] == "contact":
            archives.restore(session, tenant_id, lead_ids=[item.lead_id], at=notice.at)
        elif notice.closing == "open" and item.back and closes:
            leads.set_label(session, tenant_id, lead_id=item.lead_id, label=None, label_at=None, status="open")
            events.add(session, tenant_id, lead_id=item.lead_id, drafts=[_reopened(item, notice)])
        elif label is not None and notice.closing is not None and closes:
            snapshots.label(session, tenant_id, lead_id=item.lead_id, label=label, label_at=notice.at)


def _reopened(item: Item, notice: ParsedEvent) -> EventDraft:
    """An end that was taken back."""
    return EventDraft(
        kind="reopened",
        occurred_at=notice.at,
        recorded_at=max(notice.at, item.origin.setup.received_at),
        source=notice.lead.source_system,
        source_id=f"{notice.entity[1] if notice.entity else ''}:reopened:{notice.at.isoformat()}",
    )


def _keep(
    session: Session, tenant_id: str, items: Sequence[Item], source: str, states: Mapping[EntityKey, EntityRecord]
) -> None:
    """Keep the states, and the events as they came."""
    named = {notice.entity: item.lead_id for item, notice in still_open(items) if notice.entity and item.lead_id}
    for item in items:
        entity = item.notice.entity if item.notice else None
        if item.lead_id is None and entity in states and entity is not None:
            item.lead_id = named.get(entity) or states[entity].lead_id
    told = {
        entity: replace(state, lead_id=named.get(entity) or state.lead_id)
        for entity, state in states.items()
        if named.get(entity) or state.lead_id
    }
    entity_states.save(session, tenant_id, source=source, states=told)
    drafts = [draft for item in items if (draft := item.kept()) is not None]
    raw_events.add(session, tenant_id, drafts=drafts)
