"""CSV imports, their chunks, and the rows that were rejected or compared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from domain.documents import JsonMapping
from domain.leads import MergePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkDraft:
    """A range of records of a spooled file."""

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
    counts: JsonMapping
    error: str | None
    #: number of times that work on it began
    attempts: int = 0
    #: when it was last enqueued, in database time
    enqueued_at: datetime | None = None
    #: end of a worker's lease, in database time
    leased_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillDraft:
    """A file to be imported."""

    #: hash of file, profile, mapping, mode: the same import is one job
    key: str
    sha256: str
    #: base name of the file, for display
    file_name: str
    #: path of the UTF-8 copy
    spool: str
    mode: str
    policy: MergePolicy
    profile: str
    #: encoding, delimiter, header, column plan, defaults: all that a chunk needs
    source: JsonMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillRecord:
    """An import and its progress."""

    backfill_id: str
    key: str
    sha256: str
    file_name: str
    spool: str
    mode: str
    policy: MergePolicy
    profile: str
    source: JsonMapping
    #: running, finished, failed or cancelled
    state: str
    chunks: int
    #: chunks that are not done
    remaining: int
    error: str | None
    error_file: str | None
    #: the summary for callers, once finished
    summary: JsonMapping | None
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRow:
    """A row that was rejected, or a row with a cell that was, and the reason."""

    line: int
    record: int
    #: error (the row was not imported) or warning (the cell was not)
    severity: str
    code: str
    column: str | None
    message: str
    #: the original cells; stored sealed
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedLead:
    """The difference between a file and the store for one lead."""

    #: missing: not stored; changed: stored with other values; deleted: stored, and no row of the file names it
    what: Literal["missing", "changed", "unchanged", "deleted"]
    #: None: not stored
    lead_id: str | None
    source_system: str
    external_id: str | None
    #: line at which its row starts in the file; None: deleted
    line: int | None
    #: names of the columns that changed
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillFiles:
    """The files that an import keeps, and how their rows are read."""

    backfill_id: str
    #: running, finished, failed or cancelled
    state: str
    spool: str
    error_file: str | None
    delimiter: str
    header: tuple[str, ...]
    finished_at: datetime | None
