"""Show how a file would be read: run the code of the import on its first chunk, without a database."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from db.records import BackfillDraft
from tasks.intake.csv import source
from tasks.runtime.files import workspace
from tasks.services.backfill import file_layout


def preview(draft: BackfillDraft, spooled: source.SpooledFile, now: datetime) -> dict[str, Any]:
    """Return encoding, columns, labels and issues of the first 1,000 records; store nothing and discard the spool."""
    file_source, column_plan, defaults = file_layout.load(draft.source)
    read_row = file_layout.READERS[draft.source["kind"]]
    codes = Counter(issue.code for issue in (*file_source.warnings, *column_plan.warnings))
    labels: Counter[str] = Counter(won=0, lost=0, open=0)
    for record in source.read_records(Path(draft.spool), spooled.chunks[0], file_source):
        lead, issues = read_row(record, column_plan, defaults, now)
        codes.update(issue.code for issue in issues)
        if lead is not None:
            labels["open" if lead.label is None else "won" if lead.label else "lost"] += 1
    workspace.discard(draft.spool)
    return {
        "job_id": None,
        "state": "preview",
        "profile": draft.profile,
        "encoding": file_source.encoding,
        "delimiter": file_source.delimiter,
        "rows": {"read": spooled.records, "looked_at": spooled.chunks[0].records},
        "warnings": dict(codes),
        "columns": {"mapped": dict(column_plan.mapped), "custom": list(column_plan.custom), "empty": []},
        "labels": dict(labels),
        "error_file": None,
        "seconds": 0.0,
    }
