"""Check a row as a whole: blank, torn, too short, too long, or without anything that identifies its lead."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tasks.intake.csv.columns import ColumnPlan
from tasks.intake.csv.issues import Issue, Severity
from tasks.intake.csv.source import CsvRecord
from tasks.intake.values import scalars

_TOTAL = re.compile(r"(?:grand\s*|sub\s*-?)?totals?\b.*|sum\b.*", re.IGNORECASE)

#: most characters of a row: a row is read without a pause, and notes about a person are never this long
LONGEST = 500_000


def row_issue(record: CsvRecord, code: str, hint: str, severity: Severity = "error") -> Issue:
    """Return the issue of a row that is not imported."""
    return Issue(severity=severity, code=code, message=f"line {record.line}: {hint}")


def unreadable(record: CsvRecord, plan: ColumnPlan) -> Issue | None:
    """Return the issue for which a row cannot be read at all; None when it can."""
    if not any(map(str.strip, record.cells)):
        return row_issue(record, "row.blank", "the row is blank and was skipped", "info")
    if sum(map(len, record.cells)) > LONGEST and _readable_length(record.cells) > LONGEST:
        return row_issue(record, "row.too_long", f"the row has more than {LONGEST} characters; shorten its cells")
    if record.torn:
        hint = "a quote opened in this row is closed by a later row only; close it"
        return row_issue(record, "file.unclosed_quote", f"{hint}: the rows between were not imported either")
    if record.short:
        return row_issue(record, "row.column_count", "cells are still marked #MISSING; fill them in or clear them")
    if not _has_expected_width(record.cells, plan):
        counts = f"the row has {len(record.cells)} cells, the header {len(plan.columns)}"
        return row_issue(record, "row.column_count", f"{counts}; quote cells that hold the delimiter")
    return None


def _readable_length(row_cells: Sequence[str]) -> int:
    # a cell that is too long is refused by itself and read no further
    return sum(min(len(cell), scalars.MAX_CELL) for cell in row_cells)


def unidentified(
    record: CsvRecord, ids: Mapping[str, str], contact: Mapping[str, str], *, numbered: bool = False
) -> str | None:
    """Return why the lead of a row cannot be identified; None when it can, or when rows are known by their number."""
    first = next(text for cell in record.cells if (text := cell.strip()))
    if not {"email", "phone"} & contact.keys() and _TOTAL.fullmatch(first):
        return "this looks like a line of totals; remove it"
    if numbered or "external_id" in ids or "email" in contact or {"phone", "last_name"} <= contact.keys():
        return None
    return "nothing identifies the lead; give an id, an e-mail address, or a phone number with a last name"


def _has_expected_width(row_cells: Sequence[str], plan: ColumnPlan) -> bool:
    # Blank cells may follow the last column, and cells of trailing columns without a name may be missing.
    width = len(plan.columns)
    if len(row_cells) >= width:
        return len(row_cells) == width or not any(map(str.strip, row_cells[width:]))
    return all(column.role == "unnamed" for column in plan.columns[len(row_cells) :])
