"""Imports of files and their chunks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from db.records.common import Json, Policy


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
    #: how often work on it began
    attempts: int = 0
    #: when it was sent to the queue last, in database time
    enqueued_at: datetime | None = None
    #: until when somebody works on it, in database time
    leased_until: datetime | None = None


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
class Compared:
    """One lead as a file and the store have it."""

    #: missing: not stored; changed: stored otherwise; deleted: stored, and no row of the file means it
    what: Literal["missing", "changed", "unchanged", "deleted"]
    #: None: not stored
    lead_id: str | None
    source_system: str
    external_id: str | None
    #: where its row starts in the file; None: deleted
    line: int | None
    #: names of what changed
    columns: tuple[str, ...] = ()
