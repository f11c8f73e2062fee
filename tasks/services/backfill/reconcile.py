"""A file compared with what is stored, on the way of an import: rows as they come, the whole at the end.

`reconcile` looks and writes nothing; an import that archives what is missing from its file does the same and mends it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from db.records import BackfillRecord, ChunkRecord, Compared, LeadDraft, UpsertResult
from db.repositories.backfills import reconciliation
from db.repositories.leads.archives import restore
from db.session import Session
from tasks.intake import files
from tasks.intake.csv import error_file, source
from tasks.runtime import workspace

#: leads that are too few to tell from their share that the file is only a part of an export
FEWEST = 50
HEADER = ("what", "source_system", "external_id", "lead_id", "line", "columns")
#: what a file says of a lead that a trial would have created, updated, left
_WHAT: Mapping[str, Literal["missing", "changed", "unchanged"]] = {
    "created": "missing",
    "updated": "changed",
    "unchanged": "unchanged",
    "skipped": "unchanged",
}


def wanted(record: BackfillRecord) -> bool:
    """Whether this import looks for what the file and the store do not share."""
    return record.mode == "reconcile" or archives(record)


def archives(record: BackfillRecord) -> bool:
    """Whether leads that the file does not have are to be archived."""
    return bool(record.source.get("archive_missing"))


def met(
    session: Session,
    tenant_id: str,
    record: BackfillRecord,
    converted: Sequence[tuple[source.Record, LeadDraft]],
    results: Sequence[UpsertResult],
) -> list[Compared]:
    """What became of rows that were just merged; archived leads among them come back, as the file has them."""
    if not wanted(record):
        return []
    there = [result.lead_id for result in results if result.lead_id is not None and result.outcome != "created"]
    back = restore(session, tenant_id, lead_ids=there)
    trial = record.mode == "reconcile"
    pairs = zip(converted, results, strict=True)
    # A duplicate was met by an earlier row, which counts.
    return [
        _compared(row, draft, result, back=result.lead_id in back, trial=trial)
        for (row, draft), result in pairs
        if result.outcome in _WHAT
    ]


def _compared(row: source.Record, draft: LeadDraft, result: UpsertResult, *, back: bool, trial: bool) -> Compared:
    return Compared(
        what="changed" if back else _WHAT[result.outcome],
        lead_id=None if trial and result.outcome == "created" else result.lead_id,
        source_system=draft.source_system,
        external_id=(draft.external_id or "").strip() or None,
        line=row.line,
        columns=(*result.columns, *(("archived",) if back else ())),
    )


def close(session: Session, tenant_id: str, record: BackfillRecord, chunks: Sequence[ChunkRecord]) -> dict[str, Any]:
    """Find who is deleted, archive them where that was asked for, write the report; gives what the summary tells."""
    scope = {"backfill_id": record.backfill_id}
    systems = sorted({system for chunk in chunks for system in chunk.counts.get("systems", ())})
    written_at = datetime.fromisoformat(record.source["written_at"])
    before = {"stored_before": record.created_at, "created_before": written_at}
    reconciliation.find_deleted(session, tenant_id, backfill_id=record.backfill_id, systems=systems, **before)
    counts: dict[str, Any] = reconciliation.counts(session, tenant_id, **scope)
    path = workspace.comparison(record.backfill_id)
    _write(path, reconciliation.differing(session, tenant_id, **scope))
    if archives(record):
        reason = _why_not(session, tenant_id, record, counts)
        archived = 0 if reason else reconciliation.archive(session, tenant_id, **scope, at=written_at)
        counts |= {"archived": archived, "not_archived": reason}
    return {**counts, "report": str(path)}


def _why_not(session: Session, tenant_id: str, record: BackfillRecord, counts: Mapping[str, int]) -> str | None:
    """A file that was cut off or cannot be read in full does not tell who is deleted."""
    if reconciliation.any_rejected(session, tenant_id, backfill_id=record.backfill_id):
        return "rows were rejected, and nobody knows whose they are: mend them and import the whole file again"
    known = counts["changed"] + counts["unchanged"] + counts["deleted"]
    most = float(record.source["max_error_rate"])
    if known >= FEWEST and counts["deleted"] > most * known:
        return (
            f"more than {most:.0%} of the leads are not in the file: is it the whole export? --max-error-rate allows it"
        )
    return None


def _write(path: Path, rows: Iterable[Compared]) -> None:
    with files.replacing(path) as out:
        text = io.TextIOWrapper(out, "utf-8", newline="", write_through=True)
        writer = csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
        writer.writerow(HEADER)
        writer.writerows(_cells(row) for row in rows)
        text.detach()


def _cells(row: Compared) -> list[str]:
    cells = (row.what, row.source_system, row.external_id, row.lead_id, row.line, ";".join(row.columns))
    return [error_file.guard("" if cell is None else str(cell)) for cell in cells]
