"""What is known of tenants, leads and what happened to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from db.records.common import Json
from db.records.consent import ConsentStatement

Outcome = Literal["created", "updated", "unchanged", "skipped", "duplicate", "rejected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantRecord:
    """A tenant with its newest settings."""

    tenant_id: str
    #: number of the newest settings version, from 1
    version: int
    settings: Json
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDraft:
    """Something that happened to a lead, as told by a source."""

    kind: str
    occurred_at: datetime
    #: when the source knew it; never before `occurred_at`
    recorded_at: datetime
    #: `inbound`, `outbound` or None
    direction: str | None = None
    channel: str | None = None
    #: finite numbers and short codes; no personal data
    facts: Json = field(default_factory=dict)
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
    facts: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadDraft:
    """What one source says of one lead; an absent key says nothing and erases nothing."""

    source_system: str = "csv"
    external_id: str | None = None
    #: personal, stored sealed: first_name, last_name, full_name, email (lower case), phone (E.164 or digits)
    contact: Mapping[str, str] = field(default_factory=dict)
    #: canonical columns other than personal ones, already typed: str, float, datetime, bool, list[str]
    fields: Json = field(default_factory=dict)
    #: the tenant's own columns: finite numbers or strings; stored sealed, since nobody knows what they hold
    custom: Mapping[str, float | str] = field(default_factory=dict)
    #: opt_in_*, dnd_* (bool) and unsubscribed_at (datetime)
    consent: Json = field(default_factory=dict)
    #: what was said of being contacted, with where and in which words; beside `consent`, not instead of it
    statements: tuple[ConsentStatement, ...] = ()
    #: the moment at which the fields were true; None = when it is recorded
    as_of: datetime | None = None
    #: True won, False lost, None open or unknown
    label: bool | None = None
    label_at: datetime | None = None
    events: tuple[EventDraft, ...] = ()
    #: nothing in contact, fields, custom and consent is blank, texts can be stored, numbers are finite, times in UTC
    clean: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadRecord:
    """A stored lead, opened."""

    lead_id: str
    source_system: str
    external_id: str | None
    #: grows by one with each change
    version: int
    lead_type: str | None
    stage: str | None
    #: open, won, lost or abandoned
    status: str
    assigned_to: str | None
    #: False when every channel is closed: unsubscribed, do not disturb
    contactable: bool
    created_at: datetime | None
    #: the moment at which `fields` and `custom` were true
    observed_at: datetime
    #: when we last learnt something new of the lead
    changed_at: datetime
    label: bool | None
    label_at: datetime | None
    #: canonical columns; datetimes as aware datetimes
    fields: Json
    custom: Mapping[str, float | str]
    contact: Mapping[str, str]
    consent: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadSight:
    """What a model may read of a stored lead, not who it is; how it stands only tells whether to ask one at all."""

    lead_id: str
    version: int
    lead_type: str | None
    stage: str | None
    created_at: datetime | None
    #: the moment at which `fields` and `custom` were true
    observed_at: datetime
    #: canonical columns; datetimes as aware datetimes
    fields: Json
    custom: Mapping[str, float | str]
    #: why nothing may be computed of it: restricted, objected; empty where all is allowed
    held: tuple[str, ...]
    #: open, won, lost, abandoned or archived
    status: str
    #: True won, False lost, None open or unknown
    label: bool | None
    #: False when every channel is closed
    contactable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UpsertResult:
    """What became of one draft, in the order given."""

    outcome: Outcome
    lead_id: str | None
    #: warnings and, when rejected, the reason: codes of the CSV contract such as `row.ambiguous_identity`
    codes: tuple[str, ...] = ()
    #: names of what changed, where it was updated: columns, `custom.` and a column, `external_id`, `events`
    columns: tuple[str, ...] = ()
    #: what it refused or put in doubt that was not known before
    refusals: tuple[ConsentStatement, ...] = ()
