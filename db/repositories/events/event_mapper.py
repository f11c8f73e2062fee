"""Between rows of `events` and records; message texts are sealed with the lead's key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.base import new_id
from db.encryption import DataKey, place
from db.models import Event
from db.records import EventDraft
from db.repositories.sql.clauses import in_batches


def row_of(draft: EventDraft, *, key: DataKey, tenant_id: str, lead_id: str) -> dict[str, Any]:
    """Give the row of a new event."""
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
        "text": None if draft.text is None else key.seal(draft.text.encode(), text_place(tenant_id, event_id)),
        "source": draft.source,
        "source_id": draft.source_id,
    }


def known(
    session: Session, tenant_id: str, *, lead_ids: Sequence[str], drafts: Iterable[EventDraft]
) -> set[tuple[str, str, str]]:
    """Give (lead, source, source id) of the stored events of these leads that any of the drafts may repeat."""
    found: set[tuple[str, str, str]] = set()
    source_ids = sorted({draft.source_id for draft in drafts})
    for leads in in_batches(lead_ids):
        for batch in in_batches(source_ids):
            keys = select(Event.lead_id, Event.source, Event.source_id).where(
                Event.tenant_id == tenant_id, Event.lead_id.in_(leads), Event.source_id.in_(batch)
            )
            found.update((row.lead_id, row.source, row.source_id) for row in session.execute(keys))
    return found


def text_place(tenant_id: str, event_id: str) -> bytes:
    """Give the place that an event's text is bound to."""
    return place(tenant_id, "events.text", event_id)


#: the columns that a record is made of
RECORD = ("event_id", "lead_id", "kind", "occurred_at", "recorded_at", "direction", "channel", "facts")
