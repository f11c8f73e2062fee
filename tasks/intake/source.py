"""A CSV file on disk: what it looks like, its UTF-8 copy with the places to start from, and its records.

    source = inspect(path)                      # encoding, delimiter, header
    spooled = spool(path, target, source)       # UTF-8 copy, chunks of 1,000 records
    for record in read(target, spooled.offsets[0], source): …

Everything streams: memory does not grow with the file.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TextIO

from db.records import ChunkDraft
from tasks.intake import errorfile, files, sniffing
from tasks.intake.errors import FileRejected
from tasks.intake.problems import Problem

#: records of a chunk
CHUNK = 1000
#: a line that no file holds; outside quotes csv.reader gives it back as it is, inside it loses its quote
_END = '\x1eend"of\x1e'


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """How to read a file."""

    #: Python codec of the original
    encoding: str
    delimiter: str
    #: stripped of outer blanks; "" = a column without a name
    header: tuple[str, ...]
    #: an error file of ours: cells carry a guard against formulas that `read` takes off
    guarded: bool = False
    warnings: tuple[Problem, ...] = ()

    def dump(self) -> dict[str, Any]:
        """Give it as JSON, for `load`."""
        return asdict(self) | {"header": list(self.header), "warnings": [asdict(each) for each in self.warnings]}

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> Source:
        """Make it from what `dump` gave."""
        warnings = tuple(Problem(**each) for each in stored["warnings"])
        return cls(**{**stored, "header": tuple(stored["header"]), "warnings": warnings})


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """A UTF-8 copy of a file and where its chunks begin."""

    #: of the original bytes (of a .gz: as compressed)
    sha256: str
    #: records after the header, blank ones included
    records: int
    #: one per 1,000 records, numbered from 0
    offsets: tuple[ChunkDraft, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One row."""

    #: from 1, the header not counted
    number: int
    #: physical line of the file on which it starts, from 1, the header counted
    line: int
    cells: tuple[str, ...]
    #: a quote was closed by the opening quote of a later row: what lies between was read as one cell
    torn: bool = False


class Chunk(Protocol):
    """A run of records; both `ChunkDraft` and `ChunkRecord` are one."""

    @property
    def offset(self) -> int: ...
    @property
    def first_record(self) -> int: ...
    @property
    def first_line(self) -> int: ...
    @property
    def records(self) -> int: ...


def inspect(path: Path, declared: str | None = None) -> Source:
    """Find encoding, delimiter and header; the file is decoded once from end to end to be sure of its encoding.

    `declared` is the codec to try when the file is not UTF-8. Raises `FileRejected`.
    """
    codec = sniffing.encoding(path, declared)
    text, whole = sniffing.sample(path, codec)
    lines = io.StringIO(text, newline="")
    mark = sniffing.separator_line(lines.readline())
    text = lines.read() if mark else text
    mark = mark or sniffing.delimiter(text, whole=whole)
    found = sniffing.records(text, mark, whole=whole)
    header = _header(found)
    if len(found) < 2:
        raise _without_rows(whole=whole)
    return Source(
        encoding=codec,
        delimiter=mark,
        header=header,
        guarded=errorfile.is_error_file(header),
        warnings=tuple(_doubts(codec, header)),
    )


def spool(path: Path, target: Path, source: Source | None = None) -> Spooled:
    """Copy a file as UTF-8 to `target`, line breaks as they are, and cut it into chunks.

    The copy appears whole or not at all, readable by its owner only. Raises `FileRejected`; `file.unclosed_quote`
    names the line on which the quote was opened.
    """
    source = source or inspect(path)
    with files.opened(path) as (raw, hashing), files.replacing(target) as out:
        text = io.TextIOWrapper(raw, source.encoding, newline="")
        try:
            offsets, records = _copy(text, out, source.delimiter)
        except UnicodeError:
            raise FileRejected("file.encoding", "the file changed while it was read; start again") from None
        return Spooled(sha256=hashing.finish(), records=records, offsets=offsets)


