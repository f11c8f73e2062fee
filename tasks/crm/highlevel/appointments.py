"""Read appointments: made, kept, missed, cancelled. The status says which: updates come labelled as creations too."""

from __future__ import annotations

from datetime import datetime

from db.records import EventDraft, LeadDraft
from tasks.crm.highlevel.contacts import SYSTEM
from tasks.intake import payload
from tasks.intake.errors import EventRefused
from tasks.intake.parsed_event import IgnoredEvent, ParsedEvent, ReaderContext
from tasks.intake.payload import Raw

#: status -> kind of event; a kept appointment is a sign of the lead, a missed one of its absence
KINDS = {
    "new": "appointment",
    "booked": "appointment",
    "confirmed": "appointment",
    "showed": "showing",
    "noshow": "no_show",
    "cancelled": "appointment_cancelled",
    "canceled": "appointment_cancelled",
    "invalid": "appointment_cancelled",
    "deleted": "appointment_cancelled",
}
#: these happened at the appointment's time, the others when they were reported
_AT_START = frozenset({"showing", "no_show"})


def read(raw: Raw, setup: ReaderContext, at: datetime) -> ParsedEvent | IgnoredEvent:
    """Read an appointment event; the appointment is nested, or is the event itself."""
    nested = payload.nested(raw, "appointment")
    appointment = nested or raw
    try:
        appointment_id = payload.identifier(appointment, "id", "appointmentId")
    except EventRefused as refused:
        raise EventRefused(refused.code, f"appointment.{refused.loc}" if nested else refused.loc) from None
    status = "deleted" if raw["type"] == "AppointmentDelete" else _status(appointment)
    start = payload.moment(appointment, "startTime", zone=setup.zone)
    kind = KINDS.get(status, "appointment_changed")
    happened = start if start and start <= setup.now and kind in _AT_START else at
    event = EventDraft(
        kind=kind,
        occurred_at=happened,
        recorded_at=max(happened, setup.received_at),
        direction="inbound" if kind == "showing" else None,
        facts={"status": status},
        source=SYSTEM,
        source_id=f"{appointment_id}:{kind}",
    )
    lead = LeadDraft(source_system=SYSTEM, external_id=payload.text(appointment, "contactId"), events=(event,))
    state = {"status": status, "start": start.isoformat() if start else ""}
    return ParsedEvent(type=raw["type"], at=at, lead=lead, entity=("appointment", appointment_id), state=state)


def _status(appointment: Raw) -> str:
    # the second spelling is the sender's
    status = payload.text(appointment, "appointmentStatus", "appoinmentStatus", "status", limit=40) or "new"
    return "".join(letter for letter in status.casefold() if letter.isalpha())
