"""Read appointments: made, kept, missed, cancelled. The account's own words for outcomes are told apart by what they say."""

from __future__ import annotations

from collections.abc import Mapping

from db.records import EventDraft, LeadDraft
from tasks.crm.followupboss.notification import PROVIDER, Notification, entries, id_of, need_id
from tasks.intake import payload
from tasks.intake.parsed_event import ParsedEvent
from tasks.intake.payload import Raw

COLLECTION = "appointments"
#: outcome, by its letters in lower case -> kind of event; a kept appointment is a sign of the lead
KINDS: Mapping[str, str] = {
    **dict.fromkeys(("kept", "held", "met", "met with", "attended", "completed", "complete", "showed", "done"), "showing"),
    **dict.fromkeys(("appointment held", "appointment kept", "appointment met", "meeting held", "happened"), "showing"),
    **dict.fromkeys(("no show", "didnt show", "did not show", "missed", "not held", "stood up"), "no_show"),
    **dict.fromkeys(("cancelled", "canceled", "deleted", "cancelled by client", "canceled by client"), "appointment_cancelled"),
}
_KINDS = {"".join(filter(str.isalpha, word)): kind for word, kind in KINDS.items()}
#: these happened at the appointment's time, the others when they were reported
_AT_START = frozenset({"showing", "no_show"})


def read(appointment: Raw, told: Notification) -> ParsedEvent:
    """Read an appointment; it is the first person's among those invited.

    Raises:
        EventRefused: the appointment has no id.

    """
    appointment_id, at = need_id(appointment, COLLECTION), told.state_at(appointment)
    guests = [found for one in entries(appointment, "invitees") if (found := id_of(one, "personId"))]
    outcome = "".join(filter(str.isalpha, (payload.text(appointment, "outcome") or "").casefold()))
    kind = _KINDS.get(outcome, "appointment_changed") if outcome else "appointment"
    parsed = _event(appointment_id, kind, payload.text(appointment, "start"), told)
    person_id = next(iter(guests), None) or id_of(appointment, "personId")
    lead = LeadDraft(source_system=PROVIDER, external_id=person_id, events=parsed)
    warnings = (("too_many", f"{COLLECTION}.invitees"),) if len(guests) > 1 else ()
    return ParsedEvent(
        type=told.event,
        at=at,
        lead=lead,
        entity=("appointment", appointment_id),
        state={"kind": kind, "start": str(payload.text(appointment, "start") or "")},
        warnings=warnings,
    )
