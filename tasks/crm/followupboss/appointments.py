"""Read appointments: made, kept, missed, cancelled. Accounts have words of their own for outcomes; some are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from db.records import EventDraft, LeadDraft
from tasks.crm.followupboss.notification import PROVIDER, Notification, entries, id_of, letters, need_id
from tasks.intake import payload
from tasks.intake.parsed_event import ParsedEvent
from tasks.intake.payload import Raw

COLLECTION = "appointments"
#: kind of event -> outcomes that mean it; a kept appointment is a sign of the lead
_WORDS: Mapping[str, tuple[str, ...]] = {
    "showing": (
        *("kept", "held", "met", "met with", "attended", "complete", "completed", "showed", "done", "happened"),
        *("appointment kept", "appointment held", "appointment met", "meeting held", "showing completed"),
    ),
    "no_show": ("no show", "did not show", "didn't show", "missed", "not held", "stood up", "client no show"),
    "appointment_cancelled": ("cancelled", "canceled", "cancelled by client", "canceled by client"),
}
KINDS: Mapping[str, str] = {letters(word): kind for kind, words in _WORDS.items() for word in words}
#: these happened at the appointment's time, the others when they were reported
_AT_START = frozenset({"showing", "no_show"})


def read(appointment: Raw, told: Notification) -> ParsedEvent:
    """Read an appointment; where several people are invited it is the first one's.

    Raises:
        EventRefused: the appointment has no id.

    """
    appointment_id = need_id(appointment, COLLECTION)
    guests = [found for one in entries(appointment, "invitees") if (found := id_of(one, "personId"))]
    outcome = letters(payload.text(appointment, "outcome"))
    kind = KINDS.get(outcome, "appointment_changed") if outcome else "appointment"
    parsed = _parsed(appointment, appointment_id, kind, told)
    person_id = next(iter(guests), None) or id_of(appointment, "personId")
    warnings = (("too_many", f"{COLLECTION}.invitees"),) if len(guests) > 1 else ()
    return replace(parsed, lead=replace(parsed.lead, external_id=person_id), warnings=warnings)


def deleted(appointment_id: str, told: Notification) -> ParsedEvent:
    """Read that an appointment is gone, which counts as cancelled."""
    return _parsed({}, appointment_id, "appointment_cancelled", told)


def _parsed(appointment: Raw, appointment_id: str, kind: str, told: Notification) -> ParsedEvent:
    at, start = told.state_at(appointment), payload.moment(appointment, "start", zone=payload.UTC)
    happened = start if start and start <= told.setup.now and kind in _AT_START else at
    event = EventDraft(
        kind=kind,
        occurred_at=happened,
        recorded_at=told.recorded(happened),
        direction="inbound" if kind == "showing" else None,
        source=PROVIDER,
        source_id=f"{COLLECTION}:{appointment_id}:{kind}",
    )
    return ParsedEvent(
        type=told.event,
        at=at,
        lead=LeadDraft(source_system=PROVIDER, events=(event,)),
        entity=("appointment", appointment_id),
        state={"kind": kind, **({"start": start.isoformat()} if start else {})},
    )
