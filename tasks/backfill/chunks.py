"""One chunk of an import: its rows and its state change in one transaction, so it happens once or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from db.records import BackfillRecord, ChunkRecord, LeadDraft, RejectedRow, UpsertResult
from db.repositories import backfills, leads
from db.session import Session, transaction
from tasks.base import Answer, Work, step
from tasks.contracts.backfill import ChunkCall
from tasks.intake import columns, rows, source


@dataclass(slots=True, kw_only=True)
class Tally:
    """What became of a chunk's rows."""

    rows: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    rejected: list[RejectedRow] = field(default_factory=list)
    #: indexes of columns with at least one cell that is not blank
    filled: set[int] = field(default_factory=set)

    def counts(self) -> dict[str, Any]:
        """As the chunk's row keeps it."""
        return {
            "rows": dict(self.rows),
            "labels": dict(self.labels),
            "warnings": dict(self.warnings),
            "filled": sorted(self.filled),
        }


def _failed(request: ChunkCall, error: str) -> None:
    with transaction() as session:
        backfills.fail_chunk(
            session, request.tenant_id, backfill_id=request.backfill_id, number=request.number, error=error
        )


@step("hearth.backfill.chunk", ChunkCall, on_fault=_failed)
def import_chunk(session: Session, request: ChunkCall, work: Work) -> Answer:
    """Import one chunk, once, however often it is delivered."""
    scope = {"backfill_id": request.backfill_id}
    chunk = backfills.claim_chunk(session, request.tenant_id, **scope, number=request.number)
    record = backfills.require(session, request.tenant_id, **scope)
    if chunk.state == "done" or record.state != "running":
        return Answer(data={"state": chunk.state})
    tally = Tally()
    converted = list(_convert(record, chunk, tally, work.now))
    _store(session, request.tenant_id, record, converted, tally, work.now)
    backfills.finish_chunk(
        session,
        request.tenant_id,
        **scope,
        number=chunk.number,
        counts=tally.counts(),
        rejected=tally.rejected,
        now=work.now,
    )
    return Answer(data={"state": "done"})


def _convert(
    record: BackfillRecord, chunk: ChunkRecord, tally: Tally, now: datetime
) -> Iterator[tuple[source.Record, LeadDraft]]:
    """The rows that can be taken; what cannot is tallied with its place."""
    seen, meaning = source.Source.load(record.source["source"]), columns.ColumnPlan.load(record.source["columns"])
    for row in source.read(Path(record.spool), chunk, seen):
        tally.rows["read"] += 1
        tally.filled.update(index for index, cell in enumerate(row.cells) if cell.strip())
        converted = rows.convert(row, meaning, timezone=record.source["timezone"], now=now, sha256=record.sha256)
        _note(row, converted.problems, tally)
        if converted.draft is not None:
            yield row, converted.draft


def _note(row: source.Record, problems: Sequence[rows.Problem], tally: Tally) -> None:
    for problem in problems:
        if problem.severity == "error":
            tally.rows["rejected" if problem.code != "row.blank" else "skipped"] += 1
        else:
            tally.warnings[problem.code] += 1
        if problem.code != "row.blank":
            tally.rejected.append(_kept_aside(row, problem))


def _store(
    session: Session,
    tenant_id: str,
    record: BackfillRecord,
    converted: Sequence[tuple[source.Record, LeadDraft]],
    tally: Tally,
    now: datetime,
) -> None:
    trial = session.begin_nested() if record.mode == "dry_run" else None
    results = leads.upsert(
        session,
        tenant_id,
        drafts=[draft for _, draft in converted],
        policy=record.policy,
        now=now,
        import_ref=record.backfill_id,
    )
    if trial is not None:
        trial.rollback()
    for (row, draft), result in zip(converted, results, strict=True):
        _count(row, draft, result, tally)


def _count(row: source.Record, draft: LeadDraft, result: UpsertResult, tally: Tally) -> None:
    tally.rows[result.outcome] += 1
    if result.outcome != "rejected":
        tally.labels["open" if draft.label is None else "won" if draft.label else "lost"] += 1
    severity = "error" if result.outcome == "rejected" else "warning"
    for code in result.codes:
        tally.warnings[code] += severity == "warning"
        tally.rejected.append(_kept_aside(row, rows.Problem(severity=severity, code=code, message=MESSAGES[code])))


def _kept_aside(row: source.Record, problem: rows.Problem) -> RejectedRow:
    return RejectedRow(
        line=row.line,
        record=row.number,
        severity=problem.severity,
        code=problem.code,
        column=problem.column,
        message=problem.message,
        cells=row.cells,
    )


#: what the store says of a row, for people
MESSAGES = {
    "row.no_identity": "no id, e-mail, or phone with a last name: add one of them",
    "row.ambiguous_identity": "this could be more than one stored lead: add the id of the right one",
    "row.duplicate_in_file": "the same lead stands in another row of this file; the two were merged",
    "consent.conflict": "a consent that was withdrawn before stays withdrawn",
    "stage.regression_ignored": "a stage does not move back; the stored one stays",
}
