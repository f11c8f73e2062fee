"""What happened to leads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from db.models import Event, Lead
from db.records import EventDraft, EventRecord
from db.repositories.events import event_mapper
from db.repositories.leads.leads import keys_of
from db.repositories.sql.bulk import core
from db.repositories.sql.clauses import among, in_batches, lock_tenant

_EVENT = core(Event).c
_OF_LEADS = (
    select(*(_EVENT[name] for name in event_mapper.RECORD))
    .where(_EVENT.tenant_id == bindparam("tenant"), among(_EVENT.lead_id, "leads"))
    .order_by(_EVENT.lead_id, _EVENT.occurred_at, _EVENT.event_id)
)


def add(session: Session, tenant_id: str, *, lead_id: str, drafts: Sequence[EventDraft]) -> int:
    """Store the events of one lead that are not known yet and give their number; new ones raise its version by one.

    Raises:
        UnknownLead: not there for this tenant.

    """
    return add_many(session, tenant_id, drafts={lead_id: drafts})


def add_many(session: Session, tenant_id: str, *, drafts: Mapping[str, Sequence[EventDraft]]) -> int:
    """Store the events of many leads (lead id -> events), each once, and give the number of new ones.

    Raises:
        UnknownLead: some lead is not there for this tenant; positions are those of the mapping.

    """
    lock_tenant(session, tenant_id)
    keys = keys_of(session, tenant_id, lead_ids=list(drafts))
    told = [event for events in drafts.values() for event in events]
    known = event_mapper.known(session, tenant_id, lead_ids=list(drafts), drafts=told)
    rows = []
    for lead_id, events in drafts.items():
        for event in events:
            if (lead_id, event.source, event.source_id) not in known:
                known.add((lead_id, event.source, event.source_id))
                rows.append(event_mapper.row_of(event, key=keys[lead_id], tenant_id=tenant_id, lead_id=lead_id))
    if rows:
        session.execute(insert(Event), rows)
        _raise_versions(session, tenant_id, sorted({row["lead_id"] for row in rows}))
    return len(rows)


def for_leads(session: Session, tenant_id: str, *, lead_ids: Sequence[str]) -> dict[str, list[EventRecord]]:
    """Give the events of leads, oldest first; a lead without any has an empty list, an unknown one too."""
    found: dict[str, list[EventRecord]] = {lead_id: [] for lead_id in lead_ids}
    for batch in in_batches(list(found)):
        rows = session.connection().execute(_OF_LEADS, {"tenant": tenant_id, "leads": batch}).mappings()
        for row in rows:
            found[row["lead_id"]].append(EventRecord(**row))
    return found


def texts(session: Session, tenant_id: str, *, lead_id: str) -> dict[str, str]:
    """Open the message texts of one lead: event id -> text.

    Raises:
        UnknownLead: not there for this tenant.
        SealBroken: a stored text was changed or moved.

    """
    key = keys_of(session, tenant_id, lead_ids=[lead_id])[lead_id]
    rows = select(Event.event_id, Event.text).where(
        Event.tenant_id == tenant_id, Event.lead_id == lead_id, Event.text.is_not(None)
    )
    return {
        event_id: key.open(text, event_mapper.text_place(tenant_id, event_id)).decode()
        for event_id, text in session.execute(rows)
        if text is not None
    }


def with_texts(
    session: Session, tenant_id: str, *, lead_ids: Sequence[str]
) -> dict[str, list[tuple[EventRecord, str, str]]]:
    """Give the events of leads that have a text, oldest first: lead -> (event, the source's id of it, its text opened).

    Raises:
        UnknownLead: some are not there for this tenant.
        SealBroken: a stored text was changed or moved.

    """
    found: dict[str, list[tuple[EventRecord, str, str]]] = {}
    keys = keys_of(session, tenant_id, lead_ids=lead_ids)
    columns = (*(_EVENT[name] for name in event_mapper.RECORD), _EVENT.source_id, _EVENT.text)
    for batch in in_batches(lead_ids):
        own = (_EVENT.tenant_id == tenant_id, _EVENT.lead_id.in_(batch), _EVENT.text.is_not(None))
        rows = session.execute(select(*columns).where(*own).order_by(_EVENT.occurred_at, _EVENT.event_id)).mappings()
        for row in rows:
            plain = dict(row)
            source_id, text = plain.pop("source_id"), plain.pop("text")
            place = event_mapper.text_place(tenant_id, row["event_id"])
            opened = keys[row["lead_id"]].open(text, place).decode(errors="replace")
            found.setdefault(row["lead_id"], []).append((EventRecord(**plain), source_id, opened))
    return found


def _raise_versions(session: Session, tenant_id: str, lead_ids: Sequence[str]) -> None:
    for batch in in_batches(lead_ids):
        changed = update(Lead).where(Lead.tenant_id == tenant_id, Lead.lead_id.in_(batch))
        session.execute(changed.values(version=Lead.version + 1), execution_options={"synchronize_session": False})
