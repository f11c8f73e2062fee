"""Read events in our own words, for sources that have no reader: who, what, when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from db.records import ConsentStatement, EventDraft, LeadDraft
from ml.features.events import canonical
from tasks.contracts.base.request import invalid_payload
from tasks.contracts.leads import LeadIn
from tasks.crm.adapter import CrmAdapter, EventReader
from tasks.intake import consent, payload
from tasks.intake.errors import EventRefused
from tasks.intake.lead_drafts import CONTACT_FIELDS, to_draft
from tasks.intake.parsed_event import Closing, IgnoredEvent, ParsedEvent, ReaderContext, fingerprint, with_key
from tasks.intake.payload import MAX_BODY, Raw

#: outcomes that close a lead
ENDS: Mapping[str, tuple[Closing, bool]] = {
    "won": ("won", True),
    "lost": ("lost", False),
    "abandoned": ("abandoned", False),
}
#: fields that would make two people one if they held the same words for both
_WHO = ("external_id", *CONTACT_FIELDS)
#: kinds that are stored although no feature counts them
ALSO = frozenset({"note", "unsubscribed", "opted_out", *ENDS})


def read(raw: Any, setup: ReaderContext) -> ParsedEvent | IgnoredEvent:
    """Read `{id?, lead, kind?, at?, direction?, channel?, text?, value?, duration?}`.

    Without `kind` the event is an update of the lead.

    Raises:
        EventRefused: it names no lead, or a field of the lead cannot be read.

    """
    if not isinstance(raw, Mapping):
        raise EventRefused("type", "")
    lead, event_id = _lead(raw.get("lead"), setup.received_at), payload.text(raw, "id")
    kind = (payload.text(raw, "kind", limit=40) or "").casefold()
    at = min(payload.moment(raw, "at", "occurred_at", zone=setup.zone) or setup.received_at, setup.now)
    if not kind:
        return with_key(_lead_update(lead, at), event_id, "")
    known = canonical(kind, payload.direction(raw)) is not None or kind in ALSO
    if not known and not consent.from_event_kind(kind, None, at=at, reference=""):
        return IgnoredEvent(type=kind, code="unknown_type", key=f"id:{event_id}" if event_id else None)
    return with_key(_happened(raw, lead, kind, at, setup), event_id, "")


def _lead(fields: Any, at: datetime) -> LeadDraft:
    if not isinstance(fields, Mapping):
        raise EventRefused("missing" if fields is None else "type", "lead")
    for name in _WHO:
        if isinstance(told := fields.get(name), str) and payload.holds_placeholder(told):
            raise EventRefused(payload.PLACEHOLDER, f"lead.{name}", payload.PLACEHOLDER_HINT)
    try:
        draft = to_draft(LeadIn.model_validate(fields), at)
    except ValidationError as error:
        refused = invalid_payload(LeadIn, fields, error)
        place = refused.errors[0]["loc"]
        raise EventRefused(refused.code, f"lead.{place}" if place else "lead") from None
    if not (draft.external_id or draft.contact.get("email") or draft.contact.get("phone")):
        raise EventRefused("missing", "lead.external_id")
    return draft


def _lead_update(lead: LeadDraft, at: datetime) -> ParsedEvent:
    values: dict[str, Any] = {**lead.contact, **lead.fields, **lead.consent, **lead.custom}
    state = {name: str(value) for name, value in values.items()}
    entity = ("lead", f"{lead.source_system}:{lead.external_id}") if lead.external_id else None
    return ParsedEvent(type="lead", at=at, lead=lead, entity=entity, state=state)


def _happened(raw: Raw, lead: LeadDraft, kind: str, at: datetime, setup: ReaderContext) -> ParsedEvent:
    text = payload.text(raw, "text", limit=MAX_BODY)
    direction, channel = payload.direction(raw), payload.text(raw, "channel", limit=40)
    who = [lead.source_system, lead.external_id, dict(lead.contact)]
    state = {"who": str(who), "kind": kind, "at": at.isoformat() if _timed(raw) else "", "text": str(text)}
    state["direction"] = str(direction)
    event = EventDraft(
        kind=f"outcome.{kind}" if kind in ENDS else kind,
        occurred_at=at,
        recorded_at=max(at, setup.received_at),
        direction=direction,
        channel=channel,
        facts={name: value for name in ("value", "duration") if (value := payload.number(raw, name)) is not None},
        text=text,
        source="generic",
        source_id=payload.text(raw, "id") or f"made-up:{kind}:{state['at'] or '-'}:{fingerprint(state)[:6]}",
    )
    closing, label = ENDS.get(kind, (None, lead.label))
    statements = _statements(event)
    lead = replace(
        lead,
        statements=(*lead.statements, *statements),
        events=(consent.mark_refusal(event, statements),),
        label=label,
        label_at=at if closing else lead.label_at,
    )
    if closing:
        lead = replace(lead, fields={**lead.fields, "opportunity_status": closing, "closed_at": at})
    return ParsedEvent(type=kind, at=at, lead=lead, state=state, closing=closing)


def _statements(event: EventDraft) -> tuple[ConsentStatement, ...]:
    """Return what an event refuses: by its kind, or by the words of an inbound message or a note."""
    at, reference = event.occurred_at, event.source_id
    if by_kind := consent.from_event_kind(event.kind, event.channel, at=at, reference=reference):
        return by_kind
    if event.kind == "note":
        return consent.from_note(event.text or "", "note", at=at, reference=reference)
    if event.direction != "inbound":
        return ()
    return consent.from_message(event.text, event.channel, at=at, reference=reference)


def _timed(raw: Raw) -> bool:
    return payload.text(raw, "at", "occurred_at") is not None


class Generic(CrmAdapter):
    """Events in our own words; no action goes out this way."""

    provider = "generic"
    readers: Mapping[str, EventReader] = MappingProxyType({"generic": read})


GENERIC = Generic()
