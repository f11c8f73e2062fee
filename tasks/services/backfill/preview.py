"""How a file would be read: the same code on its first chunk, without a database."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from db.records import BackfillDraft
from tasks.backfill.chunks import READERS, told
from tasks.intake.csv import source
from tasks.runtime import workspace


def preview(draft: BackfillDraft, spooled: source.Spooled, now: datetime) -> dict[str, Any]:
    """Encoding, columns, labels and problems of the first 1,000 records; nothing is stored."""
    seen, meaning, defaults = told(draft.source)
    problems = Counter(problem.code for problem in (*seen.warnings, *meaning.warnings))
    labels: Counter[str] = Counter(won=0, lost=0, open=0)
    for row in source.read(Path(draft.spool), spooled.offsets[0], seen):
        lead, found = READERS[draft.source["kind"]](row, meaning, defaults, now)
        problems.update(problem.code for problem in found)
        if lead is not None:
            labels["open" if lead.label is None else "won" if lead.label else "lost"] += 1
    workspace.discard(draft.spool)
    return {
        "job_id": None,
        "state": "preview",
        "profile": draft.profile,
        "encoding": seen.encoding,
        "delimiter": seen.delimiter,
        "rows": {"read": spooled.records, "looked_at": spooled.offsets[0].records},
        "warnings": dict(problems),
        "columns": {"mapped": dict(meaning.mapped), "custom": list(meaning.custom), "empty": []},
        "labels": dict(labels),
        "error_file": None,
        "seconds": 0.0,
    }
