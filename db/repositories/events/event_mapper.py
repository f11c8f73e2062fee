"""Map between rows of `events` and records; message texts are sealed with the lead's key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.base import NewRow, new_id
from db.encryption import DataKey, associated_data
from db.models import Event
from db.records import EventDraft
from db.repositories.sql import in_batches


def to_row(draft: EventDraft, *, key: DataKey, tenant_id: str, lead_id: str) -> NewRow:
    """Return the row of a new event."""
    event_id = new_id()
    return {
        "tenant_id": tenant_id,
        "event_id": event_id,
        "lead_id": lead_id,
        "kind": draft.kind,
        "occurred_at": draft.occurred_at,
        "recorded_at": draft.recorded_at,
        "direction": draft.direction,
        "channel": draft.channel,
        "facts": dict(draft.facts),
        "text": None if draft.text is None else key.seal(draft.text.encode(), text_binding(tenant_id, event_id)),
        "source": draft.source,
        "source_id": draft.source_id,
    }


def stored_keys(
    session: Session, tenant_id: str, *, lead_ids: Sequence[str], drafts: Iterable[EventDraft]
) -> set[tuple[str, str, str]]:
    """Return the keys (lead, source, source id) of stored events of these leads that any of the drafts may repeat."""
    event_keys: set[tuple[str, str, str]] = set()
    source_ids = sorted({draft.source_id for draft in drafts})
    for leads in in_batches(lead_ids):
        for batch in in_batches(source_ids):
            keys = select(Event.lead_id, Event.source, Event.source_id).where(
                Event.tenant_id == tenant_id, Event.lead_id.in_(leads), Event.source_id.in_(batch)
            )
            event_keys.update((row.lead_id, row.source, row.source_id) for row in session.execute(keys))
    return event_keys


def text_binding(tenant_id: str, event_id: str) -> bytes:
    """Return the associated data of an event's text."""
    return associated_data(tenant_id, "events.text", event_id)


#: the columns of an `EventRecord`
RECORD = ("event_id", "lead_id", "kind", "occurred_at", "recorded_at", "direction", "channel", "facts")
