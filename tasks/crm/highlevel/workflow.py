"""Read the webhook action of a HighLevel workflow: one flat object of a contact and of what started the workflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.crm.highlevel import contacts
from tasks.crm.highlevel.envelope import dispatch
from tasks.intake import payload
from tasks.intake.errors import EventRefused
from tasks.intake.parsed_event import IgnoredEvent, ParsedEvent, ReaderContext
from tasks.intake.payload import Raw

#: what it calls a field -> what the webhooks call it
CONTACT = {
    "contact_id": "id",
    "first_name": "firstName",
    "last_name": "lastName",
    "full_name": "name",
    "email": "email",
    "phone": "phone",
    "tags": "tags",
    "country": "country",
    "state": "state",
    "timezone": "timezone",
    "date_created": "dateAdded",
    "contact_source": "source",
    "contact_type": "contactType",
    "dnd": "dnd",
    "dndSettings": "dndSettings",
}
OPPORTUNITY = {
    "id": "id",
    "status": "status",
    "lead_value": "monetaryValue",
    "pipeline_id": "pipelineId",
    "pipleline_stage": "pipelineStageName",  # the sender's spelling
    "pipeline_stage": "pipelineStageName",
    "opportunity_source": "source",
    "lost_reason": "lostReason",
}
#: what is nobody's custom field
_KNOWN = frozenset(
    {*CONTACT, *OPPORTUNITY, "address1", "city", "postal_code", "company_name", "website", "date_of_birth", "source"}
    | {
        "full_address",
        "gclid",
        "location",
        "opportunity_name",
        "pipeline_name",
        "campaign",
        "user",
        "owner",
        "calendar",
    }
    | {"workflow", "triggerData", "customData", "contact", "attributionSource", "message", "note", "task", "type"}
    | {"locationId", "webhookId", "timestamp", "image", "order", "invoice", "gender"}
)
_CALLS = {"1": "CALL", "2": "SMS", "3": "Email"}


def read(raw: Any, setup: ReaderContext) -> ParsedEvent | IgnoredEvent:
    """Read one webhook of a workflow; `customData` may hold canonical columns, and the `type` of another event.

    Raises:
        EventRefused: it has no contact, or another's location.

    """
    if not isinstance(raw, Mapping):
        raise EventRefused("type", "")
    location = payload.text(payload.nested(raw, "location"), "id") or payload.text(raw, "locationId")
    if location is None:
        raise EventRefused("missing", "location.id")
    if location != setup.tenant_id:
        raise EventRefused("conflict", "location.id")
    payload.identifier(raw, "contact_id")
    contact = dispatch(_contact(raw), setup)
    other = _other(raw)
    parsed = None if other is None else dispatch({**_envelope(raw), **other}, setup)
    if isinstance(contact, ParsedEvent) and isinstance(parsed, ParsedEvent):
        return contacts.merged(contact, parsed)
    return contact


def _envelope(raw: Raw) -> dict[str, Any]:
    envelope = {"contactId": raw["contact_id"], "webhookId": raw.get("webhookId"), "timestamp": raw.get("timestamp")}
    return {name: value for name, value in envelope.items() if value is not None}


def _contact(raw: Raw) -> dict[str, Any]:
    fields = {theirs: raw[name] for name, theirs in CONTACT.items() if name in raw}
    plain = {name: value for name, value in raw.items() if name not in _KNOWN and isinstance(value, str | int | float)}
    plain |= {name: value for name, value in payload.nested(raw, "customData").items() if name != "type"}
    custom = [{"id": name, "value": value} for name, value in plain.items() if value not in (None, "")]
    return {**_envelope(raw), "type": "ContactUpdate", **fields, "customFields": custom}


def _other(raw: Raw) -> dict[str, Any] | None:
    """Return what started the workflow as a webhook has it; None when it was the contact itself."""
    calendar, message = payload.nested(raw, "calendar"), payload.nested(raw, "message")
    asked = payload.text(payload.nested(raw, "customData"), "type")
    if payload.text(calendar, "appointmentId"):
        appointment = {**calendar, "id": calendar["appointmentId"], "contactId": raw["contact_id"]}
        return {"type": asked or "AppointmentUpdate", "appointment": appointment}
    if message:
        kind = payload.text(message, "type", "messageType") or ""
        return {**message, "messageType": _CALLS.get(kind, kind), "type": asked or "InboundMessage"}
    if payload.text(raw, "pipeline_id") and payload.text(raw, "id"):
        return {"type": asked or "OpportunityUpdate"} | {t: raw[name] for name, t in OPPORTUNITY.items() if name in raw}
    return None
