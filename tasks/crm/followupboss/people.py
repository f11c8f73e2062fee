"""Read people: created, updated, tagged, moved to another stage, deleted. What an event does not name stays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from db.records import ConsentStatement, EventDraft, LeadDraft
from tasks.crm.followupboss import consent_marks, stages
from tasks.crm.followupboss.custom_fields import CustomFields, custom_of, is_ours
from tasks.crm.followupboss.notification import PROVIDER, Notification, entries, id_of, is_set, letters, need_id
from tasks.intake import consent, payload
from tasks.intake.errors import BadValue
from tasks.intake.parsed_event import WRITE_BACK_PREFIX, Closing, ParsedEvent
from tasks.intake.payload import Raw
from tasks.intake.values import phones, scalars

COLLECTION = "people"
#: the event that says when a person came to a stage
STAGE_EVENT = "peopleStageUpdated"
ENDS: Mapping[str, bool] = {"won": True, "lost": False, "abandoned": False}
_NAMES: Mapping[str, str] = {"firstName": "first_name", "lastName": "last_name", "name": "full_name"}
#: states of an address or a number at which nobody is reached, by their letters in lower case
_DEAD = frozenset({"invalid", "bounced", "hardbounced", "undeliverable", "disconnected", "badnumber", "wrongnumber"})
_TIMEFRAMES = ("timeframe", "timeframeName", "timeframeStatus")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What a resource says of a person."""

    #: with what the person's tags, stage and fields say of contact
    lead: LeadDraft
    #: field -> value as text, what we wrote back ourselves under names of ours
    state: Mapping[str, str]
    warnings: tuple[tuple[str, str], ...]


def read(person: Raw, told: Notification) -> ParsedEvent:
    """Read an event about a person.

    Raises:
        EventRefused: the person has no id.

    """
    person_id, at = need_id(person, COLLECTION), told.state_at(person)
    if is_set(person.get("deleted")):
        return deleted(person_id, told)
    found = person_of(person, told, at)
    is_stage_event = told.event == STAGE_EVENT
    stage = stages.stage_of(person, told.setup, name="stage")
    # any later event repeats the stage: of a sale it must be known when it happened
    closing = stage.outcome if is_stage_event or stage.outcome != "won" else None
    moved = {"stage_changed_at": told.at} if is_stage_event and stage.ours else {}
    lead = replace(found.lead, fields={**found.lead.fields, **moved})
    return ParsedEvent(
        type=told.event,
        at=at,
        lead=closed(lead, closing, at=told.at, told=told, source_id=f"{COLLECTION}:{person_id}"),
        # the store brings a deleted contact back under this name
        entity=("contact", person_id),
        state={**found.state, **({"status": closing} if closing else {})},
        closing=closing,
        warnings=found.warnings,
    )


def deleted(person_id: str, told: Notification) -> ParsedEvent:
    """Read that a person is gone: deleted, or merged into another."""
    lead = LeadDraft(source_system=PROVIDER, external_id=person_id, as_of=told.at)
    entity = ("contact", person_id)
    return ParsedEvent(type=told.event, at=told.at, lead=lead, entity=entity, state={"gone": "yes"}, gone=True)


def refusal(told: Notification) -> ParsedEvent | None:
    """Read what an event without its person refuses by itself: by a tag that was added, or by the new stage."""
    if len(told.resource_ids) != 1:
        return None
    tags = payload.text_list(told.data, "tags") or []
    said = [statement for tag in tags for statement in consent.from_mark(tag, "tag", at=told.at)]
    said += consent.from_mark(payload.text(told.data, "stage") or "", "stage", at=told.at)
    if not said:
        return None
    lead = LeadDraft(source_system=PROVIDER, external_id=told.resource_ids[0], statements=tuple(dict.fromkeys(said)))
    return ParsedEvent(type=told.event, at=told.at, lead=lead, state=consent_marks.state_of(said))


def closed(lead: LeadDraft, closing: Closing | None, *, at: datetime, told: Notification, source_id: str) -> LeadDraft:
    """Return the lead with its end; itself where nothing ended."""
    if closing is None or closing not in ENDS:
        return lead
    event = EventDraft(
        kind=f"outcome.{closing}",
        occurred_at=at,
        recorded_at=told.recorded(at),
        direction="outbound",
        source=PROVIDER,
        source_id=f"{source_id}:{closing}:{at.isoformat()}",
    )
    fields = {**lead.fields, "opportunity_status": closing, "closed_at": at}
    return replace(lead, fields=fields, label=ENDS[closing], label_at=at, events=(*lead.events, event))


