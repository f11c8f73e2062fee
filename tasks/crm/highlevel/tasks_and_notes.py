"""Read tasks, notes, campaigns and the statistics of e-mails."""

from __future__ import annotations

from datetime import datetime

from db.records import ConsentStatement, EventDraft, LeadDraft
from ml.language.text import without_markup
from tasks.crm.highlevel.contacts import SYSTEM
from tasks.intake import consent, payload
from tasks.intake.errors import BadValue, EventRefused
from tasks.intake.parsed_event import IgnoredEvent, ParsedEvent, ReaderContext
from tasks.intake.payload import MAX_BODY, Raw
from tasks.intake.values import scalars

#: event type -> kind of event; features leave unknown kinds out
KINDS = {
    "TaskCreate": "task_created",
    "TaskComplete": "task_completed",
    "TaskDelete": "task_deleted",
    "NoteCreate": "note",
    "NoteUpdate": "note_updated",
    "NoteDelete": "note_deleted",
    "CampaignStatusUpdate": "campaign",
}
#: statistic of an e-mail -> kind of event
MAIL = {
    "opened": "email_opened",
    "clicked": "email_clicked",
    "unsubscribed": "unsubscribed",
    "complained": "unsubscribed",
    "failed": "email_failed",
    "permanent_fail": "email_failed",
}


def read(raw: Raw, setup: ReaderContext, at: datetime) -> ParsedEvent:
    """Read what is done about a contact; an event without the contact counts if its entity is known."""
    kind = KINDS[raw["type"]]
    entity_id = payload.identifier(raw, "id", *(("campaignId", "contactId") if kind == "campaign" else ()))
    contact_id = payload.text(raw, "contactId")
    entity_id = f"{entity_id}:{contact_id}" if kind == "campaign" else entity_id
    happened = min(payload.moment(raw, "dateAdded", zone=setup.zone) or at, setup.now) if _creates(raw) else at
    text = "\n\n".join(filter(None, (payload.text(raw, "title"), _body(raw))))
    status = payload.text(raw, "status", limit=40)
    event = EventDraft(
        kind=kind,
        occurred_at=happened,
        recorded_at=max(happened, setup.received_at),
        facts={"status": status} if status else {},
        text=text or None,
        source=SYSTEM,
        source_id=f"{entity_id}:{kind}" if _once(kind) else f"{entity_id}:{kind}:{happened.isoformat()}",
    )
    note = text if kind.startswith("note") else ""
    refused = consent.from_note(note, "note", at=happened, reference=event.source_id)
    lead = LeadDraft(source_system=SYSTEM, external_id=contact_id, statements=refused, events=(event,))
    name = kind.partition("_")[0]
    state = {"kind": _group(kind), "text": text, "status": str(status), "due": str(payload.text(raw, "dueDate"))}
    return ParsedEvent(type=raw["type"], at=happened, lead=lead, entity=(name, entity_id), state=state)


def refuses(raw: Raw) -> bool:
    """Return whether an event of an unknown type is a contact's refusal by its name, such as `SmsOptOut`."""
    named = payload.text(raw, "contactId") is not None
    return named and bool(consent.from_event_kind(str(raw["type"]), None, at=payload.EPOCH, reference=""))


def refusal(raw: Raw, setup: ReaderContext, at: datetime) -> ParsedEvent:
    """Read a refusal that only the type of its event says."""
    contact_id = payload.identifier(raw, "contactId")
    reference = payload.text(raw, "id", "webhookId") or f"{contact_id}:{raw['type']}:{at.isoformat()}"
    refused = consent.from_event_kind(str(raw["type"]), payload.text(raw, "channel"), at=at, reference=reference)
    lead = LeadDraft(source_system=SYSTEM, external_id=contact_id, statements=refused)
    return ParsedEvent(type=str(raw["type"]), at=at, lead=lead, state={"id": reference})


def mail(raw: Raw, setup: ReaderContext, at: datetime) -> ParsedEvent | IgnoredEvent:
    """Read a statistic of an e-mail, which has the address only."""
    statistic = payload.nested(raw, "webhookPayload")
    if not statistic:
        raise EventRefused("missing", "webhookPayload")
    kind = MAIL.get((payload.text(statistic, "event") or "").casefold())
    address = _address(payload.text(statistic, "recipient"))
    if kind is None or address is None:
        return IgnoredEvent(type=str(raw["type"]), code="no_meaning" if kind is None else "no_contact")
    happened = min(payload.moment(statistic, "timestamp", zone=payload.UTC) or at, setup.now)
    event = EventDraft(
        kind=kind,
        occurred_at=happened,
        recorded_at=max(happened, setup.received_at),
        direction="outbound" if kind == "email_failed" else "inbound",
        channel="email",
        source=SYSTEM,
        source_id=f"{payload.identifier(statistic, 'id')}:{kind}:{happened.isoformat()}",
    )
    refused: tuple[ConsentStatement, ...] = ()
    if kind == "unsubscribed":
        refused = consent.unsubscribed("email", basis="event", reference=event.source_id, said_at=happened)
    lead = LeadDraft(source_system=SYSTEM, contact={"email": address}, statements=refused, events=(event,))
    state = {"id": event.source_id}
    return ParsedEvent(type=str(raw["type"]), at=happened, lead=lead, state=state, known_only=True)


def _address(cell: str | None) -> str | None:
    try:
        return scalars.emails(cell)[0] if cell else None
    except BadValue:
        return None


def _body(raw: Raw) -> str:
    return without_markup(payload.text(raw, "body", limit=MAX_BODY) or "").strip()


def _creates(raw: Raw) -> bool:
    return str(raw["type"]).endswith("Create")


def _once(kind: str) -> bool:
    return kind not in {"note_updated", "campaign"}


def _group(kind: str) -> str:
    """Return the kind to compare states by: an updated note is the same note, a completed task is a change."""
    return "note" if kind == "note_updated" else kind
