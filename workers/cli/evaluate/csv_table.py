"""Read any delimited table from disk, whatever its delimiter and encoding; join several into one."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from tasks.intake import files
from tasks.intake.csv import sniffing, source
from tasks.intake.errors import BadValue, FileRejected
from tasks.intake.values import dates
from workers.base.errors import WorkersError

_ZONE = ZoneInfo("UTC")
#: share of the rows that may have another number of cells than the header
_MISFITS = 0.01

Columns = dict[str, list[str]]


class TableUnreadable(WorkersError):  # noqa: N818 - says the fact
    """A file cannot be read as a table, or files cannot be joined; the message names the place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Columns of text, all of one length."""

    name: str
    columns: Columns
    #: rows left out since they have another number of cells than the header; the line of the first
    misfits: int = 0
    first_misfit: int = 0

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))


def read(path: Path, names: Sequence[str] | None = None) -> Table:
    """Read a file; `names` are its columns when it has no header. Raises TableUnreadable."""
    try:
        return _read(path, names)
    except FileRejected as error:
        raise TableUnreadable(f"{path.name}: {error.message}") from None
    except UnicodeError:
        raise TableUnreadable(f"{path.name}: the text is not of one encoding; save the file as UTF-8") from None


def join(tables: Sequence[Table], target: str) -> Table:
    """Make one table: rows below each other where the columns agree, else side by side by their common key.

    Raises TableUnreadable when neither fits.
    """
    first, *others = tables
    if all(table.columns.keys() == first.columns.keys() for table in others):
        columns = {name: [cell for table in tables for cell in table.columns[name]] for name in first.columns}
        return Table(name=first.name, columns=columns)
    main = next((table for table in tables if target in table.columns), first)
    joined = main.columns
    for table in tables:
        if table is not main:
            joined = _beside(joined, table, target)
    return Table(name=main.name, columns=joined)


def moments(texts: Sequence[str]) -> Callable[[str], datetime]:
    """Return a reader for the dates of a column; the column itself decides day or month first."""
    evidence = dates.DateOrderEvidence()
    for text in texts:
        evidence.add(text)
    order = evidence.order or "mdy"

    def moment(text: str) -> datetime:
        try:
            return dates.moment(text, _ZONE, order)
        except BadValue as error:
            raise ValueError(str(error)) from None

    return moment


def _read(path: Path, names: Sequence[str] | None) -> Table:
    # who names a file here may name a link to it
    real = path.resolve()
    layout = source.inspect(real) if names is None else _headless(real, names)
    columns: list[list[str]] = [[] for _ in layout.header]
    interned: list[dict[str, str]] = [{} for _ in layout.header]
    misfits, first = 0, 0
    for line, cells in _rows(real, layout, skip=layout.titles + 1 if names is None else 0):
        if len(cells) != len(columns):
            misfits, first = misfits + 1, first or line
            continue
        for column, texts, cell in zip(columns, interned, cells, strict=True):
            # one text for all cells that say the same
            column.append(texts.setdefault(cell, cell))
    if misfits > _MISFITS * (misfits + len(columns[0])):
        counts = f"{misfits} rows have another number of cells than the header ({len(columns)})"
        raise TableUnreadable(f"{path.name}: {counts}, the first on line {first}; quote cells that hold the delimiter")
    named = {name: column for name, column in zip(layout.header, columns, strict=True) if name}
    return Table(name=path.name, columns=named, misfits=misfits, first_misfit=first)


def _headless(path: Path, names: Sequence[str]) -> source.Source:
    codec = sniffing.encoding(path, None)
    text, whole = sniffing.sample(path, codec)
    return source.Source(encoding=codec, delimiter=sniffing.delimiter(text, whole=whole), header=tuple(names))


def _rows(path: Path, layout: source.Source, *, skip: int) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and cells of each row that is not blank, without empty cells beyond the header.

    `skip` is the number of rows up to the header's, the header included.
    """
    width = len(layout.header)
    unquoted = layout.delimiter == "\t" and _is_unquoted(path, layout)
    with files.opened(path) as (raw, _):
        text = io.TextIOWrapper(raw, layout.encoding, newline="")
        reader = csv.reader(
            _without_separator_line(text),
            delimiter=layout.delimiter,
            quoting=csv.QUOTE_NONE if unquoted else csv.QUOTE_MINIMAL,
        )
        try:
            for cells in islice(filter(any, reader), skip, None):
                if any(map(str.strip, cells)):
                    beyond = any(map(str.strip, cells[width:]))
                    yield reader.line_num, cells if beyond else cells[:width]
        except csv.Error as error:
            raise TableUnreadable(f"{path.name}: line {reader.line_num}: {error}") from None


def _is_unquoted(path: Path, layout: source.Source) -> bool:
    """Return whether quotation marks in a tab-separated file belong to its texts, as in many research data sets.

    They do where every line has all cells as it stands, and some cell begins with a mark and ends without one: read as
    quoting, that one would swallow the lines below it.
    """
    unpaired = False
    with files.opened(path) as (raw, _):
        for line in io.TextIOWrapper(raw, layout.encoding):
            cells = line.rstrip("\r\n").split("\t")
            if len(cells) != len(layout.header) and any(cells):
                return False
            unpaired |= any(cell.startswith('"') and not (cell.endswith('"') and len(cell) > 1) for cell in cells)
    return unpaired


def _without_separator_line(text: Iterable[str]) -> Iterator[str]:
    lines = iter(text)
    first = next(lines, "").removeprefix("\ufeff")
    if sniffing.separator_line(first) is None:
        yield first
    yield from lines


def _beside(columns: Columns, other: Table, target: str) -> Columns:
    key = _key(columns, other, target)
    place = {text.strip(): row for row, text in enumerate(other.columns[key])}
    rows = [place.get(text.strip()) for text in columns[key]]
    added = {name: cells for name, cells in other.columns.items() if name not in columns}
    return columns | {name: ["" if row is None else cells[row] for row in rows] for name, cells in added.items()}


def _key(columns: Mapping[str, Sequence[str]], other: Table, target: str) -> str:
    """Return the common column that is unique in the other table and matches most rows."""
    shared = [name for name in columns if name in other.columns and name != target]
    unique = [name for name in shared if len({text.strip() for text in other.columns[name]}) == len(other)]
    if not unique:
        why = "no column in common" if not shared else f"no shared column tells the rows of {other.name} apart"
        raise TableUnreadable(f"the files cannot be joined: {why}; give files with the same columns, or with a key")
    matches = {
        name: len({text.strip() for text in columns[name]} & set(map(str.strip, other.columns[name])))
        for name in unique
    }
    return max(unique, key=lambda name: matches[name])
