"""Read a CSV file on disk: inspect it, copy it as UTF-8 in chunks, and read the records of a chunk.

    source = inspect(path)                      # encoding, delimiter, header
    spooled = spool(path, target, source)       # UTF-8 copy, chunks of 1,000 records
    for record in read_records(target, spooled.chunks[0], source): …

Everything is streamed: memory does not grow with the file.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Protocol

from db.records import ChunkDraft
from domain.documents import JsonMapping, JsonObject
from tasks.intake import files
from tasks.intake.csv import error_file, sniffing
from tasks.intake.csv.columns import header_words
from tasks.intake.csv.columns.evidence import Evidence
from tasks.intake.csv.issues import Issue
from tasks.intake.csv.spool import copy_and_chunk
from tasks.intake.errors import FileRejected
from tasks.intake.files import LIMITS, FileLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """How a file is written, so that it can be read again."""

    #: Python codec of the original
    encoding: str
    delimiter: str
    #: stripped of outer blanks, each name once; "" is a column without a name
    header: tuple[str, ...]
    #: records above the header, such as a report's title; they are passed over in the copy, and not stored
    titles: int = field(default=0, compare=False)
    #: True: an error file of ours, whose cells carry a guard against formulas that `read_records` removes
    guarded: bool = False
    warnings: tuple[Issue, ...] = ()
    #: the first rows, which speak for columns whose headers say nothing; not stored
    sample: tuple[tuple[str, ...], ...] = field(default=(), repr=False, compare=False)

    def dump(self) -> JsonObject:
        """Return the source as JSON, for `load`; without what only copying needs, so older workers can read it."""
        return {
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "header": list(self.header),
            "guarded": self.guarded,
            "warnings": [asdict(issue) for issue in self.warnings],
        }

    @classmethod
    def load(cls, stored: JsonMapping) -> Source:
        """Return the source that `dump` stored."""
        warnings = tuple(Issue(**issue) for issue in stored["warnings"])
        return cls(**{**stored, "header": tuple(stored["header"]), "warnings": warnings})


@dataclass(frozen=True, slots=True, kw_only=True)
class SpooledFile:
    """A UTF-8 copy of a file, and its chunks."""

    #: of the original bytes (of a .gz: as compressed)
    sha256: str
    #: records after the header, blank ones included
    records: int
    #: one per 1,000 records, numbered from 0
    chunks: tuple[ChunkDraft, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvRecord:
    """One row."""

    #: from 1, without the header
    number: int
    #: physical line of the file on which the row starts, from 1, with the header
    line: int
    cells: tuple[str, ...]
    #: True: a quote was closed by the opening quote of a later row, so that the rows between were read as one cell
    torn: bool = False
    #: True: a row of an error file that is still too short, with cells marked as missing
    short: bool = False
    #: True: the file ends in the middle of this row, without a line break
    cut_off: bool = False
    #: this short row and the one beside it, which a line break without quotes may have cut in two
    halves: tuple[tuple[str, ...], tuple[str, ...]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPosition:
    """The position in a spooled file at which a record begins."""

    offset: int
    first_record: int
    first_line: int


class CsvLines(Iterator[list[str]], Protocol):
    """What `csv.reader` returns, which has no type of its own."""

    @property
    def line_num(self) -> int: ...


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


def inspect(path: Path, declared: str | None = None, limits: FileLimits = LIMITS) -> Source:
    """Return encoding, delimiter and header; the whole file is decoded once to be sure of its encoding.

    `declared` is the encoding to try when the file is not UTF-8, as the mapping's `[defaults]` names it. Raises
    `FileRejected`.
    """
    named = sniffing.declared_codec(declared)
    codec = sniffing.encoding(path, named, limits)
    text, whole = sniffing.sample(path, codec)
    lines = io.StringIO(text, newline="")
    delimiter = sniffing.separator_line(lines.readline())
    text = lines.read() if delimiter else text
    delimiter = delimiter or sniffing.delimiter(text, whole=whole)
    first_records = sniffing.records(text, delimiter, whole=whole)
    titles = sniffing.count_titles(first_records)
    written, sample = _header(first_records[titles:]), first_records[titles + 1 :]
    if not sample:
        raise _no_rows_error(whole=whole)
    header, repeated = header_words.distinct(written)
    guarded = error_file.is_error_file(header)
    return Source(
        encoding=codec,
        delimiter=delimiter,
        header=header,
        titles=titles,
        guarded=guarded,
        warnings=tuple(_header_warnings(header, titles, repeated, guessed=codec == "cp1252" != named)),
        sample=tuple(tuple(map(error_file.unguard, cells)) if guarded else tuple(cells) for cells in sample),
    )


def spool(
    path: Path,
    target: Path,
    source: Source | None = None,
    *,
    evidence: Mapping[int, Evidence] | None = None,
    limits: FileLimits = LIMITS,
) -> SpooledFile:
    """Copy a file as UTF-8 to `target`, with its line breaks unchanged, and cut it into chunks.

    `evidence` (`ColumnPlan.evidence`) is what the cells of a column are added to, by its position. The copy appears
    whole or not at all, readable by its owner only. Raises `FileRejected`; `file.unclosed_quote` names the line on
    which the quote was opened.
    """
    source = source or inspect(path, limits=limits)
    with files.opened(path, limits) as (raw, hashing), files.replacing(target) as out:
        text = io.TextIOWrapper(raw, source.encoding, newline="")
        try:
            copied = copy_and_chunk(text, out, source.delimiter, evidence or {}, titles=source.titles, limits=limits)
        except UnicodeError:
            raise FileRejected("file.encoding", "the file changed while it was read; start again") from None
        return SpooledFile(sha256=hashing.finish(), records=copied.records, chunks=copied.chunks)


def read_records(target: Path, chunk: Chunk, source: Source) -> Iterator[CsvRecord]:
    """Yield the records of one chunk of a spooled file, in order."""
    with target.open("rb") as raw:
        raw.seek(-1, os.SEEK_END)
        ended = raw.read() in b"\r\n"
        raw.seek(chunk.offset)
        reader = csv.reader(io.TextIOWrapper(raw, "utf-8", newline=""), delimiter=source.delimiter)
        records = _records(reader, chunk, source)
        width, last = len(source.header), chunk.first_record + chunk.records
        before, record = None, next(records, None)
        while record is not None and record.number < last:
            after = next(records, None)
            if len(record.cells) < width:
                halves = _halves(record, after, width) or _halves(before, record, width)
                yield replace(record, halves=halves, cut_off=after is None and not ended)
            else:
                yield record
            before, record = record, after


def _records(reader: CsvLines, chunk: Chunk, source: Source) -> Iterator[CsvRecord]:
    """Yield the records of a chunk, and the one after it."""
    line = chunk.first_line
    for number, cells in enumerate(islice(reader, chunk.records + 1), chunk.first_record):
        unguarded = map(error_file.unguard, cells) if source.guarded else cells
        next_line = chunk.first_line + reader.line_num
        torn = next_line - line > 1 and sniffing.is_torn(cells, source.delimiter)
        short = source.guarded and error_file.MISSING in cells
        yield CsvRecord(number=number, line=line, cells=tuple(unguarded), torn=torn, short=short)
        line = next_line


def _halves(
    head: CsvRecord | None, tail: CsvRecord | None, width: int
) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return the cells of two short records that are as wide as one row together; None when they are not."""
    if not (head and tail and head.cells and tail.cells) or len(head.cells) + len(tail.cells) - 1 != width:
        return None
    return head.cells, tail.cells


