"""The one pass over a file that is to be imported: copied as UTF-8, cut into chunks, the order of its dates noted.

Memory does not grow with the file: a row is the most that is held, and rows have a limit.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, TextIO

from db.records import ChunkDraft
from tasks.intake.errors import FileRejected
from tasks.intake.files import LIMITS, Limits
from tasks.intake.values import dates

#: records of a chunk
CHUNK = 1000
#: a line that no file holds; outside quotes csv.reader gives it back as it is, inside it loses its quote
_END = '\x1eend"of\x1e'

# The module's own limit of 131,072 would refuse a whole file for one long cell; `Limits.record` bounds rows instead.
csv.field_size_limit(LIMITS.record + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What the pass has found."""

    #: records after the header, blank ones included
    records: int
    #: one per 1,000 records, numbered from 0
    chunks: tuple[ChunkDraft, ...]
    #: position of a watched column -> how its dates are written
    orders: Mapping[int, dates.Evidence]


def copy(text: TextIO, out: BinaryIO, mark: str, watch: Sequence[int] = (), limits: Limits = LIMITS) -> Copied:
    """Copy `text` to `out`, line breaks as they are; `watch` names columns of dates. Raises `FileRejected`."""
    lines = _Lines(out, limits.record)
    reader = csv.reader(lines.read(text), delimiter=mark)
    orders = {index: dates.Evidence() for index in watch}
    try:
        _skip_header(reader, lines)
        chunks, records = _cut(reader, lines, orders, limits.records)
    except csv.Error:
        raise _unclosed(lines.start) from None
    return Copied(records=records, chunks=tuple(chunks), orders=orders)


class _Lines:
    """Lines on their way to csv.reader, written to the copy and counted."""

    def __init__(self, out: BinaryIO, limit: int) -> None:
        self.bytes = 0
        self.ended = False
        #: line on which the record begins that is being read
        self.start = 1
        self._out = out
        self._limit = self._left = limit

    def read(self, text: TextIO) -> Iterator[str]:
        write = self._out.write
        # Not `for line in text`: a line without an end would fill the memory.
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
        """A record ends, the next one begins on `line`."""
        self.start = line
        self._left = self._limit

    def _too_long(self, *, whole: bool) -> FileRejected:
        if not whole:
            return _unclosed(self.start)
        message = f"line {self.start}: the row is longer than {self._limit} characters; shorten it"
        return FileRejected("file.too_wide", message)


def _cut(
    reader: Iterator[list[str]], lines: _Lines, orders: Mapping[int, dates.Evidence], limit: int
) -> tuple[list[ChunkDraft], int]:
    chunks: list[ChunkDraft] = []
    watched = list(orders.items())
    start, first, first_line, number = lines.bytes, 1, lines.start, 0
    for number, cells in enumerate(reader):
        if lines.ended:
            _require_closed(cells, lines.start)
            break
        _look(cells, watched)
        lines.begin(reader.line_num + 1)  # type: ignore[attr-defined]  # csv.reader has no type of its own
        if (number + 1) % CHUNK == 0:
            _require_room(number, limit)
            chunks.append(_chunk(len(chunks), start, first, first_line, number + 1))
            start, first, first_line = lines.bytes, number + 2, lines.start
    _require_room(number - 1, limit)
    if first <= number:
        chunks.append(_chunk(len(chunks), start, first, first_line, number))
    return chunks, number


def _look(cells: Sequence[str], watched: Sequence[tuple[int, dates.Evidence]]) -> None:
    for index, evidence in watched:
        if index < len(cells):
            evidence.look(cells[index])


def _chunk(number: int, offset: int, first: int, line: int, last: int) -> ChunkDraft:
    return ChunkDraft(number=number, offset=offset, first_record=first, first_line=line, records=last - first + 1)


def _skip_header(reader: Iterator[list[str]], lines: _Lines) -> None:
    # As `inspect` does: blank lines and Excel's `sep=;` may stand before the header.
    for cells in reader:
        if lines.ended:
            raise _unclosed(1)
        lines.begin(reader.line_num + 1)  # type: ignore[attr-defined]
        if any(cells) and not (lines.bytes < 10 and _is_separator(cells)):
            return


def _is_separator(cells: list[str]) -> bool:
    return cells[0].removeprefix("\ufeff").casefold().startswith("sep=") and not any(cells[1:])


def _require_closed(cells: list[str], line: int) -> None:
    if cells != [_END]:
        raise _unclosed(line)


def _require_room(number: int, limit: int) -> None:
    if number >= limit:
        raise FileRejected("file.too_large", f"the file has more than {limit} rows; split it")


def _unclosed(line: int) -> FileRejected:
    message = (
        f"line {line}: a quote opened in this row is not closed (or the row is longer than a row may be); close it"
    )
    return FileRejected("file.unclosed_quote", message)
