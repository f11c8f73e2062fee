"""Copy a file as UTF-8, cut it into chunks and collect the evidence of its columns, all in one pass.

Memory does not grow with the file: at most one row is in memory, and a row has a limit.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, TextIO

from db.records import ChunkDraft
from tasks.intake.csv.columns.evidence import Evidence
from tasks.intake.errors import FileRejected
from tasks.intake.files import LIMITS, FileLimits

#: records per chunk, and how many more a chunk may take so as not to end with a short record
CHUNK, SLACK = 1000, 10
#: a line that no file contains: outside quotes csv.reader returns it unchanged, inside quotes it loses its quote
_END = '\x1eend"of\x1e'

# The csv module's own limit of 131,072 would refuse a whole file for one long cell; `FileLimits.record` bounds rows.
csv.field_size_limit(LIMITS.record + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyResult:
    """The chunks of the copy."""

    #: records after the header, blank ones included
    records: int
    #: one per about 1,000 records, numbered from 0
    chunks: tuple[ChunkDraft, ...]


def copy_and_chunk(
    text: TextIO,
    out: BinaryIO,
    delimiter: str,
    evidence: Mapping[int, Evidence],
    *,
    titles: int = 0,
    limits: FileLimits = LIMITS,
) -> CopyResult:
    """Copy `text` to `out` with its line breaks unchanged; add the cells of some columns to their `evidence`.

    `titles` is the number of records above the header. Raises `FileRejected`.
    """
    lines = _CopiedLines(out, limits.record)
    reader = csv.reader(lines.read(text), delimiter=delimiter)
    try:
        width = _skip_header(reader, lines, titles)
        chunks, records = _cut_chunks(reader, lines, evidence, width, limits.records)
    except csv.Error:
        raise _unclosed_quote(lines.start) from None
    return CopyResult(records=records, chunks=tuple(chunks))


class _CopiedLines:
    """The lines that csv.reader reads, copied and counted on the way."""

    def __init__(self, out: BinaryIO, limit: int) -> None:
        self.bytes = 0
        self.ended = False
        #: line on which the current record begins
        self.start = 1
        self._out = out
        self._limit = self._left = limit

    def read(self, text: TextIO) -> Iterator[str]:
        write = self._out.write
        # Not `for line in text`: one endless line would fill the memory.
        for line in iter(partial(text.readline, self._limit + 1), ""):
            data = line.encode()
            write(data)
            self.bytes += len(data)
            self._left -= len(line)
            if self._left < 0:
                raise self._too_long(whole=len(line) > self._limit)
            yield line
        self.ended = True
        yield _END

    def begin(self, line: int) -> None:
        """Start counting the next record, which begins on `line`."""
        self.start = line
        self._left = self._limit

    def _too_long(self, *, whole: bool) -> FileRejected:
        if not whole:
            return _unclosed_quote(self.start)
        message = f"line {self.start}: the row is longer than {self._limit} characters; shorten it"
        return FileRejected("file.too_wide", message)


def _cut_chunks(
    reader: Iterator[list[str]], lines: _CopiedLines, evidence: Mapping[int, Evidence], width: int, limit: int
) -> tuple[list[ChunkDraft], int]:
    chunks: list[ChunkDraft] = []
    observed = [(position, column.add) for position, column in evidence.items()]
    start, first, first_line, number = lines.bytes, 1, lines.start, 0
    for number, cells in enumerate(reader):
        if lines.ended:
            _require_closed(cells, lines.start)
            break
        for position, add in observed:
            if position < len(cells):
                add(cells[position])
        lines.begin(reader.line_num + 1)  # type: ignore[attr-defined]  # csv.reader has no type of its own
        waiting = number + 2 - first
        # after a short record, the other half of its row may follow
        if waiting >= CHUNK and (len(cells) >= width or waiting >= CHUNK + SLACK):
            _require_room(number, limit)
            chunks.append(_chunk(len(chunks), start, first, first_line, number + 1))
            start, first, first_line = lines.bytes, number + 2, lines.start
    _require_room(number - 1, limit)
    if first <= number:
        chunks.append(_chunk(len(chunks), start, first, first_line, number))
    return chunks, number


def _chunk(number: int, offset: int, first: int, line: int, last: int) -> ChunkDraft:
    return ChunkDraft(number=number, offset=offset, first_record=first, first_line=line, records=last - first + 1)


def _skip_header(reader: Iterator[list[str]], lines: _CopiedLines, titles: int) -> int:
    """Return the number of the header's cells; 0 where there is none."""
    # As in `source.inspect`: blank lines, Excel's `sep=;` and titles may stand before the header.
    for cells in reader:
        if lines.ended:
            raise _unclosed_quote(1)
        lines.begin(reader.line_num + 1)  # type: ignore[attr-defined]
        if not any(cells) or (lines.bytes < 10 and _is_separator(cells)):
            continue
        if titles == 0:
            return len(cells)
        titles -= 1
    return 0


def _is_separator(cells: list[str]) -> bool:
    return cells[0].removeprefix("\ufeff").casefold().startswith("sep=") and not any(cells[1:])


def _require_closed(cells: list[str], line: int) -> None:
    if cells != [_END]:
        raise _unclosed_quote(line)


def _require_room(number: int, limit: int) -> None:
    if number >= limit:
        raise FileRejected("file.too_large", f"the file has more than {limit} rows; split it")


def _unclosed_quote(line: int) -> FileRejected:
    message = (
        f"line {line}: a quote opened in this row is not closed (or the row is longer than a row may be); close it"
    )
    return FileRejected("file.unclosed_quote", message)
