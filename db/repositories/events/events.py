"""Events of leads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from db.models import Event, Lead
from db.records import EventDraft, EventRecord
from db.repositories.events import event_mapper
from db.repositories.leads.leads import data_keys
from db.repositories.sql import among, in_batches, table_of
from db.session import lock_tenant

_EVENT = table_of(Event).c
_OF_LEADS = (
    select(*(_EVENT[name] for name in event_mapper.RECORD))
    .where(_EVENT.tenant_id == bindparam("tenant"), among(_EVENT.lead_id, "leads"))
    .order_by(_EVENT.lead_id, _EVENT.occurred_at, _EVENT.event_id)
)


def add(session: Session, tenant_id: str, *, lead_id: str, drafts: Sequence[EventDraft]) -> int:
    """Store the events of one lead that are not stored yet; return their number. New ones raise its version by one.

    Raises:
        UnknownLead: not there for this tenant.

    """
    return add_many(session, tenant_id, drafts={lead_id: drafts})


def add_many(session: Session, tenant_id: str, *, drafts: Mapping[str, Sequence[EventDraft]]) -> int:
    """Store the events of many leads (lead id -> events), each once; return the number of new ones.

    Raises:
        UnknownLead: some lead is not there for this tenant; positions are those of the mapping.

    """
    lock_tenant(session, tenant_id)
    keys = data_keys(session, tenant_id, lead_ids=list(drafts))
    all_events = [event for events in drafts.values() for event in events]
    stored_keys = event_mapper.stored_keys(session, tenant_id, lead_ids=list(drafts), drafts=all_events)
    rows = []
    for lead_id, events in drafts.items():
        for event in events:
            if (lead_id, event.source, event.source_id) not in stored_keys:
                stored_keys.add((lead_id, event.source, event.source_id))
                rows.append(event_mapper.to_row(event, key=keys[lead_id], tenant_id=tenant_id, lead_id=lead_id))
    if rows:
        session.execute(insert(Event), rows)
        _raise_versions(session, tenant_id, sorted({row["lead_id"] for row in rows}))
    return len(rows)


def for_leads(session: Session, tenant_id: str, *, lead_ids: Sequence[str]) -> dict[str, list[EventRecord]]:
    """Return the events of leads, oldest first; a lead without any, or an unknown lead, has an empty list."""
    events: dict[str, list[EventRecord]] = {lead_id: [] for lead_id in lead_ids}
    for batch in in_batches(list(events)):
        rows = session.connection().execute(_OF_LEADS, {"tenant": tenant_id, "leads": batch}).mappings()
        for row in rows:
            events[row["lead_id"]].append(EventRecord(**row))
    return events


def texts(session: Session, tenant_id: str, *, lead_id: str) -> dict[str, str]:
    """Return the message texts of one lead, decrypted: event id -> text.

    Raises:
        UnknownLead: not there for this tenant.
        SealBroken: a stored text was changed or moved.

    """
    key = data_keys(session, tenant_id, lead_ids=[lead_id])[lead_id]
    rows = select(Event.event_id, Event.text).where(
        Event.tenant_id == tenant_id, Event.lead_id == lead_id, Event.text.is_not(None)
    )
    return {
        event_id: key.open(text, event_mapper.text_binding(tenant_id, event_id)).decode()
        for event_id, text in session.execute(rows)
        if text is not None
    }


def with_texts(
    session: Session, tenant_id: str, *, lead_ids: Sequence[str]
) -> dict[str, list[tuple[EventRecord, str, str]]]:
    """Return the events of leads that have a text, oldest first: lead -> (event, source's event id, decrypted text).

    Raises:
        UnknownLead: some are not there for this tenant.
        SealBroken: a stored text was changed or moved.

    """
    by_lead: dict[str, list[tuple[EventRecord, str, str]]] = {}
    keys = data_keys(session, tenant_id, lead_ids=lead_ids)
    columns = (*(_EVENT[name] for name in event_mapper.RECORD), _EVENT.source_id, _EVENT.text)
    for batch in in_batches(lead_ids):
        texts = select(*columns).where(
            _EVENT.tenant_id == tenant_id, _EVENT.lead_id.in_(batch), _EVENT.text.is_not(None)
        )
        for row in session.execute(texts.order_by(_EVENT.occurred_at, _EVENT.event_id)).mappings():
            values = dict(row)
            source_id, sealed = values.pop("source_id"), values.pop("text")
            event = EventRecord(**values)
            binding = event_mapper.text_binding(tenant_id, event.event_id)
            text = keys[event.lead_id].open(sealed, binding).decode(errors="replace")
            by_lead.setdefault(event.lead_id, []).append((event, source_id, text))
    return by_lead


def _raise_versions(session: Session, tenant_id: str, lead_ids: Sequence[str]) -> None:
    for batch in in_batches(lead_ids):
        changed = update(Lead).where(Lead.tenant_id == tenant_id, Lead.lead_id.in_(batch))
        session.execute(changed.values(version=Lead.version + 1), execution_options={"synchronize_session": False})
