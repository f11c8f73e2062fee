"""An event of the outbound stream as every receiver gets it: pulled, posted to a webhook, or sent as a task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from db.records import OutboundRecord
from db.repositories.leads import lead_lookup
from db.repositories.leads.lead_lookup import Identity
from db.session import Session
from domain.documents import JsonObject
from tasks.contracts.base.wire import to_wire
from tasks.runtime.lead_references import view


def identities(session: Session, tenant_id: str, records: Iterable[OutboundRecord]) -> dict[str, Identity]:
    """Return the leads' own ids, by our id, for one tenant's events.

    They are read when an event is handed out and stored in none, so that a lead that is forgotten leaves no id behind.
    """
    lead_ids = {record.lead_id for record in records if record.lead_id is not None}
    return lead_lookup.identities(session, tenant_id, lead_ids=lead_ids) if lead_ids else {}


def event_view(record: OutboundRecord, known: Mapping[str, Identity]) -> JsonObject:
    """Return an event with the keys of `OutboundEvent`.

    `cursor` and `at` are older names of `sequence` and `created_at`: a pull gave the former, a webhook the latter.
    """
    event: JsonObject = to_wire(
        {
            "event_id": record.event_id,
            "sequence": record.sequence,
            "cursor": record.sequence,
            "tenant_id": record.tenant_id,
            "type": record.type,
            "lead_id": record.lead_id,
            **view(known.get(record.lead_id or "")),
            "created_at": record.created_at,
            "at": record.created_at,
            "data": record.body,
        }
    )
    return event
