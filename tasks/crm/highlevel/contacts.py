"""Read contacts: created, updated, tagged, put on do-not-disturb, deleted. What an event does not name stays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from db.records import ConsentStatement, EventDraft, LeadDraft
from tasks.crm.highlevel import attribution, dnd, field_names
from tasks.crm.highlevel.body import Body, is_missing
from tasks.crm.highlevel.custom_fields import Custom, custom_of, is_ours
from tasks.crm.highlevel.field_names import meaning
from tasks.crm.highlevel.fields import Field, is_blank
from tasks.intake import consent, payload
from tasks.intake.errors import BadValue, EventRefused
from tasks.intake.parsed_event import WRITE_BACK_PREFIX, ParsedEvent, ReaderContext
from tasks.intake.values import phones, scalars

SYSTEM = "ghl"
#: what an event calls a field -> our column
TEXTS = {"source": "source", "campaign": "campaign", "assignedTo": "assigned_to", "state": "state"}
NAMES = {"firstName": "first_name", "lastName": "last_name", "name": "full_name"}
#: what a user's own object says of the event, and not of the contact
_NO_OWN = field_names.WHOLE | {"type", "contactid", "locationid"}
#: types of what is no id
_NO_ID = (bool, list, Mapping)
_TWO_CONTACTS = "two ids of contacts; send one event for each contact"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """What an event says of its contact, however it is nested."""

    contact_id: str
    #: name of the webhooks -> what the event says under it, the likeliest first
    values: Mapping[str, Sequence[Any]]
    tags: list[str] | None
    consent: Mapping[str, bool]
    #: the user's own fields
    custom: Sequence[Field]
    #: names and cells of fields about consent that are nowhere else
    consent_cells: Mapping[str, Any]
    #: tags of other things, and short notes: only refusals in them count
    marks: Sequence[str]
    notes: Sequence[str]
    attribution: attribution.Attribution


def contact_of(body: Body, contact_id: str, *, own: Sequence[Field]) -> Contact:
    """Return what an event says of a contact; `own` are its outermost fields that are about the contact."""
    people, custom = [*body.of("contact"), *own], body.of("custom")
    reach = [one for one in custom if one.is_reach] if custom else []
    marks, custom_marks = _marks(people), _marks(custom)
    counted = {id(one) for one in (*marks, *custom_marks)}
    elsewhere = [one for one in _marks(body.fields) if id(one) not in counted and one.owner not in {"other", "mail"}]
    # a flag elsewhere may close a channel and never opens one
    closed = [
        name.removeprefix("dnd_") for name, value in dnd.consent(_flags((*elsewhere, *custom_marks))).items() if value
    ]
    return Contact(
        contact_id=contact_id,
        values=_values([*people, *reach]),
        tags=_tags([*marks, *custom_marks]),
        consent=dnd.consent([*_flags(marks), *({name: True} for name in closed)]),
        custom=[one for one in custom if one.word not in _NO_OWN and not (reach and one.is_reach)],
        consent_cells=_consent_cells(body.fields),
        marks=_tags(elsewhere) or [],
        notes=_notes(body),
        attribution=attribution.read(body.of("event", "contact", "custom")),
    )


def _marks(fields: Iterable[Field]) -> list[Field]:
    """Return flags and tags."""
    return [one for one in fields if one.word in field_names.MARKS]


def _flags(fields: Iterable[Field]) -> list[Any]:
    return [one.value for one in fields if one.word in field_names.DND]


def id_of(body: Body, *candidates: tuple[str, Any]) -> str | None:
    """Return the id of the contact that an event is about, by its nested contact or by `candidates`, (place, value).

    Raises:
        EventRefused: it names two contacts, or an id is no text.

    """
    nested = [one for one in body.of("contact") if one.word in {"id", "contactid"}]
    custom = [one for one in body.of("custom") if one.word == "contactid"]
    found: dict[str, str] = {}
    for place, value in [*((one.loc, one.value) for one in (*nested, *custom)), *candidates]:
        if isinstance(value, _NO_ID):
            raise EventRefused("type", place)
        told = payload.as_text(value)
        if not is_missing(told):
            found[str(told)] = place
    if len(found) > 1:
        raise EventRefused("too_many", list(found.values())[-1], _TWO_CONTACTS)
    return next(iter(found), None)


def read(kind: str, contact: Contact, setup: ReaderContext, at: datetime) -> ParsedEvent:
    """Read a contact event."""
    custom = custom_of(contact.custom, setup)
    lead = LeadDraft(
        source_system=SYSTEM,
        external_id=contact.contact_id,
        contact=_reach(contact),
        fields={**_fields(contact, setup), **custom.fields},
        custom=custom.custom,
        consent=dict(contact.consent),
        as_of=at,
    )
    marked = consent.with_marks(lead, at=at)
    aside = tuple(dict.fromkeys(_statements(contact, custom, at)))
    # a refusal that lies where the state does not look must not pass for an event that changed nothing
    said = {"said": str(sorted({(one.channel, one.decision) for one in aside}))} if aside else {}
    return ParsedEvent(
        type=kind,
        at=at,
        lead=replace(marked, statements=(*marked.statements, *aside)) if aside else marked,
        entity=("contact", contact.contact_id),
        state={**state_of(lead, custom, contact.tags), **said},
        refusal=_refusal(contact.contact_id, at, setup) if dnd.blocked(lead.consent) else None,
        refused_by=frozenset(lead.consent),
    )


def says_nothing(contact: Contact) -> bool:
    """Return whether an event about something else says nothing of its contact."""
    told = (contact.consent, contact.tags, contact.marks, contact.consent_cells, contact.values, contact.notes)
    return not (any(told) or contact.custom or contact.attribution.utm)


def deleted(kind: str, contact_id: str, at: datetime) -> ParsedEvent:
    """Read that a contact is gone."""
    lead = LeadDraft(source_system=SYSTEM, external_id=contact_id, as_of=at)
    return ParsedEvent(type=kind, at=at, lead=lead, entity=("contact", contact_id), state={"gone": "yes"}, gone=True)


def state_of(lead: LeadDraft, custom: Custom, tags: list[str] | None) -> dict[str, str]:
    """Return what an event says of a contact, field by field; what we wrote back ourselves is under names of ours."""
    values: dict[str, Any] = {**lead.contact, **lead.fields, **lead.consent}
    values |= {f"custom.{name}": value for name, value in lead.custom.items()}
    values |= {f"{WRITE_BACK_PREFIX}{name}": value for name, value in custom.ours.items()}
    if tags is not None:
        values["tags"] = sorted(tag for tag in tags if not is_ours(tag))
        values[f"{WRITE_BACK_PREFIX}tags"] = sorted(tag for tag in tags if is_ours(tag))
    return {name: str(value) for name, value in values.items()}


def _values(fields: Iterable[Field]) -> dict[str, list[Any]]:
    """Return the values of a person's fields; the webhooks' own name of a field counts before any other."""
    likely: list[tuple[str, Any]] = []
    others: list[tuple[str, Any]] = []
    for one in fields:
        name = _person_field(one)
        if name is not None and name != "id" and not is_blank(one.value):
            is_likely = one.name in field_names.WEBHOOK_NAMES or "_" in one.name
            (likely if is_likely else others).append((name, one.value))
    found: dict[str, list[Any]] = {}
    for name, told in (*likely, *others):
        values = told if isinstance(told, list) else [told]
        found.setdefault(name, []).extend(filter(payload.is_scalar, values))
    return found


def _person_field(field: Field) -> str | None:
    """Return what the webhooks call a field of the person, by the first of its names that is one."""
    if field.owner == "contact":
        names = ("contactType" if word == "type" else field_names.person_name(word) for word in field.words)
        return next(filter(None, names), None)
    if not field.names:
        return field.meaning.person
    return next(filter(None, (meaning(name).person for name in field.names)), None)


def _tags(fields: Iterable[Field]) -> list[str] | None:
    """Return the tags under all of these fields; None when there is no such field."""
    fields = [one for one in fields if one.word in field_names.TAGS]
    if not fields:
        return None
    lists = [payload.text_list({"": _named(one.value)}, "") for one in fields]
    told = [tags for tags in lists if tags is not None]
    return list(dict.fromkeys(tag for tags in told for tag in tags)) if told else None


def _named(value: Any) -> Any:
    """Return tags that are sent as objects by their names."""
    if isinstance(value, str):
        return value
    items = [value] if isinstance(value, Mapping) else value
    if not isinstance(items, list):
        return value
    return [
        payload.text(item, "name", "tag", "label", "value") if isinstance(item, Mapping) else item for item in items
    ]


def _consent_cells(fields: Iterable[Field]) -> dict[str, Any]:
    """Return the fields that speak of consent by their name and lie where nothing else is read."""
    cells: dict[str, Any] = {}
    for one in fields:
        if not (one.names or one.meaning.is_consent) or not _is_cell(one):
            continue
        for name in one.names or (one.name,):
            if meaning(name).is_consent:
                cells.setdefault(name, one.value)
    return cells


def _is_cell(field: Field) -> bool:
    return field.word not in field_names.WHOLE and field.owner not in {"other", "mail"} and not is_blank(field.value)


def _notes(body: Body) -> list[str]:
    """Return the texts of notes that come with a contact."""
    told = [one.value for one in body.of("note") if one.word in field_names.PROSE]
    told += [one.value for one in body.of("event", "contact") if one.word in {"note", "notes"}]
    return [text for text in told if isinstance(text, str)]


def _statements(contact: Contact, custom: Custom, at: datetime) -> Iterator[ConsentStatement]:
    """Yield what the event says of consent elsewhere than in the contact's own tags and fields."""
    # brokerages have a type for people who are not to be contacted
    for word in contact.values.get("contactType", ()):
        yield from consent.from_mark(str(word), "status", at=at)
    for tag in contact.marks:
        yield from consent.from_mark(tag, "tag", at=at)
    for number, note in enumerate(contact.notes):
        yield from consent.from_note(note, "note", at=at, reference=f"note {number}")
    if contact.consent_cells:
        cells = {name: _cell(value) for name, value in contact.consent_cells.items() if name not in custom.custom}
        yield from consent.from_custom_fields(cells, at=at)[0]


