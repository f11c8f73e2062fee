"""Check a row as a whole: blank, torn, too short, too long, or without anything that identifies its lead."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from tasks.intake import consent
from tasks.intake.csv.columns.column_plan import ColumnPlan, PlannedColumn
from tasks.intake.csv.issues import Issue, Severity
from tasks.intake.csv.source import CsvRecord
from tasks.intake.values import scalars

#: how closing lines of reports begin
_CLOSING = re.compile(
    # the words for a total are also names, so nothing but a figure or a mark may follow them
    r"(?:(?:grand\s*|sub\s*-?)?totals?|sum|gesamt|insgesamt|summe|somme|suma|totale)"
    r"(?=\s*(?:$|[:=(,\d]|general\b|generale\b|amount\b|count\b|of\b|records?\b|leads?\b))"
    r"|copyright\b|\u00a9|\(c\)\s"
    r"|confidential\b|generated\s(?:by|on|at)|exported\s(?:by|on|at|from)|report\s(?:generated|run|created)|printed\s(?:by|on)"
    r"|page\s\d|\d{1,9}\s(?:records?|rows?|leads?|contacts?|results?)\b|end\sof\s(?:report|file|export)|filtered\sby|as\sof\s",
    re.IGNORECASE,
)
_FIGURE = re.compile(
    r"(?:[A-Z]{3}\s|(?:count|sum|avg|average|total|records?)\s?:?\s?)?[-+(\[]?[^\w\s]?\s?[\d.,\s%]+[^\w\s]?[)\]]?(?:\s?[A-Z]{3})?",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"@|\d{7}|\d{3}[\s.-]\d{4}")
#: kinds of columns that say who somebody is, or whether he may be contacted
_TELLING = frozenset({"id", "email", "phone", "email_or_phone", "dnd", "opt_in", "unsubscribed"})
#: kinds of columns in which no e-mail address stands
_WITHOUT_ADDRESSES = frozenset(
    {"phone", "name", "choice", "amount", "budget", "least", "count", "time", "zone", "label"}
)
#: forms that tell what a cell holds, and the kinds of columns in which they stand
_FORMS = (
    (re.compile(r"[^\s@]{1,64}@[^\s@]+"), frozenset({"email", "email_or_phone"})),
    (
        re.compile(r"\d{4}-\d\d-\d\d.{0,20}|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}.{0,20}"),
        frozenset({"time", "unsubscribed", "dnd", "opt_in"}),
    ),
    (re.compile(r"\+?[\d\s().-]{8,20}"), frozenset({"phone", "email_or_phone"})),
)
#: codes of cells that cannot be what their header says
_UNREADABLE = frozenset({"value.email", "value.phone", "value.date", "value.number", "value.enum"})

#: a refusal below a row is not stored, so its time does not matter
_ANY_TIME = datetime(1970, 1, 1, tzinfo=UTC)

#: codes of rows that are passed over: no lead is in them
PASSED_OVER = frozenset({"row.blank", "row.footer", "row.child"})
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
    if record.short or len(record.cells) != len(plan.columns):
        wrong = _of_another_width(record, plan)
        if wrong is not None:
            return wrong
    return _no_row_of_data(record, plan)


def _of_another_width(record: CsvRecord, plan: ColumnPlan) -> Issue | None:
    if record.short:
        return row_issue(record, "row.column_count", "cells are still marked #MISSING; fill them in or clear them")
    if record.cut_off and lacks_cells(record, plan):
        hint = "the file ends in the middle of this row and may have been cut off; export it again, or complete the row"
        return row_issue(record, "row.column_count", hint)
    return wrong_width(record, plan) if any(map(str.strip, record.cells[len(plan.columns) :])) else None


def _no_row_of_data(record: CsvRecord, plan: ColumnPlan) -> Issue | None:
    repeated = record.cells[0] == plan.columns[0].header and _repeats_header(record.cells, plan)
    if repeated or _is_footer(record.cells, plan):
        hint = "a title, a total or a closing line and no row of data; passed over"
        return row_issue(record, "row.footer", hint, "info")
    if _is_child_row(record.cells, plan):
        if any(consent.from_note(cell, "custom", at=_ANY_TIME, reference="") for cell in record.cells):
            hint = "it belongs to the row above it and holds a refusal; write the refusal into that row"
            return row_issue(record, "consent.not_understood", hint)
        hint = "it holds only what belongs to the row above it; passed over"
        return row_issue(record, "row.child", hint, "info")
    return None


def wrong_width(record: CsvRecord, plan: ColumnPlan) -> Issue:
    """Return the issue of a row whose cells do not stand below their headers."""
    counts = f"the row has {len(record.cells)} cells, the header {len(plan.columns)}"
    return row_issue(record, "row.column_count", f"{counts}; quote cells that hold the delimiter or a line break")


def lacks_cells(record: CsvRecord, plan: ColumnPlan) -> bool:
    """Return whether a row ends before the last column that has a name."""
    return any(column.role != "unnamed" for column in plan.columns[len(record.cells) :])


def filled_up(record: CsvRecord, plan: ColumnPlan) -> CsvRecord:
    """Return the record with blank cells for those that it lacks at its end; many systems leave those out."""
    missing = len(plan.columns) - len(record.cells)
    return replace(record, cells=(*record.cells, *[""] * missing)) if missing > 0 else record


def is_shifted(record: CsvRecord, plan: ColumnPlan, issues: Sequence[Issue]) -> bool:
    """Return whether the cells of a short row cannot be what their headers say: it is part of a row that was cut."""
    strange = any(
        "@" in cell and column.role == "canonical" and column.kind in _WITHOUT_ADDRESSES
        for cell, column in zip(record.cells, plan.columns, strict=False)
    )
    return strange or any(issue.code in _UNREADABLE for issue in issues)


def is_cut_in_two(record: CsvRecord, plan: ColumnPlan) -> bool:
    """Return whether a short row and the one beside it are one row, which a line break without quotes cuts.

    The addresses, numbers and dates of the second half tell: in the whole row they stand below headers that they fit,
    at least as well as where they stand now.
    """
    if record.halves is None:
        return False
    head, tail = record.halves
    together = _fit(tail[1:], plan.columns[len(head) :])
    return together > 0 and together >= _fit(tail, plan.columns)


def joined(halves: tuple[tuple[str, ...], tuple[str, ...]]) -> tuple[str, ...]:
    """Return the cells of two halves as one row."""
    head, tail = halves
    return (*head[:-1], f"{head[-1]}\n{tail[0]}", *tail[1:])


def _fit(row_cells: Sequence[str], columns: Sequence[PlannedColumn]) -> int:
    """Return how many cells of a telling form fit their columns, less those that do not."""
    return sum(_cell_fit(cell.strip(), column) for cell, column in zip(row_cells, columns, strict=False))


def _cell_fit(text: str, column: PlannedColumn) -> int:
    kinds = next((kinds for form, kinds in _FORMS if form.fullmatch(text)), None)
    if kinds is None or column.kind in kinds:
        return 0 if kinds is None else 1
    return 0 if column.kind == "custom" or column.name == "assigned_to" else -1


def _is_footer(row_cells: Sequence[str], plan: ColumnPlan) -> bool:
    first = next(filter(str.strip, row_cells)).strip()
    closing = _CLOSING.match(first)
    if closing is None and sum(map(bool, row_cells)) > 1:
        return False
    if _may_be_a_lead(row_cells, plan, first):
        return False
    others = [text for cell in row_cells if (text := cell.strip()) and text != first]
    if closing is not None:
        return _are_figures(others) or (len(others) < 2 and not any(map(_ADDRESS.search, (first, *others))))
    # one cell of prose in a table; a single id or address may be all that a row has
    return len(row_cells) < len(plan.columns) > 2 and " " in first and not _ADDRESS.search(first)


def _may_be_a_lead(row_cells: Sequence[str], plan: ColumnPlan, first: str) -> bool:
    """Return whether a cell beside the first one says who somebody is, or whether he may be contacted."""
    return any(
        column.kind in _TELLING and (text := cell.strip()) and text != first
        for cell, column in zip(row_cells, plan.columns, strict=False)
        if column.role == "canonical"
    )


def _repeats_header(row_cells: Sequence[str], plan: ColumnPlan) -> bool:
    """Return whether a row is the header once more, as above each group of a board or each page of a report."""
    return all(
        cell.strip() == column.header
        for cell, column in zip(row_cells, plan.columns, strict=False)
        if column.role != "unnamed" and not column.header.endswith(")")
    )


def _are_figures(texts: Sequence[str]) -> bool:
    return all(any(map(str.isdigit, text)) and _FIGURE.fullmatch(text) for text in texts)


def _is_child_row(row_cells: Sequence[str], plan: ColumnPlan) -> bool:
    if not plan.child_positions or plan.row_number:
        return False
    filled = {index for index, cell in enumerate(row_cells) if cell.strip()}
    return filled <= plan.child_positions


def _readable_length(row_cells: Sequence[str]) -> int:
    # a cell that is too long is refused by itself and read no further
    return sum(min(len(cell), scalars.MAX_CELL) for cell in row_cells)


def unidentified(ids: Mapping[str, str], contact: Mapping[str, str], *, numbered: bool = False) -> str | None:
    """Return why the lead of a row cannot be identified; None when it can, or when rows are known by their number."""
    if numbered or "external_id" in ids or "email" in contact or {"phone", "last_name"} <= contact.keys():
        return None
    return "nothing identifies the lead; give an id, an e-mail address, or a phone number with a last name"
