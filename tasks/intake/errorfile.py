"""The file of rows kept aside: original columns, then why; safe in a spreadsheet, importable again after fixing.

A cell that a spreadsheet would run as a formula (`=`, `+`, `-`, `@`, tab or line break in front) gets a `'` in front,
and so does one that already looks guarded. `unguard` takes exactly one off: reading gives back every cell as it was,
`-12.5` and `'=x` included.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from db.records import RejectedRow
from tasks.intake import files

NOTES = ("_line", "_record", "_severity", "_code", "_column", "_message")
#: the last four are the full-width forms, which spreadsheets take as well
_TRIGGERS = "=+\\-@\\t\\r\\n\\uff1d\\uff0b\\uff0d\\uff20"
_DANGEROUS = re.compile(rf"'*[{_TRIGGERS}]")
_GUARDED = re.compile(rf"'+[{_TRIGGERS}]")


def write(path: Path, header: Sequence[str], rows: Iterable[RejectedRow]) -> int:
    """Write the rows as UTF-8 CSV in one step, readable by its owner only; give the number of rows written.

    Findings on the same record, one after another in `rows`, share a line: their codes are joined by `;`.
    """
    count = 0
    names = [name for name in header if name not in NOTES]
    keep = [index for index, name in enumerate(header) if name not in NOTES]
    with files.replacing(path) as out:
        # "\r\n" makes csv quote a lone "\r" inside a cell as well.
        text = io.TextIOWrapper(out, "utf-8", newline="", write_through=True)
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(guard(cell) for cell in (*names, *NOTES))
        for _, found in groupby(rows, key=lambda row: row.record):
            count += 1
            writer.writerow(guard(cell) for cell in _cells(list(found), keep, len(header)))
        text.detach()
    return count


def is_error_file(header: Sequence[str]) -> bool:
    """Tell whether a file was written by `write`."""
    return set(NOTES) <= set(header)


def guard(cell: str) -> str:
    """Make a cell harmless in a spreadsheet."""
    return f"'{cell}" if _DANGEROUS.match(cell) else cell


def unguard(cell: str) -> str:
    """Undo `guard`."""
    return cell[1:] if _GUARDED.match(cell) else cell


def _cells(found: Sequence[RejectedRow], keep: Sequence[int], width: int) -> list[str]:
    cells = found[0].cells + ("",) * (width - len(found[0].cells))
    # What a row holds beyond the header stands behind the notes: nothing is lost, and unfixed it is refused again.
    return [*(cells[index] for index in keep), *_notes(found), *cells[width:]]


def _notes(found: Sequence[RejectedRow]) -> list[str]:
    severity = "error" if any(row.severity == "error" for row in found) else found[0].severity
    columns = [row.column for row in found if row.column]
    return [
        str(found[0].line),
        str(found[0].record),
        severity,
        ";".join(dict.fromkeys(row.code for row in found)),
        ";".join(dict.fromkeys(columns)),
        " | ".join(dict.fromkeys(row.message for row in found)),
    ]