def _cell(value: Any) -> Any:
    """Return a flag as the word that cells of files have for it."""
    if isinstance(value, list):
        return "; ".join(str(item) for item in value)
    return ("yes" if value else "no") if isinstance(value, bool) else value


def _refusal(contact_id: str, at: datetime, setup: ReaderContext) -> EventDraft:
    return EventDraft(
        kind="do_not_disturb",
        occurred_at=at,
        recorded_at=max(at, setup.received_at),
        direction="inbound",
        source=SYSTEM,
        source_id=f"{contact_id}:do_not_disturb:{at.isoformat()}",
    )


def _reach(contact: Contact) -> dict[str, str]:
    values = {ours: _name(contact.values.get(theirs, ())) for theirs, ours in NAMES.items()}
    values["email"] = next(filter(None, map(_email, _texts(contact, "email"))), None)
    country = next(iter(_texts(contact, "country")), None)
    values["phone"] = next(filter(None, (_phone(cell, country) for cell in _texts(contact, "phone"))), None)
    return {name: value for name, value in values.items() if value}


def _texts(contact: Contact, name: str) -> list[str]:
    if name not in contact.values:
        return []
    told = map(payload.as_text, contact.values.get(name, ()))
    return [text for text in told if text is not None and not is_missing(text)]


def _name(values: Iterable[Any]) -> str | None:
    """Return a name; `null` is none, and Null is."""
    told = map(payload.as_text, values)
    return next((text for text in told if text and (not is_missing(text) or text.istitle())), None)


