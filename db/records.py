"""The plain records that repositories take and give: frozen, without behaviour, free of SQLAlchemy.

`Draft` records are what a caller wants stored; `Record` records are what is stored. Times are aware and in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Json = Mapping[str, Any]
Policy = Literal["fill_blanks", "overwrite", "skip_existing"]
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
    #: the moment at which the fields were true; None = when it is recorded
    as_of: datetime | None = None
    #: True won, False lost, None open or unknown
    label: bool | None = None
    label_at: datetime | None = None
    events: tuple[EventDraft, ...] = ()


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
class UpsertResult:
    """What became of one draft, in the order given."""

    outcome: Outcome
    lead_id: str | None
    #: warnings and, when rejected, the reason: codes of the CSV contract such as `row.ambiguous_identity`
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotDraft:
    """The features of one lead as of a moment."""

    lead_id: str
    lead_version: int
    as_of: datetime
    #: `as_of` cut to the tenant's scoring interval; one snapshot per (lead, lead_version, bucket, feature_schema)
    bucket: datetime
    feature_schema: str
    #: feature name -> finite number, level or None; stored sealed
    features: Mapping[str, float | str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRecord:
    """A stored snapshot, opened."""

    snapshot_id: str
    lead_id: str
    lead_version: int
    as_of: datetime
    feature_schema: str
    features: Mapping[str, float | str | None]
    label: bool | None
    label_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionDraft:
    """One model's answer for one snapshot."""

    lead_id: str
    snapshot_id: str
    #: `lead_score`, `urgency`, later `churn` …
    kind: str
    #: id of the model version; None = the written scorecard or a rule
    model_id: str | None
    #: e.g. `lead_score-0003` or `scorecard-1`
    model_version: str
    #: tenant, pooled or scorecard
    scope: str
    probability: float | None
    band: str | None
    #: reasons and figures, finite, no personal data
    detail: Json
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionRecord:
    """A stored answer."""

    prediction_id: str
    lead_id: str
    snapshot_id: str
    kind: str
    model_id: str | None
    model_version: str
    scope: str
    probability: float | None
    band: str | None
    detail: Json
    as_of: datetime
    computed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDraft:
    """A trained model to be registered."""

    kind: str
    #: tenant or pooled
    scope: str
    artifact: bytes
    feature_schema: str
    metrics: Json
    #: rows, positives, seed, library versions, features, decision
    report: Json
    rows: int
    #: of the training data; one model version per (tenant, kind, scope, fingerprint)
    fingerprint: str
    trained_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """A registered model version."""

    model_id: str
    kind: str
    scope: str
    #: `<kind>-<four digits>`, counted per tenant and kind
    version: str
    #: candidate, champion or retired
    state: str
    artifact: bytes
    feature_schema: str
    metrics: Json
    report: Json
    rows: int
    fingerprint: str
    trained_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkDraft:
    """A run of records of a spooled file."""

    number: int
    #: byte offset in the spooled file
    offset: int
    first_record: int
    first_line: int
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkRecord:
    """A chunk with its state: pending, done or failed."""

    number: int
    offset: int
    first_record: int
    first_line: int
    records: int
    state: str
    #: rows.*, labels.* and warnings by code
    counts: Json
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillDraft:
    """A file to be imported."""

    #: hash of file, profile, mapping, mode: the same import is one job
    key: str
    sha256: str
    #: base name of the file, for people
    file_name: str
    #: where the UTF-8 copy lies
    spool: str
    mode: str
    policy: Policy
    profile: str
    #: encoding, delimiter, header, plan of columns, defaults: all a chunk needs
    source: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillRecord:
    """An import and how far it is."""

    backfill_id: str
    key: str
    sha256: str
    file_name: str
    spool: str
    mode: str
    policy: Policy
    profile: str
    source: Json
    #: running, finished, failed or cancelled
    state: str
    chunks: int
    #: chunks not done yet
    remaining: int
    error: str | None
    error_file: str | None
    #: the summary that callers read, once finished
    summary: Json | None
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRow:
    """A row, or a cell of it, that was kept aside with its reason."""

    line: int
    record: int
    #: error (the row was not taken) or warning (the cell was not)
    severity: str
    code: str
    column: str | None
    message: str
    #: the original cells; stored sealed
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessedRecord:
    """The stored first result of a task under its idempotency key."""

    task: str
    key: str
    args_hash: str
    task_id: str
    result: Json | None
    #: running (claimed in an open transaction) or done
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxDraft:
    """A task to be published once the transaction that wrote it has ended."""

    task: str
    queue: str
    kwargs: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRecord:
    """A follow-up task; its id is the task id it is published under."""

    outbox_id: str
    tenant_id: str
    task: str
    queue: str
    kwargs: Json
    created_at: datetime
    published_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssessmentRecord:
    """A run of the assess pipeline over some leads."""

    assessment_id: str
    #: running, ok or partial
    state: str
    lead_ids: tuple[str, ...]
    snapshot_ids: tuple[str, ...]
    as_of: datetime
    due_at: datetime
    #: stage name -> pending, ok, failed or late
    stages: Mapping[str, str]
    finished_at: datetime | None
