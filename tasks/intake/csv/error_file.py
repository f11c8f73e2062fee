"""The file of rows kept aside: original columns, then why; safe in a spreadsheet, importable again after fixing.

All cells are quoted. A cell that a spreadsheet would run as a formula (`=`, `+`, `-`, `@` in front, blanks and quotes
before it or not) gets a `'` before that sign, and so does one that already looks guarded. The same within a cell,
behind `;`, `|`, a tab or a line break: a spreadsheet that separates by those would begin a cell there. `unguard` takes
exactly one off everywhere: reading gives back every cell as it was, `-12.5` and `'=x` included. Cells that a short row
lacks are marked `#MISSING`: as long as one is, the row is refused.
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
#: a record of the file that rows are known by: number and beginning of the file's SHA-256
_ORIGIN = re.compile(r"(\d{1,18})@([0-9a-f]{12})")
#: signs that begin a formula; the others are the full-width and small forms, which spreadsheets take as well
_SIGNS = frozenset("=+-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b")
#: what spreadsheets may take for the end of a cell, whatever we separate by
_ENDS = frozenset(";|\t\r\n")
#: what may stand between the beginning of a cell and a sign. One run is looked at once: time grows with the text
_BEFORE = re.compile("[;|\\s\"'\\x00\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2069\\ufeff]+")
_DANGEROUS = re.compile(rf"'*(?:[\t\r\n]|{MISSING}$)")
_GUARDED = re.compile(rf"'+(?:[\t\r\n]|{MISSING}$)")


def write(path: Path, header: Sequence[str], rows: Iterable[RejectedRow], *, file: str = "") -> int:
    """Write the rows as UTF-8 CSV in one step, readable by its owner only; give the number of rows written.

    Findings on the same record, one after another in `rows`, share a line: their codes are joined by `;`. `file` is
    `Defaults.file` where rows are known by their number: `_record` then says which file's number it is.
    """
    count = 0
    names = [name for name in header if name not in NOTES]
    with files.replacing(path) as out:
        text = io.TextIOWrapper(out, "utf-8", newline="", write_through=True)
        writer = csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
        writer.writerow(guard(cell) for cell in (*names, *NOTES))
        for _, found in groupby(rows, key=lambda row: row.record):
            count += 1
            writer.writerow(_cells(list(found), header, file))
        text.detach()
    return count


def is_error_file(header: Sequence[str]) -> bool:
    """Tell whether a file was written by `write`."""
    return set(NOTES) <= set(header)


def guard(cell: str) -> str:
    """Make a cell harmless in a spreadsheet.

    >>> guard(" =1"), guard("x;=1"), guard("a=b")
    (" '=1", "x;'=1", 'a=b')
    """
    cell = "'".join(_before_signs(cell))
    return f"'{cell}" if _DANGEROUS.match(cell) else cell


def unguard(cell: str) -> str:
    """Undo `guard`."""
    *before, rest = _before_signs(cell[1:] if _GUARDED.match(cell) else cell)
    return "".join(part.removesuffix("'") for part in before) + rest


def _before_signs(cell: str) -> list[str]:
    """Cut a cell before each sign with which a formula may begin."""
    if _SIGNS.isdisjoint(cell):
        return [cell]
    places = [0] if cell[0] in _SIGNS else []
    for run in _BEFORE.finditer(cell):
        begins = run.start() == 0 or not _ENDS.isdisjoint(run[0])
        if begins and cell[run.end() : run.end() + 1] in _SIGNS:
            places.append(run.end())
    return [cell[start:end] for start, end in pairwise([0, *places, len(cell)])]


def origin(cell: str) -> tuple[str, int] | None:
    """Give file and record that a `_record` cell names; None = it names no file."""
    found = _ORIGIN.fullmatch(cell.strip())
    return (found[2], int(found[1])) if found else None


def _cells(found: Sequence[RejectedRow], header: Sequence[str], file: str) -> list[str]:
    given = found[0].cells
    lacks = any(row.code == "row.column_count" for row in found)
    cells = [*given, *(MISSING if lacks else "" for _ in header[len(given) :])]
    kept = [cell for cell, name in zip(cells, header, strict=False) if name not in NOTES]
    safe = [cell if lacks and cell == MISSING else guard(cell) for cell in kept]
    # What a row holds beyond the header stands behind the notes: nothing is lost, and unfixed it is refused again.
    return [*safe, *map(guard, _notes(found, _record(found[0], header, file))), *map(guard, cells[len(header) :])]


def _record(row: RejectedRow, header: Sequence[str], file: str) -> str:
    told = row.cells[header.index("_record")] if is_error_file(header) and len(row.cells) >= len(header) else ""
    return told if origin(told) else f"{row.record}@{file}" if file else str(row.record)


def _notes(found: Sequence[RejectedRow], record: str) -> list[str]:
    severity = "error" if any(row.severity == "error" for row in found) else found[0].severity
    columns = [row.column for row in found if row.column]
    return [
        str(found[0].line),
        record,
        severity,
        ";".join(dict.fromkeys(row.code for row in found)),
        ";".join(dict.fromkeys(columns)),
        " | ".join(dict.fromkeys(row.message for row in found)),
    ]
