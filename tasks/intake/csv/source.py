"""A CSV file on disk: what it looks like, its UTF-8 copy with the places to start from, and its records.

    source = inspect(path)                      # encoding, delimiter, header
    spooled = spool(path, target, source)       # UTF-8 copy, chunks of 1,000 records
    for record in read(target, spooled.offsets[0], source): …

Everything streams: memory does not grow with the file.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from db.records import ChunkDraft
from tasks.intake import files
from tasks.intake.csv import error_file, sniffing
from tasks.intake.csv.issues import Problem
from tasks.intake.csv.spool import copy as copy_as_utf8
from tasks.intake.errors import FileRejected
from tasks.intake.files import LIMITS, Limits
from tasks.intake.values import dates


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
    #: position of a watched column -> how its dates are written, for `ColumnPlan.learn`
    orders: Mapping[int, dates.Evidence] = field(default_factory=dict)


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
    #: a row of an error file that was too short and still is: cells are marked as missing
    short: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in a spooled file a record begins."""

    offset: int
    first_record: int
    first_line: int


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


def inspect(path: Path, declared: str | None = None, limits: Limits = LIMITS) -> Source:
    """Find encoding, delimiter and header; the file is decoded once from end to end to be sure of its encoding.

    `declared` is the codec to try when the file is not UTF-8. Raises `FileRejected`.
    """
    codec = sniffing.encoding(path, declared, limits)
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
        guarded=error_file.is_error_file(header),
        warnings=tuple(_doubts(codec, header)),
    )


def spool(
    path: Path, target: Path, source: Source | None = None, *, watch: Sequence[int] = (), limits: Limits = LIMITS
) -> Spooled:
    """Copy a file as UTF-8 to `target`, line breaks as they are, and cut it into chunks.

    `watch` are the positions of columns of dates (`ColumnPlan.watch`), whose order of day and month is noted. The copy
    appears whole or not at all, readable by its owner only. Raises `FileRejected`; `file.unclosed_quote` names the line
    on which the quote was opened.
    """
    source = source or inspect(path, limits=limits)
    with files.opened(path, limits) as (raw, hashing), files.replacing(target) as out:
        text = io.TextIOWrapper(raw, source.encoding, newline="")
        try:
            copied = copy_as_utf8(text, out, source.delimiter, watch, limits)
        except UnicodeError:
            raise FileRejected("file.encoding", "the file changed while it was read; start again") from None
        return Spooled(sha256=hashing.finish(), records=copied.records, offsets=copied.chunks, orders=copied.orders)


def read(target: Path, chunk: Chunk, source: Source) -> Iterator[Record]:
    """Give the records of one chunk of a spooled file, in order."""
    with target.open("rb") as raw:
        raw.seek(chunk.offset)
        reader = csv.reader(io.TextIOWrapper(raw, "utf-8", newline=""), delimiter=source.delimiter)
        line = chunk.first_line
        for number, cells in enumerate(islice(reader, chunk.records), chunk.first_record):
            given = map(error_file.unguard, cells) if source.guarded else cells
            after = chunk.first_line + reader.line_num
            torn = after - line > 1 and sniffing.is_torn(cells, source.delimiter)
            short = source.guarded and error_file.MISSING in cells
            yield Record(number=number, line=line, cells=tuple(given), torn=torn, short=short)
            line = after


def after(target: Path, chunk: Chunk, source: Source, records: int) -> Place:
    """Tell where a chunk goes on after so many of its records."""
    with target.open("rb") as raw:
        raw.seek(chunk.offset)
        taken = 0

        def lines() -> Iterator[str]:
            nonlocal taken
            for line in io.TextIOWrapper(raw, "utf-8", newline=""):
                taken += len(line.encode())
                yield line

        # csv.reader asks for no line before it needs it
        reader = csv.reader(lines(), delimiter=source.delimiter)
        for _ in islice(reader, records):
            pass
        return Place(
            offset=chunk.offset + taken,
            first_record=chunk.first_record + records,
            first_line=chunk.first_line + reader.line_num,
        )


def _without_rows(*, whole: bool) -> FileRejected:
    if whole:
        return FileRejected("file.empty", "the file has a header and no rows; export it again")
    return FileRejected(
        "file.too_wide", "the header and the first row are longer than a million characters; shorten them"
    )


def _header(found: list[list[str]]) -> tuple[str, ...]:
    header = tuple(cell.strip().removeprefix("\ufeff") for cell in (found[0] if found else ()))
    sniffing.require_header(header, found[1:])
    return tuple(map(error_file.unguard, header)) if error_file.is_error_file(header) else header


def _doubts(codec: str, header: tuple[str, ...]) -> Iterator[Problem]:
    if codec == "cp1252":
        message = "the text is not UTF-8 and was read as cp1252; check accents and quotes, or name the encoding"
        yield Problem(severity="warning", code="file.encoding", message=message)
    last = max(index for index, name in enumerate(header) if name)
    for index, name in enumerate(header[:last]):
        if not name:
            message = f"column {index + 1} has no name and is not read; name it to keep its cells"
            yield Problem(severity="warning", code="file.no_header", message=message)
