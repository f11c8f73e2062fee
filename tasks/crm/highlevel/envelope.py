"""Read the envelope that all of HighLevel's webhooks share, and choose the reader of what is in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from tasks.crm.highlevel import appointments, contacts, field_names, messages, opportunities, tasks_and_notes
from tasks.crm.highlevel.body import Body, finished, refuses, sound
from tasks.crm.highlevel.fields import Field, Owner, flatten, is_blank, is_in_contact
from tasks.intake import payload
from tasks.intake.errors import EventRefused
from tasks.intake.parsed_event import IgnoredEvent, ParsedEvent, ReaderContext, with_key
from tasks.intake.payload import Raw

Reader = Callable[[Raw, ReaderContext, datetime], ParsedEvent | IgnoredEvent]


def _means_nothing(raw: Raw, setup: ReaderContext, at: datetime) -> IgnoredEvent:
    return IgnoredEvent(type=str(raw["type"]), code="no_meaning")


CONTACT_TYPES = ("ContactCreate", "ContactUpdate", "ContactTagUpdate", "ContactDndUpdate", "ContactDelete")
#: type -> reader, and what an object is about that holds the fields of such an event
READERS: Mapping[str, tuple[Reader, Owner]] = {
    **dict.fromkeys(("InboundMessage", "OutboundMessage"), (messages.read, "message")),
    **dict.fromkeys(
        (
            *("OpportunityCreate", "OpportunityUpdate", "OpportunityStageUpdate", "OpportunityStatusUpdate"),
            *("OpportunityMonetaryValueUpdate", "OpportunityAssignedToUpdate"),
        ),
        (opportunities.read, "opportunity"),
    ),
    "OpportunityDelete": (opportunities.deleted, "opportunity"),
    **dict.fromkeys(
        ("AppointmentCreate", "AppointmentUpdate", "AppointmentDelete"), (appointments.read, "appointment")
    ),
    **{kind: (tasks_and_notes.read, "note" if "Note" in kind else "task") for kind in tasks_and_notes.KINDS},
    "LCEmailStats": (tasks_and_notes.mail, "mail"),
    "ConversationUnreadUpdate": (_means_nothing, "message"),
}
TYPES = (*CONTACT_TYPES, *READERS)
_TYPE_OF = {field_names.reduced(kind): kind for kind in TYPES}
#: how users spell what the types end in
_ENDINGS = {"d": "", "changed": "update", "modified": "update", "added": "create", "removed": "delete"}
#: objects that an event holds whole
_NESTED: Mapping[Owner, str] = {"appointment": "appointment", "mail": "webhookPayload"}
#: fields with the time of an event, the first that is there
_TIMES = ("timestamp", "dateUpdated")
_NO_LOCATION = "send locationId, or the location as an object with its id"


def read(raw: Any, setup: ReaderContext) -> ParsedEvent | IgnoredEvent:
    """Read one webhook of HighLevel.

    Raises:
        EventRefused: it has no type, no location or another's, no id of what it tells of, or a placeholder for one.

    """
    body = body_of_tenant(raw, setup, "locationId")
    kind = type_of(payload.identifier({"type": _or_raw(raw, body.view("event"), "type")}, "type"))
    if kind in CONTACT_TYPES:
        own = body.with_fields([_as_own(one) for one in body.fields])
        return _read_contact(raw, kind, sound(own, of_person=True), setup)
    return _read_other(raw, kind, sound(body, of_person=False), setup)


def body_of_tenant(raw: Any, setup: ReaderContext, place: str) -> Body:
    """Return the fields of an event of the tenant's own location, which is wanted at `place`.

    Raises:
        EventRefused: it is no object, it has no location or another's, or it cannot be read as one event.

    """
    if not isinstance(raw, Mapping):
        raise EventRefused("type", "")
    try:
        fields = flatten(raw)
    except EventRefused as refused:
        # an event of another location is not kept, so that this comes first
        _check_location(
            [payload.text(payload.nested(raw, "location"), "id"), payload.text(raw, "locationId")], setup, place
        )
        raise refused from None
    told = Body(fields)
    located = [told.view("location").get("id"), *(told.view(owner).get("locationId") for owner in ("contact", "event"))]
    _check_location(
        [*located, *([raw["locationId"]] if isinstance(raw.get("locationId"), Mapping) else [])], setup, place
    )
    return told


def _check_location(told: Sequence[Any], setup: ReaderContext, place: str) -> None:
    given = [payload.identifier({place: value}, place) for value in told if not is_blank(value)]
    if not given:
        raise EventRefused("missing", place, _NO_LOCATION)
    if any(payload.holds_placeholder(location) for location in given):
        raise EventRefused(payload.PLACEHOLDER, place, payload.PLACEHOLDER_HINT)
    if any(location != setup.tenant_id for location in given):
        raise EventRefused("conflict", place)


def type_of(word: str) -> str:
    """Return a type as the webhooks spell it: `contact.created` is `ContactCreate`; a type nobody knows stays as it is.

    >>> type_of("contact.created"), type_of("opportunity_stage_changed"), type_of("InvoicePaid")
    ('ContactCreate', 'OpportunityStageUpdate', 'InvoicePaid')
    """
    name = field_names.reduced(word)
    ends = [name.removesuffix(end) + new for end, new in _ENDINGS.items() if name.endswith(end)]
    return next((_TYPE_OF[spelled] for spelled in (name, *ends) if spelled in _TYPE_OF), word)


def dispatch(raw: Raw, setup: ReaderContext) -> ParsedEvent | IgnoredEvent:
    """Read what an event tells of something else than the contact itself; its envelope was checked."""
    event_id = payload.text(raw, "webhookId")
    key = f"id:{event_id}" if event_id else None
    reader = READERS[raw["type"]][0] if raw["type"] in READERS else None
    if reader is None and tasks_and_notes.refuses(raw):
        reader = tasks_and_notes.refusal
    if reader is None:
        return IgnoredEvent(type=raw["type"], code="unknown_type", key=key)
    parsed = reader(raw, setup, moment_of(raw, setup))
    if isinstance(parsed, IgnoredEvent):
        return replace(parsed, key=key)
    return with_key(parsed, event_id, parsed.state.get("id", ""))


def read_contact(kind: str, body: Body, contact: contacts.Contact, setup: ReaderContext) -> ParsedEvent:
    """Read what an event tells of its contact."""
    event = body.view("event")
    at = moment_of(event, setup)
    deletes = kind == "ContactDelete"
    parsed = contacts.deleted(kind, contact.contact_id, at) if deletes else contacts.read(kind, contact, setup, at)
    return with_key(parsed, payload.text(event, "webhookId"), parsed.state.get("id", ""))


def moment_of(raw: Raw, setup: ReaderContext) -> datetime:
    """Return when an event happened: what it says itself, else when it came; never in the future."""
    return min(payload.moment(raw, *_TIMES, zone=setup.zone) or setup.received_at, setup.now)


def _or_raw(raw: Raw, told: Raw, name: str) -> Any:
    """Return a field of the envelope; one of a wrong type stays what it is, so that it is refused as such."""
    return told.get(name, raw.get(name))


def _read_contact(raw: Raw, kind: str, body: Body, setup: ReaderContext) -> ParsedEvent:
    event = body.view("event")
    contact_id = contacts.id_of(body, ("id", _or_raw(raw, event, "id")), ("contactId", event.get("contactId")))
    if contact_id is None:
        raise body.doubt or EventRefused("missing", "id")
    own = [one for one in body.of("event") if one.word not in {"id", "type"}]
    return finished(read_contact(kind, body, contacts.contact_of(body, contact_id, own=own), setup), body)


def _read_other(raw: Raw, kind: str, body: Body, setup: ReaderContext) -> ParsedEvent | IgnoredEvent:
    owner: Owner = READERS[kind][1] if kind in READERS else "event"
    nested = {name: value for name, value in body.view(owner).items() if not is_blank(value)}
    contact_id = contacts.id_of(body, *(("contactId", one.get("contactId")) for one in (body.view("event"), nested)))
    named = {} if contact_id is None else {"contactId": contact_id}
    if owner in _NESTED:
        nested = {_NESTED[owner]: {**nested, **(named if owner == "appointment" else {})}} if nested else {}
    elif owner == "event":
        nested = {}
    fields = {**body.view("event"), **_wrong_ids(raw), **nested, **named}
    beside = None if contact_id is None or owner == "mail" else _beside(body, contact_id, owner, setup)
    return with_contact(beside, {**fields, "type": kind}, body, setup)


def with_contact(contact: ParsedEvent | None, raw: Raw, body: Body, setup: ReaderContext) -> ParsedEvent | IgnoredEvent:
    """Read an event about something else, with what it says of its contact; a refusal in that counts in any case.

    Raises:
        EventRefused: the event cannot be read, and refuses nothing.

    """
    is_refusal = contact is not None and refuses(contact)
    try:
        parsed = dispatch(raw, setup)
    except EventRefused as refused:
        if contact is None or not is_refusal:
            raise body.doubt or refused from None
        return finished(contact, replace(body, warnings=(*body.warnings, (refused.code, refused.loc))))
    if isinstance(parsed, IgnoredEvent):
        return finished(contact, body) if contact is not None and is_refusal else parsed
    return finished(parsed if contact is None else contacts.merged(contact, parsed), body)


def _within(field: Field) -> Field:
    """Return a user's own field as one of which only refusals are read, unless it is the contact's."""
    return field._replace(owner="unknown") if field.owner == "custom" and not is_in_contact(field) else field


def _is_text_of(field: Field, owner: Owner) -> bool:
    """Return whether the text of a note is read with the note."""
    return owner == "note" and field.word in field_names.PROSE


def _as_own(field: Field) -> Field:
    """Return a field of a contact that is one of the user's own by its name: `Budget Max`."""
    if field.meaning.column is None or field.owner not in {"event", "contact"}:
        return field
    is_named = field.word in field_names.KNOWN or field_names.person_name(field.word) is not None
    return field if is_named else field._replace(owner="custom")


def _wrong_ids(raw: Raw) -> dict[str, Any]:
    """Return the ids that are objects, so that they are refused as such."""
    return {name: raw[name] for name in ("id", "contactId", "campaignId") if isinstance(raw.get(name), Mapping | list)}


def _beside(body: Body, contact_id: str, owner: Owner, setup: ReaderContext) -> ParsedEvent | None:
    """Return what an event about something else says of its contact; None when it says nothing."""
    within = [_within(one) for one in body.fields if not _is_text_of(one, owner) or is_in_contact(one)]
    contact = contacts.contact_of(Body(within), contact_id, own=())
    return None if contacts.says_nothing(contact) else read_contact("ContactUpdate", body, contact, setup)
