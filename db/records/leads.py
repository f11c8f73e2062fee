"""Leads: drafts from sources, stored leads, what models may read of them, and the results of an upsert."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from db.records.consent import ConsentStatement
from db.records.events import EventDraft
from domain.documents import JsonMapping

Outcome = Literal["created", "updated", "unchanged", "skipped", "duplicate", "rejected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadDraft:
    """One source's data about one lead; an absent key erases nothing."""

    source_system: str = "csv"
    external_id: str | None = None
    #: personal, stored sealed: first_name, last_name, full_name, email (lower case), phone (E.164 or digits)
    contact: Mapping[str, str] = field(default_factory=dict)
    #: canonical columns other than personal ones, already typed: str, float, datetime, bool, list[str]
    fields: JsonMapping = field(default_factory=dict)
    #: the tenant's own columns: finite numbers or strings; stored sealed, since they may hold anything
    custom: Mapping[str, float | str] = field(default_factory=dict)
    #: opt_in_*, dnd_* (bool) and unsubscribed_at (datetime)
    consent: JsonMapping = field(default_factory=dict)
    #: consent statements, with where and in which words they were made; in addition to `consent`
    statements: tuple[ConsentStatement, ...] = ()
    #: the time at which the fields were true; None = when the draft is recorded
    as_of: datetime | None = None
    #: True won, False lost, None open or unknown
    label: bool | None = None
    label_at: datetime | None = None
    #: False: the label is for learning alone, and the lead stays open; see `db.merging`
    label_closes: bool = True
    events: tuple[EventDraft, ...] = ()
    #: nothing in contact, fields, custom and consent is blank, texts can be stored, numbers are finite, times in UTC
    clean: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadRecord:
    """A stored lead, decrypted."""

    lead_id: str
    source_system: str
    external_id: str | None
    #: increases by one with each change
    version: int
    lead_type: str | None
    stage: str | None
    #: open, won, lost or abandoned
    status: str
    assigned_to: str | None
    #: False when every channel is closed: unsubscribed, do not disturb
    contactable: bool
    created_at: datetime | None
    #: the time at which `fields` and `custom` were true
    observed_at: datetime
    #: when anything new was last stored of the lead
    changed_at: datetime
    label: bool | None
    label_at: datetime | None
    #: canonical columns; datetimes as aware datetimes
    fields: JsonMapping
    custom: Mapping[str, float | str]
    contact: Mapping[str, str]
    consent: JsonMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadState:
    """The current state of a stored lead: its status, and whether it may be scored and contacted."""

    lead_id: str
    version: int
    #: open, won, lost, abandoned or archived
    status: str
    #: True won, False lost, None open or unknown
    label: bool | None
    stage: str | None
    #: False when every channel is closed
    contactable: bool
    #: why nothing may be computed for it: restricted, objected; empty where all is allowed
    restrictions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringView:
    """The part of a stored lead that a model may read, without its identity.

    The fields from `restrictions` on are no features: they only decide whether the lead is scored at all.
    """

    lead_id: str
    version: int
    lead_type: str | None
    stage: str | None
    created_at: datetime | None
    #: the time at which `fields` and `custom` were true
    observed_at: datetime
    #: canonical columns; datetimes as aware datetimes
    fields: JsonMapping
    custom: Mapping[str, float | str]
    #: why nothing may be computed for it: restricted, objected; empty where all is allowed
    restrictions: tuple[str, ...]
    #: open, won, lost, abandoned or archived
    status: str
    #: True won, False lost, None open or unknown
    label: bool | None
    #: False when every channel is closed
    contactable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UpsertResult:
    """The result of one draft, in the order given."""

    outcome: Outcome
    lead_id: str | None
    #: warnings and, when rejected, the reason: codes of the CSV contract such as `row.ambiguous_identity`
    codes: tuple[str, ...] = ()
    #: names of what changed, where the lead was updated: columns, `custom.` and a column, `external_id`, `events`
    columns: tuple[str, ...] = ()
    #: statements that refuse or put in doubt, and were not stored before
    refusals: tuple[ConsentStatement, ...] = ()
