"""Import one chunk of a file: its rows and its state change in one transaction, so it happens once or not at all."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from db.records import BackfillRecord, ChunkRecord, LeadDraft, RejectedRow, UpsertResult
from db.repositories.backfills import backfills, chunk_leases, reconciliation
from db.repositories.leads import leads
from db.repositories.privacy import tombstones
from db.repositories.privacy.tombstones import FORGOTTEN
from db.session import Session, transaction
from domain.documents import JsonObject
from tasks.contracts.backfill import ChunkCall
from tasks.intake.csv import row_checks, rows, source
from tasks.intake.csv.issues import Issue, Severity
from tasks.intake.lead_drafts import counted_as
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.leases import LeaseBusy
from tasks.runtime.task import job
from tasks.services.backfill import file_layout, reconcile
from tasks.services.leads import refusals
from tasks.services.models import closed_leads
from tasks.services.online import signals
from tasks.services.online.meanings import news_of

#: seconds for which a chunk that a worker has begun is leased to it
LEASE = 20.0
#: seconds of processor time for reading rows; then the rest of the chunk becomes a new message, so that other work gets
#: its turn. A thousand ordinary rows take a fraction of it; the load of the machine does not count
BUDGET = 2.0
#: an import with fewer rows is never stopped for its rejected rows
FEWEST = 50
#: starts of one chunk, any of which may end with the death of its worker
ATTEMPTS = 5
#: modes that run the whole import and write nothing
TRIALS = ("dry_run", "reconcile")


@dataclass(slots=True, kw_only=True)
class ChunkTally:
    """The counts and rejected rows of a chunk."""

    rows: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    #: the closed leads, for what can be learnt from them
    closed: closed_leads.Tally = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    rejected: list[RejectedRow] = field(default_factory=list)
    #: cells of the widest row, and the indexes among them where every row so far is blank
    width: int = 0
    blank: list[int] = field(default_factory=list)
    #: source systems of the rows
    systems: set[str] = field(default_factory=set)
    #: True: the time budget was spent before the end of the chunk
    spent: bool = False

    def add_row(self, row: source.CsvRecord, issues: Sequence[Issue]) -> None:
        """Count a row that was read, with its issues."""
        self.rows["read"] += 1
        self._update_blank_columns(row.cells)
        if issues and issues[0].severity == "error":
            self.rows["rejected"] += 1
        elif issues and issues[0].code in row_checks.PASSED_OVER:
            self.rows["skipped"] += 1
        self._add_issues(row, issues)

    def add_results(
        self, converted: Sequence[tuple[source.CsvRecord, LeadDraft]], results: Sequence[UpsertResult], now: datetime
    ) -> None:
        """Count the store's results of the rows that were merged."""
        for (row, draft), result in zip(converted, results, strict=True):
            rejected = result.outcome == "rejected"
            self.rows[result.outcome] += 1
            self.systems.add(draft.source_system)
            # another row of the same lead is no further lead: readiness counts the same
            if result.outcome not in ("rejected", "duplicate"):
                self.labels.update(counted_as(draft))
                self.closed.update(closed_leads.of_draft(draft, now))
            reported = self._without_cells(row) if FORGOTTEN in result.codes else row
            self._add_issues(reported, [_store_issue(row, code, rejected=rejected) for code in result.codes])

    def _without_cells(self, row: source.CsvRecord) -> source.CsvRecord:
        """Return the row of a forgotten person without its cells, and clear them in the rejected rows too."""
        self.rejected = [
            replace(rejected, cells=tuple("" for _ in rejected.cells)) if rejected.record == row.number else rejected
            for rejected in self.rejected
        ]
        return replace(row, cells=tuple("" for _ in row.cells))

    def _update_blank_columns(self, cells: Sequence[str]) -> None:
        self.blank += range(self.width, len(cells))
        self.width = max(self.width, len(cells))
        self.blank = [index for index in self.blank if index >= len(cells) or not cells[index].strip()]

    def _add_issues(self, row: source.CsvRecord, issues: Sequence[Issue]) -> None:
        if not issues:
            return
        self.warnings.update(issue.code for issue in issues if issue.severity == "warning")
        self.rejected.extend(rows.rejected_rows(row, issues))

    def counts(self) -> dict[str, Any]:
        """Return the counts as JSON, for the chunk's row in the database."""
        return {
            "rows": dict(self.rows),
            "labels": dict(self.labels),
            "closed": dict(self.closed),
            "warnings": dict(self.warnings),
            "filled": sorted({*range(self.width)}.difference(self.blank)),
            "systems": sorted(self.systems),
        }