def read(target: Path, chunk: Chunk, source: Source) -> Iterator[Record]:
    """Give the records of one chunk of a spooled file, in order."""
    with target.open("rb") as raw:
        raw.seek(chunk.offset)
        reader = csv.reader(io.TextIOWrapper(raw, "utf-8", newline=""), delimiter=source.delimiter)
        line = chunk.first_line
        for number, cells in enumerate(islice(reader, chunk.records), chunk.first_record):
            given = map(errorfile.unguard, cells) if source.guarded else cells
            after = chunk.first_line + reader.line_num
            torn = after - line > 1 and sniffing.is_torn(cells, source.delimiter)
            yield Record(number=number, line=line, cells=tuple(given), torn=torn)
            line = after


def _without_rows(*, whole: bool) -> FileRejected:
    if whole:
        return FileRejected("file.empty", "the file has a header and no rows; export it again")
    return FileRejected(
        "file.too_wide", "the header and the first row are longer than a million characters; shorten them"
    )


def _header(found: list[list[str]]) -> tuple[str, ...]:
    header = tuple(cell.strip().removeprefix("\ufeff") for cell in (found[0] if found else ()))
    sniffing.require_header(header, found[1:])
    return tuple(map(errorfile.unguard, header)) if errorfile.is_error_file(header) else header


def _doubts(codec: str, header: tuple[str, ...]) -> Iterator[Problem]:
    if codec == "cp1252":
        message = "the text is not UTF-8 and was read as cp1252; check accents and quotes, or name the encoding"
        yield Problem(severity="warning", code="file.encoding", message=message)
    last = max(index for index, name in enumerate(header) if name)
    for index, name in enumerate(header[:last]):
        if not name:
            message = f"column {index + 1} has no name and is not read; name it to keep its cells"
            yield Problem(severity="warning", code="file.no_header", message=message)


class _Copying:
    """Lines on their way to csv.reader, written to the copy and counted."""

    def __init__(self, out: BinaryIO) -> None:
        self.bytes = 0
        self.ended = False
        self._out = out

    def lines(self, text: TextIO) -> Iterator[str]:
        write = self._out.write
        for line in text:
            data = line.encode()
            write(data)
            self.bytes += len(data)
            yield line
        self.ended = True
        yield _END


def _copy(text: TextIO, out: BinaryIO, mark: str) -> tuple[tuple[ChunkDraft, ...], int]:
    copying = _Copying(out)
    reader = csv.reader(copying.lines(text), delimiter=mark)
    chunks: list[ChunkDraft] = []
    line, number, first = 0, 0, 1
    try:
        _skip_header(reader, copying)
        start, line, first_line = copying.bytes, reader.line_num, reader.line_num + 1
        for number, cells in enumerate(reader):
            if copying.ended:
                _require_closed(cells, line)
                break
            line = reader.line_num
            if (number + 1) % CHUNK == 0:
                chunks.append(_chunk(len(chunks), start, first, first_line, number + 1))
                start, first, first_line = copying.bytes, number + 2, line + 1
    except csv.Error:
        raise _unclosed(line + 1) from None
    if first <= number:
        chunks.append(_chunk(len(chunks), start, first, first_line, number))
    return tuple(chunks), number


def _chunk(number: int, offset: int, first: int, line: int, last: int) -> ChunkDraft:
    return ChunkDraft(number=number, offset=offset, first_record=first, first_line=line, records=last - first + 1)


def _skip_header(reader: Iterator[list[str]], copying: _Copying) -> None:
    # As `inspect` does: blank lines and Excel's `sep=;` may stand before the header.
    for cells in reader:
        if copying.ended:
            raise _unclosed(1)
        if any(cells) and not (copying.bytes < 10 and _is_separator(cells)):
            return


def _is_separator(cells: list[str]) -> bool:
    return cells[0].removeprefix("\ufeff").casefold().startswith("sep=") and not any(cells[1:])


def _require_closed(cells: list[str], line: int) -> None:
    if cells != [_END]:
        raise _unclosed(line + 1)


def _unclosed(line: int) -> FileRejected:
    limit = csv.field_size_limit()
    message = f"line {line}: a quote opened in this row is not closed (or a cell is longer than {limit} characters)"
    return FileRejected("file.unclosed_quote", f"{message}; close it")
