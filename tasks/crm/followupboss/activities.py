"""Read what leads do: on a website, as items of `/events` say, and with marketing e-mails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from db.records import ConsentStatement, EventDraft, LeadDraft
from tasks.crm.followupboss import people
from tasks.crm.followupboss.notification import PROVIDER, Notification, id_of, letters, need_id
from tasks.intake import consent, payload
from tasks.intake.errors import EventRefused
from tasks.intake.parsed_event import IgnoredEvent, ParsedEvent, with_key
from tasks.intake.payload import MAX_BODY, Raw

#: type of a website event, by its letters -> kind of event
KINDS: Mapping[str, str] = {
    "registration": "registration",
    **dict.fromkeys(("inquiry", "propertyinquiry", "sellerinquiry", "generalinquiry"), "inquiry"),
    **dict.fromkeys(("viewedproperty", "virtuallytouredproperty"), "listing_view"),
    "savedproperty": "saved_listing",
    "propertysearch": "search",
    "savedpropertysearch": "saved_search",
    "visitedwebsite": "site_visit",
    "viewedpage": "page_view",
    "visitedopenhouse": "showing",
    "incomingcall": "call",
    "unsubscribed": "unsubscribed",
}
#: type of a marketing event, by its letters -> kind of event
MAIL_KINDS: Mapping[str, str] = {
    **dict.fromkeys(("open", "opened"), "email_opened"),
    **dict.fromkeys(("click", "clicked"), "email_clicked"),
    **dict.fromkeys(("unsubscribe", "unsubscribed", "spamreport"), "unsubscribed"),
    **dict.fromkeys(("bounced", "softbounce", "hardbounce", "dropped"), "email_failed"),
    "delivered": "email_sent",
}
_NO_PERSON = "send personId, or the person with an id or an e-mail address"


def website(item: Raw, told: Notification) -> ParsedEvent | IgnoredEvent:
    """Read what a lead did on a website; a message with it may refuse contact.

    Raises:
        EventRefused: it names nobody.

    """
    word, happened = payload.identifier(item, "type"), told.moment(item, "occurred", "occurredAt", "created")
    lead = _visitor(item, told)
    item_id = id_of(item, "id") or f"made-up:{letters(word)}:{happened.isoformat()}"
    text = payload.text(item, "message", limit=MAX_BODY)
    known = KINDS.get(letters(word))
    price = payload.number(payload.nested(item, "property"), "price")
    event = EventDraft(
        kind=known or "message",
        occurred_at=happened,
        recorded_at=told.recorded(happened),
        direction="inbound",
        facts={} if price is None else {"value": price},
        text=text,
        source=PROVIDER,
        source_id=f"events:{item_id}",
    )
    said = _refused(event, word, text)
    if known is None and not (said or lead.statements):
        return IgnoredEvent(type=word, code="unknown_type")
    events = (consent.mark_refusal(event, said),)
    lead = replace(lead, statements=(*lead.statements, *said), events=events)
    return ParsedEvent(type=word, at=happened, lead=lead, state={"id": event.source_id, "who": _who(lead)})


def bare(item: Raw, told: Notification) -> ParsedEvent | IgnoredEvent:
    """Read an item of `/events` that comes without a notification."""
    found, item_id = website(item, told), id_of(item, "id")
    if isinstance(found, IgnoredEvent):
        return replace(found, key=f"id:events:{item_id}" if item_id else None)
    return with_key(found, f"events:{item_id}" if item_id else None, "")


def mail(item: Raw, told: Notification) -> ParsedEvent | IgnoredEvent:
    """Read what a lead did with a marketing e-mail.

    Raises:
        EventRefused: it has no id, or no person.

    """
    word = payload.text(item, "type") or told.event.removeprefix("emEvents")
    kind = MAIL_KINDS.get(letters(word))
    if kind is None:
        return IgnoredEvent(type=told.event, code="no_meaning")
    item_id, person_id = need_id(item, "emEvents"), need_id(item, "emEvents", "personId")
    happened = told.moment(item, "occurred", "created")
    event = EventDraft(
        kind=kind,
        occurred_at=happened,
        recorded_at=told.recorded(happened),
        direction="outbound" if kind in {"email_failed", "email_sent"} else "inbound",
        channel="email",
        source=PROVIDER,
        source_id=f"emEvents:{item_id}",
    )
    said = _refused(event, kind, None) if kind == "unsubscribed" else ()
    lead = LeadDraft(source_system=PROVIDER, external_id=person_id, statements=said, events=(event,))
    return ParsedEvent(type=told.event, at=happened, lead=lead, state={"id": event.source_id})


def _visitor(item: Raw, told: Notification) -> LeadDraft:
    """Return who did it: by the id, or by what the item says of the person."""
    person = payload.nested(item, "person")
    person_id = id_of(item, "personId") or id_of(person, "id")
    if not person:
        if person_id is None:
            raise EventRefused("missing", "events.personId", _NO_PERSON)
        return LeadDraft(source_system=PROVIDER, external_id=person_id)
    lead = replace(people.person_of(person, told, told.at).lead, external_id=person_id)
    if person_id is None and not lead.contact.get("email"):
        raise EventRefused("missing", "events.person.id", _NO_PERSON)
    # the source of a known person was set when it was created
    source = payload.text(item, "source") if person_id is None else None
    return replace(lead, fields={**({"source": source} if source else {}), **lead.fields})


def _refused(event: EventDraft, word: str, text: str | None) -> tuple[ConsentStatement, ...]:
    at, reference = event.occurred_at, event.source_id
    if event.kind == "unsubscribed":
        return consent.unsubscribed("email", basis="event", reference=reference, said_at=at)
    by_kind = consent.from_event_kind(word, None, at=at, reference=reference)
    return (*by_kind, *consent.from_message(text, event.channel, at=at, reference=reference))


def _who(lead: LeadDraft) -> str:
    return lead.external_id or lead.contact.get("email", "")
