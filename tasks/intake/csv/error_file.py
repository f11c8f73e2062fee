"""Write the error file: the rejected rows and why; safe to open in a spreadsheet and to import again once mended.

All cells are quoted. A cell that a spreadsheet would run as a formula (it begins with `=`, `+`, `-` or `@`, perhaps
after blanks and quotes) gets a `'` before that sign, and so does a cell that already looks guarded. The same inside a
cell, after `;`, `|`, a tab or a line break, since a spreadsheet that separates by those begins a cell there. `unguard`
removes exactly one `'` everywhere, so reading returns every cell as it was, `-12.5` and `'=x` included. Cells that a
short row lacks are marked `#MISSING`; a row with such a cell is refused.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from pathlib import Path

from db.records import RejectedRow
from tasks.intake import files

NOTES = ("_line", "_record", "_severity", "_code", "_column", "_message")
MISSING = "#MISSING"
#: a `_record` cell: the record's number and the beginning of the original file's SHA-256
_ORIGIN = re.compile(r"(\d{1,18})@([0-9a-f]{12})")
#: signs that begin a formula, with their full-width and small forms, which spreadsheets also accept
_SIGNS = frozenset("=+-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b")
#: characters that a spreadsheet may take for the end of a cell
_CELL_ENDS = frozenset(";|\t\r\n")
#: characters that may stand between the beginning of a cell and a sign; each run is read once, so time is linear
_BEFORE = re.compile("[;|\\s\"'\\x00\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2069\\ufeff]+")
_DANGEROUS = re.compile(rf"'*(?:[\t\r\n]|{MISSING}$)")
_GUARDED = re.compile(rf"'+(?:[\t\r\n]|{MISSING}$)")


def write(path: Path, header: Sequence[str], rows: Iterable[RejectedRow], *, file: str = "") -> int:
    """Write the rows as UTF-8 CSV in one step, readable by its owner only; return the number of rows written.

    Issues of the same record, next to each other in `rows`, share a line: their codes are joined by `;`. `file` is
    `FileDefaults.file` when rows are identified by their number: `_record` then names the file besides the number.
    """
    count = 0
    names = [name for name in header if name not in NOTES]
    with files.replacing(path) as out:
        text = io.TextIOWrapper(out, "utf-8", newline="", write_through=True)
        writer = csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
        writer.writerow(guard(cell) for cell in (*names, *NOTES))
        for _, issues in groupby(rows, key=lambda row: row.record):
            count += 1
            writer.writerow(_error_row(list(issues), header, file))
        text.detach()
    return count


def is_error_file(header: Sequence[str]) -> bool:
    """Return whether a file with this header was written by `write`."""
    return set(NOTES) <= set(header)


def guard(cell: str) -> str:
    """Return a cell that a spreadsheet does not run as a formula.

    >>> guard(" =1"), guard("x;=1"), guard("a=b")
    (" '=1", "x;'=1", 'a=b')
    """
    cell = "'".join(_before_signs(cell))
    return f"'{cell}" if _DANGEROUS.match(cell) else cell


def unguard(cell: str) -> str:
    """Return the cell that `guard` was given."""
    *before, rest = _before_signs(cell[1:] if _GUARDED.match(cell) else cell)
    return "".join(part.removesuffix("'") for part in before) + rest


def _before_signs(cell: str) -> list[str]:
    """Return the cell, cut before each sign with which a formula may begin."""
    if _SIGNS.isdisjoint(cell):
        return [cell]
    places = [0] if cell[0] in _SIGNS else []
    for run in _BEFORE.finditer(cell):
        begins = run.start() == 0 or not _CELL_ENDS.isdisjoint(run[0])
        if begins and cell[run.end() : run.end() + 1] in _SIGNS:
            places.append(run.end())
    return [cell[start:end] for start, end in pairwise([0, *places, len(cell)])]


def origin(cell: str) -> tuple[str, int] | None:
    """Return file and record that a `_record` cell names; None when it names no file."""
    match = _ORIGIN.fullmatch(cell.strip())
    return (match[2], int(match[1])) if match else None


def _error_row(issues: Sequence[RejectedRow], header: Sequence[str], file: str) -> list[str]:
    row_cells = issues[0].cells
    too_short = any(row.code == "row.column_count" for row in issues)
    cells = [*row_cells, *(MISSING if too_short else "" for _ in header[len(row_cells) :])]
    without_notes = [cell for cell, name in zip(cells, header, strict=False) if name not in NOTES]
    guarded = [cell if too_short and cell == MISSING else guard(cell) for cell in without_notes]
    notes = _notes(issues, _record_cell(issues[0], header, file))
    # Cells beyond the header follow the notes: nothing is lost, and an unfixed row is refused again.
    return [*guarded, *map(guard, notes), *map(guard, cells[len(header) :])]


def _record_cell(row: RejectedRow, header: Sequence[str], file: str) -> str:
    earlier = row.cells[header.index("_record")] if is_error_file(header) and len(row.cells) >= len(header) else ""
    return earlier if origin(earlier) else f"{row.record}@{file}" if file else str(row.record)


def _notes(issues: Sequence[RejectedRow], record: str) -> list[str]:
    severity = "error" if any(row.severity == "error" for row in issues) else issues[0].severity
    columns = [row.column for row in issues if row.column]
    return [
        str(issues[0].line),
        record,
        severity,
        ";".join(dict.fromkeys(row.code for row in issues)),
        ";".join(dict.fromkeys(columns)),
        " | ".join(dict.fromkeys(row.message for row in issues)),
    ]