def _store_fault(request: ChunkCall, error: str) -> None:
    with transaction(request.tenant_id) as session:
        _fail(session, request, error)


def _fail(session: Session, request: ChunkCall, error: str) -> None:
    backfills.fail_chunk(
        session,
        request.tenant_id,
        backfill_id=request.backfill_id,
        number=request.number,
        error=error,
        now=datetime.now(UTC),
    )


@job("hearth.backfill.chunk", ChunkCall, queue="batch", internal=True, on_fault=_store_fault)
def import_chunk(request: ChunkCall, context: TaskContext) -> JsonObject:
    """Import one chunk exactly once, even if it is delivered again or its worker dies."""
    state = _lease_chunk(request)
    if state == "pending":
        with context.transaction(request.tenant_id) as session:
            state = _import(session, request, context)
    return context.envelope(request, TaskResult(data={"state": state}))


def _lease_chunk(request: ChunkCall) -> str:
    """Lease the chunk in a separate commit, so that the attempt counts even if this worker dies; return its state."""
    tenant_id, backfill_id, number = request.tenant_id, request.backfill_id, request.number
    with transaction(tenant_id) as session:
        chunk_leases.commit_lazily(session)
        leased = chunk_leases.lease(session, tenant_id, backfill_id=backfill_id, number=number, seconds=LEASE)
        if leased is None:
            state = backfills.claim_chunk(session, tenant_id, backfill_id=backfill_id, number=number).state
            if state == "pending":
                raise LeaseBusy(f"chunk {number}")
            return state
        if leased.attempts > ATTEMPTS:
            _fail(session, request, "Poisonous")
            return "failed"
    return "pending"


def _import(session: Session, request: ChunkCall, context: TaskContext) -> str:
    tenant_id, backfill_id = request.tenant_id, request.backfill_id
    chunk_leases.commit_lazily(session)
    chunk = backfills.claim_chunk(session, tenant_id, backfill_id=backfill_id, number=request.number)
    record = backfills.get(session, tenant_id, backfill_id=backfill_id)
    if record is None or chunk.state != "pending" or record.state != "running":
        return chunk.state
    tally, abort = _merge_rows(session, context, record, chunk)
    if tally.spent and tally.rows["read"] < chunk.records and not abort:
        _split_rest(session, context, record, chunk, tally.rows["read"])
    remaining = backfills.finish_chunk(
        session,
        tenant_id,
        backfill_id=backfill_id,
        number=chunk.number,
        counts=tally.counts(),
        rejected=tally.rejected,
        now=context.now,
    )
    if remaining == 0 or abort:
        context.enqueue("hearth.backfill.finish", tenant_id=tenant_id, backfill_id=backfill_id, abort=abort)
    return "done"


def _split_rest(
    session: Session, context: TaskContext, record: BackfillRecord, chunk: ChunkRecord, records_done: int
) -> None:
    """Make a new chunk of the rows that were not read, and put it in the queue."""
    file_source, _, _ = file_layout.load(record.source)
    position = source.position_after(Path(record.spool), chunk, file_source, records_done)
    number = backfills.split_chunk(
        session,
        context.tenant_id,
        backfill_id=record.backfill_id,
        number=chunk.number,
        offset=position.offset,
        first_record=position.first_record,
        first_line=position.first_line,
    )
    context.enqueue("hearth.backfill.chunk", tenant_id=context.tenant_id, backfill_id=record.backfill_id, number=number)


