"""The records that every provider's event reader returns: what happened, in our words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from db.records import EntityKey, EventDraft, LeadDraft
from tasks.intake import payload

Closing = Literal["won", "lost", "abandoned", "open"]
#: prefix of the state's fields that we wrote to the CRM ourselves
WRITE_BACK_PREFIX = "ml."


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderContext:
    """What an event reader needs to know besides the event."""

    tenant_id: str
    now: datetime
    received_at: datetime
    #: of times without an offset
    zone: ZoneInfo = payload.UTC
    #: a pipeline's stage (its id, or its name when the event has no id) -> our stage
    stages: Mapping[str, str] = field(default_factory=dict)
    #: id or name of a custom field -> canonical column, a name of our own, or `ml:…` for a field that we write back
    custom_fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedEvent:
    """One event that was read."""

    type: str
    #: when it happened, never in the future
    at: datetime
    #: the lead and its new values; without an external id it is the lead that the entity belongs to
    lead: LeadDraft
    #: idempotency key: the sender's event id, or the hash of (type, id, state); None when the entity's state decides
    key: str | None = None
    #: the entity whose state this is; None for an event that happens once
    entity: EntityKey | None = None
    #: field -> value as text; fields that we wrote ourselves begin with `ml.`
    state: Mapping[str, str] = field(default_factory=dict)
    #: the refusal of a contact, stored when one of the fields `refused_by` of its state changed
    refusal: EventDraft | None = None
    refused_by: frozenset[str] = frozenset()
    #: outcome of an opportunity
    closing: Closing | None = None
    #: the contact was deleted
    gone: bool = False
    #: True: the event counts for known leads only, no lead is created from it
    known_only: bool = False
    #: (code, place inside the event) of each part that was left out
    warnings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoredEvent:
    """An event that has no meaning for us."""

    type: str
    #: unknown_type, no_contact or no_meaning
    code: str
    key: str | None = None


def with_key(event: ParsedEvent, event_id: str | None, entity_id: str) -> ParsedEvent:
    """Return the event with its key: the sender's id, else a hash of type, id and state when no state is stored."""
    if event_id:
        return replace(event, key=f"id:{event_id}")
    if event.entity is not None:
        return event
    return replace(event, key=f"hash:{fingerprint([event.type, entity_id, dict(event.state)])}")


def fingerprint(value: Any) -> str:
    """Return the SHA-256 of a JSON value, as hex."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
