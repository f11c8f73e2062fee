"""Read text messages, calls and e-mails, in and out; an inbound one may withdraw consent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from db.records import ConsentStatement, EventDraft, LeadDraft
from ml.language.text import without_markup
from tasks.crm.followupboss.consent_marks import mark_of
from tasks.crm.followupboss.notification import PROVIDER, Notification, is_hidden, is_set, letters, need_id
from tasks.intake import consent, payload
from tasks.intake.errors import EventRefused
from tasks.intake.parsed_event import ParsedEvent
from tasks.intake.payload import MAX_BODY, Raw

#: collection -> kind of event and channel, fields of the text, of the time
_SHAPES: Mapping[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "textMessages": ("sms", ("message",), ("created", "sent")),
    "calls": ("call", ("note",), ("startedAt", "created")),
    "emails": ("email", ("body",), ("date", "sent", "created")),
}
#: outcome of a call, by its letters -> status of the event
_OUTCOMES: Mapping[str, str] = {
    "interested": "completed",
    "notinterested": "completed",
    "leftmessage": "voicemail",
    "noanswer": "no-answer",
    "busy": "busy",
    "badnumber": "failed",
}
#: code of a text that Follow Up Boss does not hand out, so that no refusal in it can be read
_NOT_READ = "not_read"
_NO_PERSON = "send personId: the message is nobody's"
_NO_DIRECTION = "send isIncoming: whether the lead wrote it"


def read(collection: str, message: Raw, told: Notification) -> ParsedEvent:
    """Read a message or a call; `isIncoming` says who wrote.

    Raises:
        EventRefused: it has no id or no person, or it is an e-mail of which nobody says who wrote it.

    """
    kind, texts, times = _SHAPES[collection]
    message_id = need_id(message, collection)
    person_id = need_id(message, collection, "personId", _NO_PERSON)
    raw_text = payload.text(message, *texts, limit=4 * MAX_BODY)
    hidden = is_hidden(raw_text)
    text, subject = None if hidden else raw_text, payload.text(message, "subject") if kind == "email" else None
    happened, direction = told.moment(message, *times), _direction(message)
    if kind == "email" and direction is None:
        # the small print of a brokerage's own mails would pass for refusals
        raise EventRefused("missing", "emails.isIncoming", _NO_DIRECTION)
    event = EventDraft(
        kind=kind,
        occurred_at=happened,
        recorded_at=told.recorded(happened),
        direction=direction,
        channel=kind,
        facts=_facts(message) if kind == "call" else {},
        text=_plain(subject, text),
        source=PROVIDER,
        source_id=f"{collection}:{message_id}",
    )
    said = tuple(dict.fromkeys(_statements(message, event, text, subject)))
    left = any(statement.decision == "unsubscribed" for statement in said)
    events = (consent.mark_refusal(event, said), *([_refusal_of(event)] if left else []))
    return ParsedEvent(
        type=told.event,
        at=happened,
        lead=LeadDraft(source_system=PROVIDER, external_id=person_id, statements=said, events=events),
        state={"id": event.source_id, "direction": str(direction), "text": str(event.text)},
        warnings=((_NOT_READ, f"{collection}.{texts[0]}"),) if hidden and direction != "outbound" else (),
    )


def _direction(message: Raw) -> str | None:
    told = message.get("isIncoming")
    if told is None:
        return payload.direction(message)
    return "inbound" if is_set(told) else "outbound"


def _statements(message: Raw, event: EventDraft, text: str | None, subject: str | None) -> tuple[ConsentStatement, ...]:
    """Return what a message refuses: what a lead writes, and what an agent notes of a call or of its outcome."""
    at, reference = event.occurred_at, event.source_id
    if event.direction == "inbound" and event.kind != "call":
        return consent.from_message(text, event.channel, subject=subject, at=at, reference=reference)
    if event.direction == "outbound" and event.kind != "call":
        return ()
    # an agent wrote it, or nobody says who did: what may be a refusal is decided by a person
    outcome = consent.from_mark(payload.text(message, "outcome") or "", "status", at=at)
    noted = f"{reference}:{mark_of(text or '')}"
    return (*outcome, *consent.from_note(text or "", "note", at=at, reference=noted))


def _refusal_of(event: EventDraft) -> EventDraft:
    return replace(event, kind="unsubscribed", facts={}, text=None, source_id=f"{event.source_id}:unsubscribed")


def _plain(subject: str | None, text: str | None) -> str | None:
    return "\n\n".join(filter(None, (subject, without_markup(text or "").strip())))[:MAX_BODY] or None


def _facts(call: Raw) -> dict[str, Any]:
    status = _OUTCOMES.get(letters(payload.text(call, "outcome")))
    facts = {"duration": payload.number(call, "duration"), "status": status}
    return {name: value for name, value in facts.items() if value is not None}