def _merge_rows(
    session: Session, context: TaskContext, record: BackfillRecord, chunk: ChunkRecord
) -> tuple[ChunkTally, bool]:
    """Merge the chunk's rows into the store; undo that in a trial, or when too many rows of the file are rejected.

    Returns the tally, and whether the import is to be aborted.
    """
    tenant_id = context.tenant_id
    tally, newest_tombstone = ChunkTally(), tombstones.newest(session, tenant_id)
    converted = list(_convert(record, chunk, tally, context.now))
    savepoint = session.begin_nested()
    results = leads.upsert(
        session,
        tenant_id,
        drafts=[draft for _, draft in converted],
        policy=record.policy,
        now=context.now,
        # In a file of events many rows are about one lead, and each counts.
        import_ref=record.backfill_id if record.source["kind"] == "leads" else None,
        loading=True,
    )
    if tombstones.newest(session, tenant_id) != newest_tombstone:
        # Somebody was forgotten since the rows were read, and may be in the rejected rows: read them again.
        raise LeaseBusy(f"chunk {chunk.number}")
    tally.add_results(converted, results, context.now)
    compared = reconcile.compare_rows(session, tenant_id, record, converted, results)
    abort = _too_many_rejected(session, tenant_id, record, tally)
    if abort or record.mode in TRIALS:
        savepoint.rollback()
    else:
        refusals.announce_import(context, results, backfill_id=record.backfill_id)
        signals.join(session, context, news_of([draft for _, draft in converted], results, context.now))
    if compared and not abort:
        reconciliation.save(session, tenant_id, backfill_id=record.backfill_id, rows=compared)
    return tally, abort


def _too_many_rejected(session: Session, tenant_id: str, record: BackfillRecord, tally: ChunkTally) -> bool:
    most = float(record.source["max_error_rate"])
    if tally.rows["rejected"] <= most * tally.rows["read"]:
        return False
    done = backfills.chunks(session, tenant_id, backfill_id=record.backfill_id, state="done")
    total = Counter(tally.rows)
    for chunk in done:
        total.update(chunk.counts.get("rows", {}))
    return total["read"] >= FEWEST and total["rejected"] > most * total["read"]


def _convert(
    record: BackfillRecord, chunk: ChunkRecord, tally: ChunkTally, now: datetime
) -> Iterator[tuple[source.CsvRecord, LeadDraft]]:
    """Yield the rows that can be imported until the time budget is spent, at least one row; tally all that are read."""
    file_source, column_plan, defaults = file_layout.load(record.source)
    read_row, deadline = file_layout.READERS[record.source["kind"]], time.process_time() + BUDGET
    for row in source.read_records(Path(record.spool), chunk, file_source):
        draft, issues = read_row(row, column_plan, defaults, now)
        tally.add_row(row, issues)
        if draft is not None:
            yield row, draft
        if time.process_time() >= deadline:
            tally.spent = True
            return


def _store_issue(row: source.CsvRecord, code: str, *, rejected: bool) -> Issue:
    severity: Severity = "error" if rejected else "warning"
    return Issue(severity=severity, code=code, message=f"line {row.line}: {MESSAGES[code]}")


#: code of a result of the store -> the message that people read
MESSAGES = {
    "row.no_identity": "no id, e-mail, or phone with a last name: add one of them",
    "row.ambiguous_identity": "this could be more than one stored lead: add the id of the right one",
    "row.duplicate_in_file": "the same lead is in another row of this file; the two were merged",
    "row.possible_duplicate": "another lead has the same e-mail address, or phone and last name; both are kept, see "
    "`merge_on` of the tenant",
    FORGOTTEN: "this person was forgotten on request and is not imported; `hearth privacy readmit` lifts that",
    "consent.conflict": "a consent that was withdrawn before stays withdrawn",
    "fact.corrected": "a person corrected this value; it was not brought back",
    "stage.regression_ignored": "a stage does not move back; the stored stage was kept",
}
