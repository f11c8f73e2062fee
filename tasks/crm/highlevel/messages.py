"""Read messages and calls, in and out; an inbound one may withdraw consent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from db.records import ConsentStatement, EventDraft, LeadDraft
from ml.language.text import without_markup
from tasks.crm.highlevel.contacts import SYSTEM
from tasks.intake import consent, payload
from tasks.intake.parsed_event import IgnoredEvent, ParsedEvent, ReaderContext, fingerprint
from tasks.intake.payload import MAX_BODY, Raw

#: type of message, in small letters and without blanks -> kind of event, channel
KINDS: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(("sms", "mms", "text", "2"), ("sms", "sms")),
    **dict.fromkeys(("email", "lcemail", "customemail", "3"), ("email", "email")),
    **dict.fromkeys(("call", "ivrcall", "customcall", "1"), ("call", "call")),
    "voicemail": ("call", "call"),
    **dict.fromkeys(("livechat", "webchat", "chat", "5", "29"), ("message", "chat")),
    **dict.fromkeys(("whatsapp", "19"), ("message", "whatsapp")),
    **dict.fromkeys(("fb", "facebook", "messenger", "11"), ("message", "facebook")),
    **dict.fromkeys(("ig", "instagram", "18"), ("message", "instagram")),
}
_IDS = ("messageId", "emailMessageId", "altId", "id")


def read(raw: Raw, setup: ReaderContext, at: datetime) -> ParsedEvent | IgnoredEvent:
    """Read a message; `direction` says who wrote, and the event's type only where that is missing."""
    kind, channel = _kind(raw)
    if kind == "activity":
        return IgnoredEvent(type=str(raw["type"]), code="no_meaning")
    contact_id = payload.identifier(raw, "contactId")
    body, direction = _body(raw), payload.direction(raw)
    happened = min(payload.moment(raw, "dateAdded", zone=setup.zone) or at, setup.now)
    event = EventDraft(
        kind=kind,
        occurred_at=happened,
        recorded_at=max(happened, setup.received_at),
        direction=direction,
        channel=channel,
        facts=_facts(raw),
        text=body or None,
        source=SYSTEM,
        source_id=payload.text(raw, *_IDS) or _made_up(contact_id, happened, direction, body, raw),
    )
    refused = statements(raw, event) if direction == "inbound" else ()
    unsubscribed = any(statement.decision == "unsubscribed" for statement in refused)
    lead = LeadDraft(
        source_system=SYSTEM,
        external_id=contact_id,
        statements=refused,
        events=(consent.mark_refusal(event, refused), *([_refusal_of(event)] if unsubscribed else [])),
    )
    state = {"direction": str(direction), "status": str(payload.text(raw, "status")), "body": body}
    return ParsedEvent(type=str(raw["type"]), at=happened, lead=lead, state={**state, "id": event.source_id})


def statements(raw: Raw, event: EventDraft) -> tuple[ConsentStatement, ...]:
    """Return what the writer refuses; the body is read as it came, since its markup shows what is quoted."""
    return consent.from_message(
        payload.text(raw, "body", "message", limit=4 * MAX_BODY),
        event.channel,
        subject=payload.text(raw, "subject"),
        at=event.occurred_at,
        reference=event.source_id,
    )


def _refusal_of(event: EventDraft) -> EventDraft:
    return EventDraft(
        kind="unsubscribed",
        occurred_at=event.occurred_at,
        recorded_at=event.recorded_at,
        direction="inbound",
        channel=event.channel,
        source=event.source,
        source_id=f"{event.source_id}:unsubscribed",
    )


def _kind(raw: Raw) -> tuple[str, str | None]:
    label = (payload.text(raw, "messageType", "messageTypeString") or "").casefold().removeprefix("type_")
    name = "".join(letter for letter in label if letter.isalnum())
    if name.startswith("activity"):
        return "activity", None
    return KINDS.get(name, ("message", name[:40] or None))


def _body(raw: Raw) -> str:
    """Return the text without markup; an e-mail's subject is part of it."""
    text = without_markup(payload.text(raw, "body", "message", limit=4 * MAX_BODY) or "").strip()
    return "\n\n".join(filter(None, (payload.text(raw, "subject"), text)))[:MAX_BODY]


def _facts(raw: Raw) -> dict[str, Any]:
    voicemail = "voicemail" in (payload.text(raw, "messageType") or "").casefold()
    facts: dict[str, Any] = {
        "duration": payload.number(raw, "callDuration"),
        "status": "voicemail" if voicemail else payload.text(raw, "callStatus", "status", limit=40),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _made_up(contact_id: str, at: datetime, direction: str | None, body: str, raw: Raw) -> str:
    # where the event has no time, the moment of arrival would make each delivery a new message
    time = at.isoformat() if payload.text(raw, "dateAdded", "timestamp") else "-"
    # six digits tell two messages of a lead apart and give no text away
    return f"made-up:{direction or '-'}:{time}:{fingerprint([contact_id, body])[:6]}"
