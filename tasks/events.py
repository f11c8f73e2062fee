"""Events of CRMs in: each one once, as a change of its lead and a reason to score it again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal
from zoneinfo import ZoneInfo

from db.records import Entity, EntityRecord, LeadDraft, Policy, RawEventDraft
from db.repositories import entity_states, lead_lookup, leads, raw_events, rescores, snapshots
from db.session import Session
from tasks.base import Answer, Work, effect
from tasks.contracts.events import IngestEvents
from tasks.intake import generic_events, highlevel
from tasks.intake.errors import EventRefused
from tasks.intake.notices import OURS, Ignored, Notice, Setup

READERS: Mapping[str, Callable[[Any, Setup], Notice | Ignored]] = {
    "ghl": highlevel.read,
    "ghl_workflow": highlevel.read_workflow,
    "generic": generic_events.read,
}
#: where the state of a provider's entities is kept: both of HighLevel's speak of the same ones
SOURCES = {"ghl": "ghl", "ghl_workflow": "ghl", "generic": "generic"}
#: status of a lead whose contact was deleted: nobody is to call it, and nothing is learnt from it
ARCHIVED = "archived"

#: fates of events that are kept
OUTCOMES: Mapping[str, Literal["accepted", "ignored"]] = {"accepted": "accepted", "ignored": "ignored"}

#: values of a state that say as much as its absence
BLANK = frozenset({"", "[]"})

Fate = Literal["accepted", "duplicate", "ignored", "invalid"]


@dataclass(slots=True, kw_only=True)
class Item:
    """One event of a message, as far as it got."""

    index: int
    raw: Any
    type: str = ""
    fate: Fate = "accepted"
    key: str | None = None
    notice: Notice | None = None
    #: why it was ignored or refused, and where
    code: str = ""
    loc: str = ""
    #: told later than what is known: it fills gaps and overwrites nothing
    stale: bool = False
    #: its entity was deleted, or its opportunity ended, before
    back: bool = False
    #: the lead was made or changed by it
    news: bool = False
    changed: frozenset[str] = frozenset()
    lead_id: str | None = None

    def end(self, fate: Fate, code: str, loc: str = "") -> None:
        """Nothing more is done about it."""
        self.fate, self.code, self.loc = fate, code, loc


@effect("hearth.events.ingest", IngestEvents)
def ingest(session: Session, request: IngestEvents, work: Work) -> Answer:
    """Take in events, each once; leads that changed are due to be scored, a refusal to be contacted holds at once."""
    items = [Item(index=index, raw=raw) for index, raw in enumerate(request.events)]
    _read(items, request, work)
    _drop_known(session, work.tenant_id, items)
    states = _compare(session, work.tenant_id, items, SOURCES[request.provider])
    _merge(session, work, items)
    _label(session, work.tenant_id, items)
    _keep(session, request, work, items, states)
    return Answer(data=_counts(items))


def _read(items: Sequence[Item], request: IngestEvents, work: Work) -> None:
    settings = work.settings()
    setup = Setup(
        tenant_id=work.tenant_id,
        now=work.now,
        received_at=min(request.received_at or work.now, work.now),
        zone=ZoneInfo(settings.get("timezone") or "UTC"),
        stages=settings.get("stages") or {},
        custom_fields=settings.get("custom_fields") or {},
    )
    for item in items:
        _read_one(item, READERS[request.provider], setup, work)


def _read_one(item: Item, read: Callable[[Any, Setup], Notice | Ignored], setup: Setup, work: Work) -> None:
    try:
        found = read(item.raw, setup)
    except EventRefused as refused:
        item.end("invalid", refused.code, refused.loc)
        return
    item.type, item.key = found.type[:80], found.key
    if isinstance(found, Ignored):
        item.end("ignored", found.code, "type")
        return
    item.notice = found
    for code, loc in found.warnings:
        work.warn(code, f"events.{item.index}.{loc}")


def _open(items: Sequence[Item]) -> Iterator[tuple[Item, Notice]]:
    return ((item, item.notice) for item in items if item.fate == "accepted" and item.notice is not None)


def _drop_known(session: Session, tenant_id: str, items: Sequence[Item]) -> None:
    known = raw_events.known(session, tenant_id, keys=[item.key for item in items if item.key is not None])
    for item in items:
        if item.key is not None and item.key in known:
            item.end("duplicate", "known")
        elif item.key is not None:
            known.add(item.key)


def _compare(session: Session, tenant_id: str, items: Sequence[Item], source: str) -> dict[Entity, EntityRecord]:
    """Hold each event against the last state of its entity; gives the states that follow."""
    entities = [notice.entity for _, notice in _open(items) if notice.entity is not None]
    states = entity_states.load(session, tenant_id, source=source, entities=entities)
    for item, notice in _open(items):
        if notice.entity is not None:
            told = entity_states.marks(session, tenant_id, values=notice.state)
            states[notice.entity] = _next(item, notice, told, states.get(notice.entity))
    return states


def _next(item: Item, notice: Notice, told: Mapping[str, str], before: EntityRecord | None) -> EntityRecord:
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
    elif all(name.startswith(OURS) for name in item.changed):
        item.end("ignored", "own_echo")
    if item.stale:
        return before
    kept = {} if notice.gone or "gone" in told else {n: m for n, m in before.marks.items() if n != "gone"}
    return replace(before, marks={**kept, **told}, at=notice.at, subject=notice.lead.external_id or before.subject)


def _merge(session: Session, work: Work, items: Sequence[Item]) -> None:
    _find_known(session, work.tenant_id, items)
    fresh = [(item, notice) for item, notice in _open(items) if not item.stale]
    stale = [(item, notice) for item, notice in _open(items) if item.stale]
    _upsert(session, work, fresh, "overwrite")
    _upsert(session, work, stale, "fill_blanks")
    touched = {item.lead_id for item, _ in (*fresh, *stale) if item.lead_id is not None and item.news}
    rescores.touch(session, work.tenant_id, lead_ids=sorted(touched))


def _find_known(session: Session, tenant_id: str, items: Sequence[Item]) -> None:
    """An address that no lead has, and what is told of no contact, are nobody's."""
    asked = {notice.lead.contact["email"] for _, notice in _open(items) if notice.known_only}
    known = lead_lookup.by_email(session, tenant_id, emails=sorted(asked)) if asked else {}
    for item, notice in _open(items):
        if notice.known_only and notice.lead.contact["email"] not in known:
            item.end("ignored", "no_contact", "webhookPayload.recipient")
        elif not (notice.lead.external_id or notice.lead.contact) or (
            notice.gone and _unknown(session, tenant_id, notice)
        ):
            item.end("ignored", "no_contact", "contactId")


