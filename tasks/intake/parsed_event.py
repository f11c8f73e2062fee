"""What an event of a provider says, in our words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from db.records import EventDraft, LeadDraft
from db.records.live import Entity
from tasks.intake import payload

Closing = Literal["won", "lost", "abandoned", "open"]
#: fields of a state that are our own write-backs
OURS = "ml."


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderContext:
    """What a reader needs to know besides the event."""

    tenant_id: str
    now: datetime
    received_at: datetime
    #: of times without one
    zone: ZoneInfo = payload.UTC
    #: a pipeline's stage (id, or name where only that is told) -> our stage
    stages: Mapping[str, str] = field(default_factory=dict)
    #: id or name of a custom field -> canonical column, name of our own, or `ml:…` for what we write back
    custom_fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedEvent:
    """One event that was understood."""

    type: str
    #: when it happened, never in the future
    at: datetime
    #: who is meant and what is new; without external id the entity's known lead is meant
    lead: LeadDraft
    #: the sender's id of the event, or the hash of (type, id, state); None where only the entity's state tells
    key: str | None = None
    #: what the state is of; None for what happens once
    entity: Entity | None = None
    #: field -> value as text, those of ours under `ml.`
    state: Mapping[str, str] = field(default_factory=dict)
    #: what the contact refuses, told where one of these fields of its state changed
    refusal: EventDraft | None = None
    refused_by: frozenset[str] = frozenset()
    #: how an opportunity stands
    closing: Closing | None = None
    #: the contact was deleted
    gone: bool = False
    #: an e-mail address of nobody is nobody: no lead is made of it
    known_only: bool = False
    #: of what was left out: (code, place inside the event)
    warnings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """An event that says nothing to us."""

    type: str
    #: unknown_type, no_contact or no_meaning
    code: str
    key: str | None = None


def keyed(notice: ParsedEvent, event_id: str | None, entity_id: str) -> ParsedEvent:
    """Give a notice with its key: the sender's id, else the hash of type, id and state where no state is kept."""
    if event_id:
        return replace(notice, key=f"id:{event_id}")
    if notice.entity is not None:
        return notice
    return replace(notice, key=f"hash:{fingerprint([notice.type, entity_id, dict(notice.state)])}")


def fingerprint(value: Any) -> str:
    """Give a hash of plain JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
