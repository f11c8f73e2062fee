"""One chunk of an import: its rows and its state change in one transaction, so it happens once or not at all."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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
from tasks.contracts.backfill import ChunkCall
from tasks.intake.csv import columns, event_rows, rows, source
from tasks.intake.csv.issues import Problem, Severity
from tasks.runtime.context import Json, TaskContext, TaskResult
from tasks.runtime.leases import LeaseBusy
from tasks.runtime.task import ATTEMPTS, job
from tasks.services.backfill import reconcile
from tasks.services.leads import refusals

#: seconds that nobody else takes a chunk which a worker has begun
LEASE = 20.0
#: seconds of processor time for which rows are read before the rest of a chunk is handed on: then it is the turn of
#: whoever waits. A thousand ordinary rows take a fraction of it; how busy the machine is does not count
BUDGET = 2.0
#: rows of a file that are too few to be given up for
FEWEST = 50
#: modes that go all the way and write nothing
TRIALS = ("dry_run", "reconcile")
#: a draft to be stored, or None, and what was found in the row
Reading = tuple[LeadDraft | None, Sequence[Problem]]


@dataclass(slots=True, kw_only=True)
class Tally:
    """What became of a chunk's rows."""

    rows: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    rejected: list[RejectedRow] = field(default_factory=list)
    #: cells of the widest row, and the indexes among them where every row so far is blank
    width: int = 0
    blank: list[int] = field(default_factory=list)
    #: source systems that the rows are of
    systems: set[str] = field(default_factory=set)
    #: whether reading ended before the chunk did
    spent: bool = False

    def note(self, row: source.Record, problems: Sequence[Problem]) -> None:
        """A row was read, with what was found in it."""
        self.rows["read"] += 1
        self._look_for_blanks(row.cells)
        if problems and problems[0].severity == "error":
            self.rows["rejected"] += 1
        elif problems and problems[0].code == "row.blank":
            self.rows["skipped"] += 1
        self._keep(row, problems)

    def take(self, converted: Sequence[tuple[source.Record, LeadDraft]], results: Sequence[UpsertResult]) -> None:
        """The store answered for rows that could be read."""
        for (row, draft), result in zip(converted, results, strict=True):
            refused = result.outcome == "rejected"
            self.rows[result.outcome] += 1
            self.systems.add(draft.source_system)
            if not refused:
                self.labels["open" if draft.label is None else "won" if draft.label else "lost"] += 1
            kept = self._hidden(row) if FORGOTTEN in result.codes else row
            self._keep(kept, [_said(row, code, refused=refused) for code in result.codes])

    def _hidden(self, row: source.Record) -> source.Record:
        """Whoever was forgotten is not kept aside either: the place of the row is, its cells are not."""
        kept = (
            replace(one, cells=tuple("" for _ in one.cells)) if one.record == row.number else one
            for one in self.rejected
        )
        self.rejected = list(kept)
        return replace(row, cells=tuple("" for _ in row.cells))

    def _look_for_blanks(self, cells: Sequence[str]) -> None:
        self.blank += range(self.width, len(cells))
        self.width = max(self.width, len(cells))
        self.blank = [index for index in self.blank if index >= len(cells) or not cells[index].strip()]

    def _keep(self, row: source.Record, problems: Sequence[Problem]) -> None:
        if not problems:
            return
        self.warnings.update(problem.code for problem in problems if problem.severity == "warning")
        self.rejected.extend(rows.kept_aside(row, problems))

    def counts(self) -> dict[str, Any]:
        """As the chunk's row keeps it."""
        return {
            "rows": dict(self.rows),
            "labels": dict(self.labels),
            "warnings": dict(self.warnings),
            "filled": sorted({*range(self.width)}.difference(self.blank)),
            "systems": sorted(self.systems),
        }


def _failed(request: ChunkCall, error: str) -> None:
    with transaction(request.tenant_id) as session:
        _give_up(session, request, error)


def _give_up(session: Session, request: ChunkCall, error: str) -> None:
    own, number, now = request.backfill_id, request.number, datetime.now(UTC)
    backfills.fail_chunk(session, request.tenant_id, backfill_id=own, number=number, error=error, now=now)


@job("hearth.backfill.chunk", ChunkCall, on_fault=_failed)
def import_chunk(request: ChunkCall, context: TaskContext) -> Json:
    """Import one chunk, once, however often it is delivered and whoever dies over it."""
    state = _begin(request)
    if state == "pending":
        with context.transaction(request.tenant_id) as session:
            state = _import(session, request, context)
    return context.envelope(request, TaskResult(data={"state": state}))


def _begin(request: ChunkCall) -> str:
    """Take the chunk, in a commit of its own, so that the attempt counts even if this worker dies; gives its state."""
    own, number = request.backfill_id, request.number
    with transaction(request.tenant_id) as session:
        chunk_leases.commit_lazily(session)
        begun = chunk_leases.lease(session, request.tenant_id, backfill_id=own, number=number, seconds=LEASE)
        if begun is None:
            state = backfills.claim_chunk(session, request.tenant_id, backfill_id=own, number=number).state
            if state == "pending":
                raise LeaseBusy(f"chunk {number}")
            return state
        if begun.attempts > ATTEMPTS:
            _give_up(session, request, "Poisonous")
            return "failed"
    return "pending"