def position_after(target: Path, chunk: Chunk, source: Source, records: int) -> RecordPosition:
    """Return where a chunk continues after its first `records` records."""
    with target.open("rb") as raw:
        raw.seek(chunk.offset)
        bytes_read = 0

        def lines() -> Iterator[str]:
            nonlocal bytes_read
            for line in io.TextIOWrapper(raw, "utf-8", newline=""):
                bytes_read += len(line.encode())
                yield line

        # csv.reader never reads a line ahead
        reader = csv.reader(lines(), delimiter=source.delimiter)
        for _ in islice(reader, records):
            pass
        return RecordPosition(
            offset=chunk.offset + bytes_read,
            first_record=chunk.first_record + records,
            first_line=chunk.first_line + reader.line_num,
        )


def _no_rows_error(*, whole: bool) -> FileRejected:
    if whole:
        return FileRejected("file.empty", "the file has a header and no rows; export it again")
    return FileRejected(
        "file.too_wide", "the header and the first row are longer than a million characters; shorten them"
    )


def _header(first_records: list[list[str]]) -> tuple[str, ...]:
    header = tuple(cell.strip().removeprefix("\ufeff") for cell in (first_records[0] if first_records else ()))
    sniffing.require_header(header)
    return tuple(map(error_file.unguard, header)) if error_file.is_error_file(header) else header


def _header_warnings(
    header: tuple[str, ...], titles: int, repeated: Sequence[tuple[int, int]], *, guessed: bool
) -> Iterator[Issue]:
    if titles:
        message = f"{titles} line{'s' if titles > 1 else ''} above the column names were passed over"
        yield Issue(severity="info", code="file.title", message=message)
    for first, position in repeated:
        name = header[position - 1]
        message = (
            f"columns {first} and {position} have the same name: the first counts, and the second is kept as {name}; "
            f"map {name} to choose it"
        )
        yield Issue(severity="warning", code="file.duplicate_header", column=name, message=message)
    if guessed:
        message = (
            "the text is not UTF-8 and was read as cp1252; check accents and quotes, or name the encoding under "
            '[defaults] of the mapping, such as encoding = "mac_roman"'
        )
        yield Issue(severity="warning", code="file.encoding", message=message)
    last = max(index for index, name in enumerate(header) if name)
    for index, name in enumerate(header[:last]):
        if not name:
            message = f"column {index + 1} has no name and is not read; name it to keep its cells"
            yield Issue(severity="warning", code="file.no_header", message=message)
