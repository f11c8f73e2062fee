"""What can be told of a row as a whole before its cells are read: blank, torn, too short, too long, a stranger's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tasks.intake.csv.columns import ColumnPlan
from tasks.intake.csv.issues import Problem, Severity
from tasks.intake.csv.source import Record
from tasks.intake.values import scalars

_TOTAL = re.compile(r"(?:grand\s*|sub\s*-?)?totals?\b.*|sum\b.*", re.IGNORECASE)

#: characters of a row: what people write of somebody fills no book, and one row is read without a break
LONGEST = 500_000


def refusal(record: Record, code: str, hint: str, severity: Severity = "error") -> Problem:
    """Say why a row is not taken."""
    return Problem(severity=severity, code=code, message=f"line {record.line}: {hint}")


def fault(record: Record, plan: ColumnPlan) -> Problem | None:
    """Give the reason for which a row cannot be read at all; None = it can."""
    if not any(map(str.strip, record.cells)):
        return refusal(record, "row.blank", "the row is blank and was passed over", "info")
    if sum(map(len, record.cells)) > LONGEST and _read(record.cells) > LONGEST:
        return refusal(record, "row.too_long", f"the row has more than {LONGEST} characters; shorten its cells")
    if record.torn:
        hint = "a quote opened in this row is closed by a later row only; close it"
        return refusal(record, "file.unclosed_quote", f"{hint}: the rows between were not taken either")
    if record.short:
        return refusal(record, "row.column_count", "cells are still marked #MISSING; fill them in or clear them")
    if not _fits(record.cells, plan):
        counts = f"the row has {len(record.cells)} cells, the header {len(plan.columns)}"
        return refusal(record, "row.column_count", f"{counts}; quote cells that hold the delimiter")
    return None


def _read(given: Sequence[str]) -> int:
    # a cell that is too long for itself is not read as far
    return sum(min(len(cell), scalars.MAX_CELL) for cell in given)


def stranger(
    record: Record, ids: Mapping[str, str], contact: Mapping[str, str], *, numbered: bool = False
) -> str | None:
    """Say why nobody knows whose row this is; None = somebody does, or rows are known by their number."""
    first = next(text for cell in record.cells if (text := cell.strip()))
    if not {"email", "phone"} & contact.keys() and _TOTAL.fullmatch(first):
        return "this looks like a line of totals; remove it"
    if numbered or "external_id" in ids or "email" in contact or {"phone", "last_name"} <= contact.keys():
        return None
    return "nothing tells who this is; give an id, an e-mail address, or a phone number with a last name"


def _fits(given: Sequence[str], plan: ColumnPlan) -> bool:
    # Blank cells may be too many, cells of trailing columns without a name too few.
    width = len(plan.columns)
    if len(given) >= width:
        return len(given) == width or not any(map(str.strip, given[width:]))
    return all(column.role == "unnamed" for column in plan.columns[len(given) :])
