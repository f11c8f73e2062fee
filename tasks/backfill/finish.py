"""Finish an import: sum up the counts of its chunks, and write the rejected rows to a file that can be mended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from db.records import BackfillRecord, ChunkRecord
from db.repositories.backfills import backfills
from db.session import Session, lock_tenant
from tasks.contracts.backfill import FinishCall
from tasks.errors import InvalidPayload
from tasks.intake.csv import error_file as error_files
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.files import workspace
from tasks.runtime.task import step
from tasks.services.backfill import file_layout, reconcile
from tasks.services.models import closed_leads

ROWS = ("read", "created", "updated", "unchanged", "skipped", "duplicate", "rejected")
LABELS = ("won", "lost", "open")


@step("hearth.backfill.finish", FinishCall, queue="batch")
def finish(session: Session, request: FinishCall, context: TaskContext) -> TaskResult:
    """Close the import once every chunk is done; name the chunks that failed, which the same command resumes."""
    # An erasure either waits until the files are written and then cleans them, or has left no rows to write.
    lock_tenant(session, request.tenant_id)
    record = backfills.get(session, request.tenant_id, backfill_id=request.backfill_id)
    if record is None:
        raise InvalidPayload.at("unknown_value", "backfill_id", "no import of this tenant has this id")
    chunks = backfills.chunks(session, request.tenant_id, backfill_id=request.backfill_id)
    if record.state != "running" or (not request.abort and any(chunk.state == "pending" for chunk in chunks)):
        return TaskResult(data={"state": record.state})
    error = _why_failed(record, chunks, abort=request.abort)
    error_file = _error_file(session, request.tenant_id, record)
    state = "failed" if error else "finished"
    data = summary(record, chunks, state, error_file, context.now)
    if not error:
        if reconcile.is_wanted(record):
            data["reconcile"] = reconcile.close(session, request.tenant_id, record, chunks)
        # The copy is personal data in plain text, and every chunk of it is in the database now.
        workspace.discard(record.spool)
    backfills.finish(
        session,
        request.tenant_id,
        backfill_id=request.backfill_id,
        state=state,
        summary=data,
        error=error,
        error_file=error_file,
        now=context.now,
    )
    if record.mode != "dry_run":
        context.emit_event("backfill.finished", job_id=record.backfill_id, state=state)
    return TaskResult(data={"state": state})


def summary(
    record: BackfillRecord, chunks: Sequence[ChunkRecord], state: str, error_file: str | None, now: datetime
) -> dict[str, Any]:
    """Return the summary of an import, which `hearth backfill --json` prints."""
    rows, labels, warnings = (_total(chunks, part) for part in ("rows", "labels", "warnings"))
    file_source, column_plan, _ = file_layout.load(record.source)
    filled = {index for chunk in chunks for index in chunk.counts.get("filled", ())}
    warnings.update(issue.code for issue in (*file_source.warnings, *column_plan.warnings))
    return {
        "job_id": record.backfill_id,
        "state": state,
        "profile": record.profile,
        "encoding": file_source.encoding,
        "delimiter": file_source.delimiter,
        "rows": {name: rows[name] for name in ROWS},
        "warnings": dict(sorted(warnings.items())),
        "columns": {
            "mapped": dict(column_plan.mapped),
            "custom": list(column_plan.custom),
            "empty": [name for index, name in enumerate(file_source.header) if name and index not in filled],
        },
        "labels": {name: labels[name] for name in LABELS},
        "usable": closed_leads.of_chunks(chunks),
        "advice": [issue.message for issue in (*file_source.warnings, *column_plan.warnings)],
        "error_file": error_file,
        "seconds": round((now - record.created_at).total_seconds(), 3),
    }


def _total(chunks: Sequence[ChunkRecord], part: str) -> Counter[str]:
    total: Counter[str] = Counter()
    for chunk in chunks:
        total.update(chunk.counts.get(part, {}))
    return total


def _error_file(session: Session, tenant_id: str, record: BackfillRecord) -> str | None:
    path: Path = workspace.folder("errors") / f"{record.backfill_id}.csv"
    file_source, column_plan, defaults = file_layout.load(record.source)
    rejected = backfills.rejected(session, tenant_id, backfill_id=record.backfill_id)
    file = defaults.file if column_plan.row_number else ""
    return str(path) if error_files.write(path, file_source.header, rejected, file=file) else None


def _why_failed(record: BackfillRecord, chunks: Sequence[ChunkRecord], *, abort: bool) -> str | None:
    if abort:
        most = f"{float(record.source['max_error_rate']):.0%}"
        return f"more than {most} of the rows were rejected; see the error file, correct the mapping and import again"
    failed = [chunk for chunk in chunks if chunk.state == "failed"]
    if not failed:
        return None
    places = ", ".join(f"records {c.first_record}-{c.first_record + c.records - 1} ({c.error})" for c in failed)
    return f"not imported: {places}; run the same import again to resume"
