"""Events of leads, events as providers sent them, and the last state of entities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from domain.documents import JsonMapping

#: kind of thing and its id, as a source names them
EntityKey = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDraft:
    """Something that happened to a lead, as a source reported it."""

    kind: str
    occurred_at: datetime
    #: when the source knew it; never before `occurred_at`
    recorded_at: datetime
    #: `inbound`, `outbound` or None
    direction: str | None = None
    channel: str | None = None
    #: finite numbers and short codes; no personal data
    facts: JsonMapping = field(default_factory=dict)
    #: message text; stored sealed
    text: str | None = None
    source: str = "csv"
    #: the source's own id; one event per (tenant, lead, source, source_id)
    source_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord:
    """A stored event."""

    event_id: str
    lead_id: str
    kind: str
    occurred_at: datetime
    recorded_at: datetime
    direction: str | None
    channel: str | None
    facts: JsonMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadMessage:
    """A stored inbound message that was not read yet."""

    event_id: str
    lead_id: str
    occurred_at: datetime
    recorded_at: datetime
    channel: str | None
    text: str
    #: facts of its event; None where it is not stored
    facts: JsonMapping | None
    #: the lead's own time zone and state, as far as known
    timezone: str | None
    state: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageAnalysisDraft:
    """What was read in the message of one event."""

    event_id: str
    lead_id: str
    #: of the readers
    version: str
    #: figures, codes and places in the text; never a word of it
    result: JsonMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageAnalysisRecord:
    """What was read in the message of one event, with what the event says of it."""

    event_id: str
    lead_id: str
    occurred_at: datetime
    recorded_at: datetime
    channel: str | None
    version: str
    analysed_at: datetime
    result: JsonMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class RawEventDraft:
    """An event as a provider sent it."""

    #: identifies duplicates; None where the state of its entity does
    key: str | None
    provider: str
    type: str
    outcome: Literal["accepted", "ignored", "failed", "duplicate"]
    lead_id: str | None
    #: whether a receiver had checked its signature
    verified: bool
    received_at: datetime
    #: JSON; stored sealed
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RawEventRecord:
    """A stored event, decrypted."""

    raw_id: str
    provider: str
    type: str
    outcome: str
    lead_id: str | None
    verified: bool
    received_at: datetime
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityRecord:
    """The last known state of an entity."""

    #: field -> keyed hash of its value
    marks: Mapping[str, str] = field(default_factory=dict)
    #: the time of this state, by the source's clock
    at: datetime
    lead_id: str | None = None
    #: the source's id of the lead
    subject: str | None = None