def _email(cell: str) -> str | None:
    try:
        return scalars.emails(cell)[0]
    except BadValue:
        return None


def _phone(cell: str, country: str | None) -> str | None:
    region = country.upper() if country and country.upper() in phones.COUNTRIES else None
    try:
        return phones.read(cell, region)[0]
    except BadValue:
        return None


def _fields(contact: Contact, setup: ReaderContext) -> dict[str, Any]:
    values: dict[str, Any] = {ours: next(iter(_texts(contact, theirs)), None) for theirs, ours in TEXTS.items()}
    values["source"] = values["source"] or contact.attribution.session
    times = (
        payload.moment({"dateAdded": told}, "dateAdded", zone=setup.zone)
        for told in contact.values.get("dateAdded", ())
    )
    created = next(filter(None, times), None)
    values["created_at"] = created if created and created <= setup.now else None
    values["timezone"] = _first(scalars.zone, _texts(contact, "timezone"))
    values["lead_type"] = _first(lambda cell: scalars.level("lead_type", cell), _texts(contact, "contactType"))
    values["tags"] = None if contact.tags is None else [tag for tag in contact.tags if not is_ours(tag)]
    values |= contact.attribution.utm
    return {name: value for name, value in values.items() if value is not None}


def _first(read_cell: Any, cells: Iterable[str]) -> str | None:
    for cell in cells:
        try:
            return str(read_cell(cell))
        except BadValue:
            continue
    return None


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
