"""Read the webhook action of a HighLevel workflow: an object of a contact and of what started the workflow.

HighLevel writes it flat; a user may write a body of their own, with the contact as an object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tasks.crm.highlevel import contacts, field_names
from tasks.crm.highlevel.body import Body, finished, sound
from tasks.crm.highlevel.envelope import READERS, TYPES, body_of_tenant, read_contact, type_of, with_contact
from tasks.crm.highlevel.fields import UNREAD, Field, Owner, is_blank
from tasks.intake import payload
from tasks.intake.errors import EventRefused
from tasks.intake.parsed_event import IgnoredEvent, ParsedEvent, ReaderContext

#: code of an object whose fields are not taken
NOT_READ = "not_read"
_NO_CONTACT = "send contact_id, or the contact as an object with its id"
_CALLS = {"1": "CALL", "2": "SMS", "3": "Email"}
_ENVELOPE = frozenset({"type", "locationid", "webhookid", "timestamp", "appid", "versionid"})
#: fields of a message, where the body says that it is one
_MESSAGE = frozenset(
    {"body", "message", "subject", "direction", "messagetype", "messagetypestring", "conversationid"}
    | {"messageid", "emailmessageid", "altid", "callduration", "callstatus"}
)


def read(raw: Any, setup: ReaderContext) -> ParsedEvent | IgnoredEvent:
    """Read one webhook of a workflow; `customData` may hold canonical columns, and the `type` of another event.

    Raises:
        EventRefused: it has no contact, two contacts, another's location, or a placeholder for one of them.

    """
    told = body_of_tenant(raw, setup, "location.id")
    kind = _kind(told.fields)
    body = sound(told.with_fields([_as_own(field, kind) for field in told.fields]), of_person=True)
    contact_id = _contact_id(body, kind)
    other = _other(body, kind)
    own = [field for field in body.of("event") if field.word not in _not_of_contact(other)]
    contact_kind = "ContactDelete" if kind == "ContactDelete" and other is None else "ContactUpdate"
    contact = read_contact(contact_kind, body, contacts.contact_of(body, contact_id, own=own), setup)
    body = replace(body, warnings=(*body.warnings, *_not_read(body)))
    if other is None:
        return finished(contact, body)
    found = with_contact(contact, {**_envelope(body, contact_id), **other}, body, setup)
    return finished(contact, body) if isinstance(found, IgnoredEvent) else found


def _kind(fields: Sequence[Field]) -> str | None:
    """Return the type of event that a body asks for, in its own fields or at its top; None when it asks for none."""
    words = [field for owner in ("custom", "event") for field in fields if (field.owner, field.word) == (owner, "type")]
    kinds = (type_of(field.value) for field in words if isinstance(field.value, str))
    return next((kind for kind in kinds if kind in TYPES), None)


def _as_own(field: Field, kind: str | None) -> Field:
    """Return a field at the top, or of the contact, that is none of HighLevel's as one of the user's own."""
    if field.owner not in {"event", "contact"} or field.word in field_names.WHOLE or field.word in _ENVELOPE:
        return field
    known = (
        field_names.person_name(field.word)
        or field.word in field_names.BESIDE_CONTACT
        or field.word in field_names.NOT_OWN
    )
    is_part = field.word in _MESSAGE and _owner(kind) == "message"
    return field if known or is_part else field._replace(owner="custom")


def _owner(kind: str | None) -> Owner | None:
    return READERS[kind][1] if kind is not None and kind in READERS else None


def _contact_id(body: Body, kind: str | None) -> str:
    event, nested = body.view("event"), body.view("contact")
    candidates = [("contact_id", event.get("contactId"))]
    candidates += [
        ("contact_id", body.view(owner).get("contactId"))
        for owner in ("opportunity", "appointment", "calendar", "message")
    ]
    found = contacts.id_of(body, *candidates)
    is_person = (kind in TYPES and _owner(kind) is None) or any(event.get(name) for name in field_names.CONTACT)
    if found is None and not nested and is_person and "pipelineId" not in event and _other(body, kind) is None:
        found = contacts.id_of(body, ("id", event.get("id")))
    if found is None:
        raise body.doubt or EventRefused("missing", "contact.id" if nested else "contact_id", _NO_CONTACT)
    return found


def _not_of_contact(other: Mapping[str, Any] | None) -> frozenset[str]:
    """Return the names of fields at the top that are about the event or an opportunity, and not about the contact."""
    is_opportunity = other is not None and "pipelineId" in other
    return frozenset({"id", "type", "status", *(["source"] if is_opportunity else [])})


def _not_read(body: Body) -> tuple[tuple[str, str], ...]:
    return tuple((NOT_READ, field.loc) for field in body.of("unknown") if field.name == UNREAD)


def _envelope(body: Body, contact_id: str) -> dict[str, Any]:
    event = body.view("event")
    envelope = {"contactId": contact_id, "webhookId": event.get("webhookId"), "timestamp": event.get("timestamp")}
    return {name: value for name, value in envelope.items() if value is not None}


def _other(body: Body, kind: str | None) -> dict[str, Any] | None:
    """Return what started the workflow as a webhook has it; None when it was the contact itself."""
    return _appointment(body, kind) or _message(body, kind) or _opportunity(body, kind)


def _asked(kind: str | None, owner: Owner, usual: str) -> str:
    """Return the type that a body asks for, if it is one of this thing."""
    return kind if kind is not None and _owner(kind) == owner else usual


def _appointment(body: Body, kind: str | None) -> dict[str, Any] | None:
    appointment = {**body.view("calendar"), **_given(body.view("appointment"))}
    # a calendar has an id of its own
    if "appointment" not in {field.owner for field in body.fields} and not any(
        field.word == "appointmentid" for field in body.of("calendar")
    ):
        return None
    if not payload.text(appointment, "id"):
        return None
    return {"type": _asked(kind, "appointment", "AppointmentUpdate"), "appointment": appointment}


def _message(body: Body, kind: str | None) -> dict[str, Any] | None:
    event, message = body.view("event"), _given(body.view("message"))
    if _owner(kind) == "message":
        message = {**{name: event[name] for name in event if name.casefold() in _MESSAGE}, **message}
    elif not message and payload.text(event, "message"):
        message = {"body": event["message"]}
    if not message:
        return None
    medium = payload.text(message, "messageType") or ""
    return {**message, "messageType": _CALLS.get(medium, medium), "type": _asked(kind, "message", "InboundMessage")}


def _opportunity(body: Body, kind: str | None) -> dict[str, Any] | None:
    beside = {
        field_names.BESIDE_CONTACT[one.word]: one.value
        for one in reversed(body.of("event"))
        if one.word in field_names.BESIDE_CONTACT
    }
    is_beside = _owner(kind) == "opportunity" or payload.text(beside, "pipelineId", "opportunityId")
    opportunity = {**(beside if is_beside else {}), **_given(body.view("opportunity"))}
    if not payload.text(opportunity, "id", "opportunityId"):
        return None
    return {"type": _asked(kind, "opportunity", "OpportunityUpdate"), **opportunity}


def _given(view: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in view.items() if not is_blank(value)}
