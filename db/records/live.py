"""What live events leave behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

#: kind of thing and its id, as a source names them
Entity = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RawEventDraft:
    """An event as a provider sent it."""

    #: what tells its duplicates; None where the state of its entity does
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
    """A stored event, opened."""

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
    """The last state of an entity."""

    #: field -> keyed hash of its value
    marks: Mapping[str, str] = field(default_factory=dict)
    #: when it was so, by the source's clock
    at: datetime
    lead_id: str | None = None
    #: the source's own id of the lead
    subject: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Leads that one worker is to score now."""

    lead_ids: tuple[str, ...]
    #: until when nobody else takes them
    until: datetime
