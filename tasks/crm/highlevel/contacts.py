"""Read contacts: created, updated, tagged, put on do-not-disturb, deleted. What an event does not name stays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from db.records import EventDraft, LeadDraft
from tasks.crm.highlevel.custom_fields import Custom, custom_of, is_ours
from tasks.intake import payload
from tasks.intake.consent import from_mark, with_marks
from tasks.intake.errors import BadValue
from tasks.intake.parsed_event import WRITE_BACK_PREFIX, ParsedEvent, ReaderContext
from tasks.intake.payload import Raw
from tasks.intake.values import phones, scalars

SYSTEM = "ghl"
#: what an event calls a channel -> our consent
CHANNELS = {"sms": "dnd_sms", "call": "dnd_call", "email": "dnd_email"}
#: what an event calls a column -> our column
TEXTS = {
    "source": ("source",),
    "campaign": ("campaign",),
    "assigned_to": ("assignedTo", "assignedUserId"),
    "state": ("state",),
}
NAMES = {"first_name": ("firstName",), "last_name": ("lastName",), "full_name": ("name", "fullName", "contactName")}


def read(raw: Raw, setup: ReaderContext, at: datetime) -> ParsedEvent:
    """Read a contact event; `id` is the contact."""
    contact_id = payload.identifier(raw, "id", "contactId")
    custom = custom_of(_custom_fields(raw), setup)
    tags = payload.text_list(raw, "tags")
    lead = LeadDraft(
        source_system=SYSTEM,
        external_id=contact_id,
        contact=_contact(raw),
        fields={**_fields(raw, setup, tags), **custom.fields},
        custom=custom.custom,
        consent=consent(raw),
        as_of=at,
    )
    return ParsedEvent(
        type=str(raw["type"]),
        at=at,
        lead=_with_type(with_marks(lead, at=at), raw, at),
        entity=("contact", contact_id),
        state=state_of(lead, custom, tags),
        refusal=_refusal(contact_id, at, setup) if blocked(lead.consent) else None,
        refused_by=frozenset(lead.consent),
    )


def _with_type(lead: LeadDraft, raw: Raw, at: datetime) -> LeadDraft:
    """Read the type too: brokerages have one for people who are not to be contacted."""
    statements = from_mark(payload.text(raw, "contactType") or "", "status", at=at)
    return replace(lead, statements=(*lead.statements, *statements)) if statements else lead


def deleted(raw: Raw, setup: ReaderContext, at: datetime) -> ParsedEvent:
    """Read that a contact is gone."""
    contact_id = payload.identifier(raw, "id", "contactId")
    lead = LeadDraft(source_system=SYSTEM, external_id=contact_id, as_of=at)
    entity = ("contact", contact_id)
    return ParsedEvent(type=str(raw["type"]), at=at, lead=lead, entity=entity, state={"gone": "yes"}, gone=True)


def state_of(lead: LeadDraft, custom: Custom, tags: list[str] | None) -> dict[str, str]:
    """Return what an event says of a contact, field by field; what we wrote back ourselves is under names of ours."""
    values: dict[str, Any] = {**lead.contact, **lead.fields, **lead.consent}
    values |= {f"custom.{name}": value for name, value in lead.custom.items()}
    values |= {f"{WRITE_BACK_PREFIX}{name}": value for name, value in custom.ours.items()}
    if tags is not None:
        values["tags"] = sorted(tag for tag in tags if not is_ours(tag))
        values[f"{WRITE_BACK_PREFIX}tags"] = sorted(tag for tag in tags if is_ours(tag))
    return {name: str(value) for name, value in values.items()}


def consent(raw: Raw) -> dict[str, bool]:
    """Return what is blocked; `dnd` blocks everything, whatever the channels say beside it."""
    everything = raw.get("dnd")
    everything = str(everything).casefold() in {"true", "yes", "1"} if everything is not None else None
    blocks = {} if everything is None else {"dnd_all": everything}
    for name, setting in payload.nested(raw, "dndSettings").items():
        status = setting.get("status") if isinstance(setting, Mapping) else setting
        if name.casefold() == "all" and _blocks(status):
            blocks["dnd_all"] = True
        elif name.casefold() in CHANNELS and status is not None and (_blocks(status) or not everything):
            blocks[CHANNELS[name.casefold()]] = _blocks(status)
    return blocks


def blocked(values: Mapping[str, Any]) -> bool:
    """Return whether every channel is closed, all at once or one by one."""
    return values.get("dnd_all") is True or all(values.get(name) is True for name in CHANNELS.values())


def _refusal(contact_id: str, at: datetime, setup: ReaderContext) -> EventDraft:
    return EventDraft(
        kind="do_not_disturb",
        occurred_at=at,
        recorded_at=max(at, setup.received_at),
        direction="inbound",
        source=SYSTEM,
        source_id=f"{contact_id}:do_not_disturb:{at.isoformat()}",
    )


def _blocks(status: Any) -> bool:
    return str(status).casefold() in {"active", "permanent", "true"}


def _contact(raw: Raw) -> dict[str, str]:
    values = {ours: payload.text(raw, *theirs) for ours, theirs in NAMES.items()}
    values["email"] = _email(payload.text(raw, "email"))
    values["phone"] = _phone(payload.text(raw, "phone"), payload.text(raw, "country"))
    return {name: value for name, value in values.items() if value}


def _email(cell: str | None) -> str | None:
    try:
        return scalars.emails(cell)[0] if cell else None
    except BadValue:
        return None


def _phone(cell: str | None, country: str | None) -> str | None:
    region = country.upper() if country and country.upper() in phones.COUNTRIES else None
    try:
        return phones.read(cell, region)[0] if cell else None
    except BadValue:
        return None


def _fields(raw: Raw, setup: ReaderContext, tags: list[str] | None) -> dict[str, Any]:
    values: dict[str, Any] = {ours: payload.text(raw, *theirs) for ours, theirs in TEXTS.items()}
    created = payload.moment(raw, "dateAdded", zone=setup.zone)
    values["created_at"] = created if created and created <= setup.now else None
    values["timezone"] = _or_none(scalars.zone, payload.text(raw, "timezone"))
    values["lead_type"] = _or_none(lambda cell: scalars.level("lead_type", cell), payload.text(raw, "contactType"))
    values["tags"] = None if tags is None else [tag for tag in tags if not is_ours(tag)]
    return {name: value for name, value in values.items() if value is not None}


def _or_none(read_cell: Any, cell: str | None) -> Any:
    try:
        return read_cell(cell) if cell else None
    except BadValue:
        return None


def _custom_fields(raw: Raw) -> Iterable[tuple[str, Any]]:
    """Yield each custom field with its id and value; the value has several names."""
    listed = raw.get("customFields", raw.get("customField"))
    for field in listed if isinstance(listed, list) else ():
        if isinstance(field, Mapping) and (name := payload.text(field, "id", "key", "name")):
            values = [field[key] for key in ("value", "field_value", "fieldValue") if field.get(key) is not None]
            if values:
                yield name, values[0]


def merged(contact: ParsedEvent, other: ParsedEvent) -> ParsedEvent:
    """Return one event for a webhook that is about a contact and about something else of it."""
    lead = replace(
        contact.lead,
        fields={**contact.lead.fields, **other.lead.fields},
        consent={**contact.lead.consent, **other.lead.consent},
        statements=(*contact.lead.statements, *other.lead.statements),
        label=other.lead.label,
        label_at=other.lead.label_at,
        events=other.lead.events,
    )
    state = {**contact.state, **other.state} if other.entity else other.state
    return replace(other, lead=lead, state=state, refusal=contact.refusal, refused_by=contact.refused_by)