def _unknown(session: Session, tenant_id: str, notice: Notice) -> bool:
    scope = {"external_id": notice.lead.external_id or "", "source_system": notice.lead.source_system}
    return leads.find(session, tenant_id, **scope) is None


def _upsert(session: Session, work: Work, told: Sequence[tuple[Item, Notice]], policy: Policy) -> None:
    drafts = [_draft(item, notice) for item, notice in told]
    results = leads.upsert(session, work.tenant_id, drafts=drafts, policy=policy, now=work.now) if drafts else []
    for (item, _), result in zip(told, results, strict=True):
        item.lead_id = result.lead_id
        if result.lead_id is None:
            item.end("invalid", "conflict", "email")
        item.news = result.outcome in {"created", "updated"}


def _draft(item: Item, notice: Notice) -> LeadDraft:
    """What is new: an opportunity's end is told again with each of its events, and ended only once."""
    if notice.closing is None or notice.entity is None or _closes(item):
        return notice.lead
    lasting = {k: v for k, v in notice.lead.fields.items() if k not in {"opportunity_status", "closed_at"}}
    return replace(notice.lead, fields=lasting, label=None, label_at=None, events=())


def _closes(item: Item) -> bool:
    return "status" in item.changed and not item.stale


def _label(session: Session, tenant_id: str, items: Sequence[Item]) -> None:
    for item, notice in _open(items):
        if item.lead_id is None:
            continue
        label, closes = notice.lead.label, notice.entity is None or _closes(item)
        if notice.gone or (item.back and notice.entity and notice.entity[0] == "contact"):
            _archive(session, tenant_id, item.lead_id, gone=notice.gone)
        elif notice.closing == "open" and item.back and closes:
            leads.set_label(session, tenant_id, lead_id=item.lead_id, label=None, label_at=None, status="open")
        elif label is not None and notice.closing is not None and closes:
            snapshots.label(session, tenant_id, lead_id=item.lead_id, label=label, label_at=notice.at)


def _archive(session: Session, tenant_id: str, lead_id: str, *, gone: bool) -> None:
    """A deleted contact is nobody to call; one that comes back stands as its label says."""
    known = leads.get(session, tenant_id, lead_ids=[lead_id])[0]
    status = ARCHIVED if gone else {True: "won", False: "lost", None: "open"}[known.label]
    facts: dict[str, Any] = {"label": known.label, "label_at": known.label_at}
    leads.set_label(session, tenant_id, lead_id=lead_id, **facts, status=status)


def _keep(
    session: Session, request: IngestEvents, work: Work, items: Sequence[Item], states: Mapping[Entity, EntityRecord]
) -> None:
    """Keep the states, and every event as it came but those that were known or cannot be read."""
    named = {notice.entity: item.lead_id for item, notice in _open(items) if notice.entity and item.lead_id}
    for item in items:
        entity = item.notice.entity if item.notice else None
        if item.lead_id is None and entity in states and entity is not None:
            item.lead_id = named.get(entity) or states[entity].lead_id
    told = {
        entity: replace(state, lead_id=named.get(entity) or state.lead_id)
        for entity, state in states.items()
        if named.get(entity) or state.lead_id
    }
    entity_states.save(session, work.tenant_id, source=SOURCES[request.provider], states=told)
    drafts = [_raw(item, request, work) for item in items if item.fate in OUTCOMES or item.code == "same_state"]
    raw_events.add(session, work.tenant_id, drafts=drafts)


def _raw(item: Item, request: IngestEvents, work: Work) -> RawEventDraft:
    return RawEventDraft(
        key=item.key,
        provider=request.provider,
        type=item.type,
        outcome=OUTCOMES.get(item.fate, "duplicate"),
        lead_id=item.lead_id,
        verified=request.signature_verified,
        received_at=request.received_at or work.now,
        payload=json.dumps(item.raw, separators=(",", ":")).encode(),
    )


def _counts(items: Sequence[Item]) -> dict[str, Any]:
    fates = Counter(item.fate for item in items)
    why = Counter(item.code for item in items if item.fate == "ignored")
    invalid = [{"index": item.index, "code": item.code, "loc": item.loc} for item in items if item.fate == "invalid"]
    lead_ids = dict.fromkeys(item.lead_id for item in items if item.fate == "accepted" and item.lead_id)
    return {
        "accepted": fates["accepted"],
        "duplicates": fates["duplicate"],
        "ignored": fates["ignored"],
        "ignored_by": dict(sorted(why.items())),
        "invalid": invalid,
        "lead_ids": list(lead_ids),
    }
