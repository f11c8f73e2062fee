"""Read the envelope that all of HighLevel's webhooks share, and choose the reader of what is in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from tasks.crm.highlevel import appointments, contacts, messages, opportunities, tasks_and_notes
from tasks.intake import payload
from tasks.intake.errors import EventRefused
from tasks.intake.parsed_event import IgnoredEvent, ParsedEvent, ReaderContext, with_key
from tasks.intake.payload import Raw

Reader = Callable[[Raw, ReaderContext, datetime], ParsedEvent | IgnoredEvent]


def _means_nothing(raw: Raw, setup: ReaderContext, at: datetime) -> IgnoredEvent:
    return IgnoredEvent(type=str(raw["type"]), code="no_meaning")


READERS: Mapping[str, Reader] = {
    **dict.fromkeys(("ContactCreate", "ContactUpdate", "ContactTagUpdate", "ContactDndUpdate"), contacts.read),
    "ContactDelete": contacts.deleted,
    **dict.fromkeys(("InboundMessage", "OutboundMessage"), messages.read),
    **dict.fromkeys(
        (
            *("OpportunityCreate", "OpportunityUpdate", "OpportunityStageUpdate", "OpportunityStatusUpdate"),
            *("OpportunityMonetaryValueUpdate", "OpportunityAssignedToUpdate"),
        ),
        opportunities.read,
    ),
    "OpportunityDelete": opportunities.deleted,
    **dict.fromkeys(("AppointmentCreate", "AppointmentUpdate", "AppointmentDelete"), appointments.read),
    **dict.fromkeys(tasks_and_notes.KINDS, tasks_and_notes.read),
    "LCEmailStats": tasks_and_notes.mail,
    "ConversationUnreadUpdate": _means_nothing,
}
#: fields with the time of an event, the first that is there
_TIMES = ("timestamp", "dateUpdated")


def read(raw: Any, setup: ReaderContext) -> ParsedEvent | IgnoredEvent:
    """Read one webhook of HighLevel.

    Raises:
        EventRefused: it has no type, no location or another's, or no id of what it tells of.

    """
    if not isinstance(raw, Mapping):
        raise EventRefused("type", "")
    kind = payload.identifier(raw, "type")
    location = payload.identifier(raw, "locationId")
    if location != setup.tenant_id:
        raise EventRefused("conflict", "locationId")
    return dispatch({**raw, "type": kind}, setup)


def dispatch(raw: Raw, setup: ReaderContext) -> ParsedEvent | IgnoredEvent:
    """Read an event whose envelope was checked."""
    event_id = payload.text(raw, "webhookId")
    reader = READERS.get(raw["type"])
    if reader is None and tasks_and_notes.refuses(raw):
        reader = tasks_and_notes.refusal
    if reader is None:
        return IgnoredEvent(type=raw["type"], code="unknown_type", key=f"id:{event_id}" if event_id else None)
    parsed = reader(raw, setup, moment_of(raw, setup))
    if isinstance(parsed, IgnoredEvent):
        return IgnoredEvent(type=parsed.type, code=parsed.code, key=f"id:{event_id}" if event_id else None)
    return with_key(parsed, event_id, parsed.state.get("id", ""))


def moment_of(raw: Raw, setup: ReaderContext) -> datetime:
    """Return when an event happened: what it says itself, else when it came; never in the future."""
    return min(payload.moment(raw, *_TIMES, zone=setup.zone) or setup.received_at, setup.now)