def _import(session: Session, request: ChunkCall, context: TaskContext) -> str:
    scope = {"backfill_id": request.backfill_id}
    chunk_leases.commit_lazily(session)
    chunk = backfills.claim_chunk(session, request.tenant_id, **scope, number=request.number)
    record = backfills.get(session, request.tenant_id, **scope)
    if record is None or chunk.state != "pending" or record.state != "running":
        return chunk.state
    tally, abort = _written(session, context, record, chunk)
    if tally.spent and tally.rows["read"] < chunk.records and not abort:
        _hand_on(session, context, record, chunk, tally.rows["read"])
    remaining = backfills.finish_chunk(
        session,
        request.tenant_id,
        **scope,
        number=chunk.number,
        counts=tally.counts(),
        rejected=tally.rejected,
        now=context.now,
    )
    if remaining == 0 or abort:
        context.enqueue("hearth.backfill.finish", tenant_id=request.tenant_id, **scope, abort=abort)
    return "done"


def _hand_on(session: Session, context: TaskContext, record: BackfillRecord, chunk: ChunkRecord, done: int) -> None:
    """Make the rows of a chunk that were not read a chunk of its own, which waits its turn."""
    scope = {"backfill_id": record.backfill_id}
    seen, _, _ = told(record.source)
    place = source.after(Path(record.spool), chunk, seen, done)
    number = backfills.split_chunk(
        session,
        context.tenant_id,
        **scope,
        number=chunk.number,
        offset=place.offset,
        first_record=place.first_record,
        first_line=place.first_line,
    )
    context.enqueue("hearth.backfill.chunk", tenant_id=context.tenant_id, **scope, number=number)


def _written(session: Session, context: TaskContext, record: BackfillRecord, chunk: ChunkRecord) -> tuple[Tally, bool]:
    """The chunk's rows in the database, unless this is a trial or too many of the file's rows are bad."""
    tenant_id = context.tenant_id
    tally, before = Tally(), tombstones.newest(session, tenant_id)
    converted = list(_convert(record, chunk, tally, context.now))
    savepoint = session.begin_nested()
    results = leads.upsert(
        session,
        tenant_id,
        drafts=[draft for _, draft in converted],
        policy=record.policy,
        now=context.now,
        # Of events many rows speak of one lead, and each counts.
        import_ref=record.backfill_id if record.source["kind"] == "leads" else None,
    )
    if tombstones.newest(session, tenant_id) != before:
        # Somebody was forgotten since the rows were read, and may stand in those that are kept aside: read them anew.
        raise LeaseBusy(f"chunk {chunk.number}")
    tally.take(converted, results)
    compared = reconcile.met(session, tenant_id, record, converted, results)
    abort = _too_many(session, tenant_id, record, tally)
    if abort or record.mode in TRIALS:
        savepoint.rollback()
    else:
        refusals.follow_import(context, results, backfill_id=record.backfill_id)
    if compared and not abort:
        reconciliation.note(session, tenant_id, backfill_id=record.backfill_id, rows=compared)
    return tally, abort


def _too_many(session: Session, tenant_id: str, record: BackfillRecord, tally: Tally) -> bool:
    most = float(record.source["max_error_rate"])
    if tally.rows["rejected"] <= most * tally.rows["read"]:
        return False
    done = backfills.chunks(session, tenant_id, backfill_id=record.backfill_id, state="done")
    total = Counter(tally.rows)
    for chunk in done:
        total.update(chunk.counts.get("rows", {}))
    return total["read"] >= FEWEST and total["rejected"] > most * total["read"]


def _convert(
    record: BackfillRecord, chunk: ChunkRecord, tally: Tally, now: datetime
) -> Iterator[tuple[source.Record, LeadDraft]]:
    """The rows that can be taken, one at least, until the budget is spent; what cannot is tallied with its place."""
    seen, meaning, defaults = told(record.source)
    reading, ends = READERS[record.source["kind"]], time.process_time() + BUDGET
    for row in source.read(Path(record.spool), chunk, seen):
        draft, problems = reading(row, meaning, defaults, now)
        tally.note(row, problems)
        if draft is not None:
            yield row, draft
        if time.process_time() >= ends:
            tally.spent = True
            return


def read_lead(row: source.Record, meaning: columns.ColumnPlan, defaults: columns.Defaults, now: datetime) -> Reading:
    """A row of a file of leads."""
    converted = rows.convert(row, meaning, defaults, now)
    return converted.draft, converted.problems


def read_event(row: source.Record, meaning: columns.ColumnPlan, defaults: columns.Defaults, now: datetime) -> Reading:
    """A row of a file of events: who it happened to, with what happened."""
    converted = event_rows.convert(row, meaning, defaults, now)
    if converted.lead is None or converted.event is None:
        return None, converted.problems
    return replace(converted.lead, events=(converted.event,)), converted.problems


def _said(row: source.Record, code: str, *, refused: bool) -> Problem:
    severity: Severity = "error" if refused else "warning"
    return Problem(severity=severity, code=code, message=f"line {row.line}: {MESSAGES[code]}")


def told(stored: Mapping[str, Any]) -> tuple[source.Source, columns.ColumnPlan, columns.Defaults]:
    """How to read the file, as the import's row keeps it."""
    return (
        source.Source.load(stored["source"]),
        columns.ColumnPlan.load(stored["columns"]),
        columns.Defaults.load(stored["defaults"]),
    )


#: what a file's rows are -> how one is read
READERS = {"leads": read_lead, "events": read_event}
#: what the store says of a row, for people
MESSAGES = {
    "row.no_identity": "no id, e-mail, or phone with a last name: add one of them",
    "row.ambiguous_identity": "this could be more than one stored lead: add the id of the right one",
    "row.duplicate_in_file": "the same lead stands in another row of this file; the two were merged",
    FORGOTTEN: "this person was forgotten on request and is not taken in; `hearth privacy readmit` lifts that",
    "consent.conflict": "a consent that was withdrawn before stays withdrawn",
    "stage.regression_ignored": "a stage does not move back; the stored one stays",
}
