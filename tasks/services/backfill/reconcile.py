"""Compare a file with the stored leads while it is imported: each chunk's rows, then the whole at the end.

The mode `reconcile` only compares and writes nothing; an import with `archive_missing` also archives the leads that are
missing from its file.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from db.records import BackfillRecord, ChunkRecord, ComparedLead, LeadDraft, UpsertResult
from db.repositories.backfills import reconciliation
from db.repositories.leads.archives import restore
from db.session import Session
from domain.documents import JsonObject
from tasks.intake import files
from tasks.intake.csv import error_file, source
from tasks.runtime.files import workspace

#: with fewer leads, the share that is missing does not show that the file is only part of an export
FEWEST = 50
HEADER = ("what", "source_system", "external_id", "lead_id", "line", "columns")
#: outcome of merging a row -> how the file differs from the store
_WHAT: Mapping[str, Literal["missing", "changed", "unchanged"]] = {
    "created": "missing",
    "updated": "changed",
    "unchanged": "unchanged",
    "skipped": "unchanged",
}


def is_wanted(record: BackfillRecord) -> bool:
    """Return whether this import compares the file with the store."""
    return record.mode == "reconcile" or archives_missing(record)


def archives_missing(record: BackfillRecord) -> bool:
    """Return whether leads that are not in the file are archived."""
    return bool(record.source.get("archive_missing"))


def compare_rows(
    session: Session,
    tenant_id: str,
    record: BackfillRecord,
    converted: Sequence[tuple[source.CsvRecord, LeadDraft]],
    results: Sequence[UpsertResult],
) -> list[ComparedLead]:
    """Return how merged rows differ from the store; archived leads among them are restored, since the file has them."""
    if not is_wanted(record):
        return []
    existing = [result.lead_id for result in results if result.lead_id is not None and result.outcome != "created"]
    restored = restore(session, tenant_id, lead_ids=existing)
    trial = record.mode == "reconcile"
    pairs = zip(converted, results, strict=True)
    # A duplicate row is left out: the earlier row of the same lead counts.
    return [
        _compared_lead(row, draft, result, was_restored=result.lead_id in restored, trial=trial)
        for (row, draft), result in pairs
        if result.outcome in _WHAT
    ]


def _compared_lead(
    row: source.CsvRecord, draft: LeadDraft, result: UpsertResult, *, was_restored: bool, trial: bool
) -> ComparedLead:
    return ComparedLead(
        what="changed" if was_restored else _WHAT[result.outcome],
        lead_id=None if trial and result.outcome == "created" else result.lead_id,
        source_system=draft.source_system,
        external_id=(draft.external_id or "").strip() or None,
        line=row.line,
        columns=(*result.columns, *(("archived",) if was_restored else ())),
    )


def close(session: Session, tenant_id: str, record: BackfillRecord, chunks: Sequence[ChunkRecord]) -> JsonObject:
    """Find the missing leads, archive them if the import asks for it, write the report; return the summary's part."""
    backfill_id = record.backfill_id
    systems = sorted({system for chunk in chunks for system in chunk.counts.get("systems", ())})
    written_at = datetime.fromisoformat(record.source["written_at"])
    reconciliation.find_deleted(
        session,
        tenant_id,
        backfill_id=backfill_id,
        systems=systems,
        stored_before=record.created_at,
        created_before=written_at,
    )
    counts: JsonObject = reconciliation.counts(session, tenant_id, backfill_id=backfill_id)
    path = workspace.comparison(backfill_id)
    _write(path, reconciliation.differences(session, tenant_id, backfill_id=backfill_id))
    if archives_missing(record):
        reason = _why_not_archived(session, tenant_id, record, counts)
        archived = 0
        if reason is None:
            archived = reconciliation.archive(session, tenant_id, backfill_id=backfill_id, at=written_at)
        counts |= {"archived": archived, "not_archived": reason}
    return {**counts, "report": str(path)}


def _why_not_archived(
    session: Session, tenant_id: str, record: BackfillRecord, counts: Mapping[str, int]
) -> str | None:
    """Return why nothing is archived: a file that is cut off or partly unreadable does not show who was deleted."""
    if reconciliation.any_rejected(session, tenant_id, backfill_id=record.backfill_id):
        return "rows were rejected, so their leads are unknown: correct them and import the whole file again"
    stored = counts["changed"] + counts["unchanged"] + counts["deleted"]
    most = float(record.source["max_error_rate"])
    if stored >= FEWEST and counts["deleted"] > most * stored:
        return (
            f"more than {most:.0%} of the leads are not in the file: is it the whole export? --max-error-rate allows it"
        )
    return None


def _write(path: Path, rows: Iterable[ComparedLead]) -> None:
    with files.replacing(path) as out:
        text = io.TextIOWrapper(out, "utf-8", newline="", write_through=True)
        writer = csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
        writer.writerow(HEADER)
        writer.writerows(_cells(row) for row in rows)
        text.detach()


def _cells(row: ComparedLead) -> list[str]:
    cells = (row.what, row.source_system, row.external_id, row.lead_id, row.line, ";".join(row.columns))
    return [error_file.guard("" if cell is None else str(cell)) for cell in cells]