def person_of(person: Raw, told: Notification, at: datetime) -> Person:
    """Return what a resource says of a person, at a time."""
    custom, tags = custom_of(person, told.setup), _tags(person)
    stage = stages.stage_of(person, told.setup, name="stage")
    fields = _fields(person, told, stage.ours, tags)
    lead = LeadDraft(
        source_system=PROVIDER,
        external_id=id_of(person, "id"),
        contact=_contact(person),
        fields={**custom.fields, **fields},
        custom=custom.custom,
        as_of=at,
    )
    marked = consent.with_marks(lead, at=at)
    aside = tuple(dict.fromkeys(consent_marks.of_person(person, at=at)))
    return Person(
        lead=replace(marked, statements=(*marked.statements, *aside)),
        state=_state(lead, custom, tags, aside),
        warnings=(("stage_unmapped", f"{COLLECTION}.stage"),) if stage.is_unmapped else (),
    )


def _state(
    lead: LeadDraft, custom: CustomFields, tags: list[str] | None, aside: tuple[ConsentStatement, ...]
) -> dict[str, str]:
    # the time of the last activity alone is no news: what happened comes as an event of its own
    values = {name: value for name, value in lead.fields.items() if name != "last_activity_at"}
    values |= lead.contact
    values |= {f"custom.{name}": value for name, value in lead.custom.items()}
    values |= {f"{WRITE_BACK_PREFIX}{name}": value for name, value in custom.ours.items()}
    if tags is not None:
        values["tags"] = sorted(tag for tag in tags if not is_ours(tag))
        values[f"{WRITE_BACK_PREFIX}tags"] = sorted(tag for tag in tags if is_ours(tag))
    return {name: str(value) for name, value in values.items()} | consent_marks.state_of(aside)


def _tags(person: Raw) -> list[str] | None:
    told = person.get("tags")
    if isinstance(told, list):
        told = [payload.text(tag, "name", "tag") if isinstance(tag, Mapping) else tag for tag in told]
    return payload.text_list({"tags": told}, "tags")


def _contact(person: Raw) -> dict[str, str]:
    values = {ours: payload.text(person, theirs) for theirs, ours in _NAMES.items()}
    values["email"] = next(_reached(person, "emails", lambda cell: scalars.emails(cell)[0]), None)
    region = next((phones.country_of(text) for text in _texts(person, "addresses", "country")), None)
    values["phone"] = next(_reached(person, "phones", lambda cell: phones.read(cell, region)[0]), None)
    return {name: value for name, value in values.items() if value}


def _reached(person: Raw, name: str, read_cell: Any) -> Iterator[str]:
    """Yield the person's own addresses or numbers that can be read and reach them, the main one first."""
    own = [entry for entry in entries(person, name) if id_of(entry, "relationshipId") is None]
    for entry in sorted(own, key=lambda entry: not is_set(entry.get("isPrimary"))):
        cell = payload.text(entry, "value")
        if cell is None or letters(payload.text(entry, "status")) in _DEAD:
            continue
        try:
            yield read_cell(cell)
        except BadValue:
            continue


def _texts(person: Raw, name: str, part: str) -> Iterator[str]:
    return filter(None, (payload.text(entry, part) for entry in entries(person, name)))


def _fields(person: Raw, told: Notification, stage: str | None, tags: list[str] | None) -> dict[str, Any]:
    price = payload.number(person, "price")
    values: dict[str, Any] = {
        "source": payload.text(person, "source"),
        "assigned_to": id_of(person, "assignedUserId") or payload.text(person, "assignedTo"),
        "stage": stage,
        "state": next(_texts(person, "addresses", "state"), None),
        "budget_max": price if price and 0 < price <= 1e12 else None,
        "lead_type": _level("lead_type", payload.text(person, "type")),
        "timeline": next(filter(None, (_level("timeline", payload.text(person, name)) for name in _TIMEFRAMES)), None),
        "created_at": _past(person, "created", told),
        "last_activity_at": _past(person, "lastActivity", told),
        "tags": None if tags is None else [tag for tag in tags if not is_ours(tag)],
    }
    return {name: value for name, value in values.items() if value is not None}


def _past(person: Raw, name: str, told: Notification) -> datetime | None:
    found = payload.moment(person, name, zone=payload.UTC)
    return found if found is not None and found <= told.setup.now else None


def _level(column: str, cell: str | None) -> str | None:
    try:
        return scalars.level(column, cell) if cell is not None else None
    except BadValue:
        return None
