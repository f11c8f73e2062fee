"""Find out how a file is written: its encoding, its delimiter, whether it has a header."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tasks.intake import files
from tasks.intake.errors import FileRejected

DELIMITERS = (",", ";", "\t", "|")
MAX_COLUMNS = 500
_BLOCK = 1 << 20
_HEAD = 1 << 18
#: share of the characters of a UTF-16 text that have a NUL, at least: Latin letters, digits and marks have one
_MOST_NULS = 0.5
_SAMPLE = 1 << 20
_SAMPLE_RECORDS = 100
#: records among which the header is looked for
_MOST_TITLES = 15
#: longer marks first: the UTF-32 mark starts like the UTF-16 one
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BINARY_FORMATS = (
    (b"PK\x03\x04", "a workbook or a zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF document"),
)
_TEXT_FORMATS = (
    (b"{", "JSON"),
    (b"[{", "JSON"),
    (b"<!doctype", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "XML"),
)
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)
#: a cell with data, which never stands in a header
_DATA_CELL = re.compile(
    r"[^@\s]+@[^@\s]+\.\w+"
    r"|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
    r"|\d{4}-\d{2}-\d{2}.*"
    r"|\+?\(?\d[\d\s().-]{6,}",
    re.IGNORECASE,
)
#: a number that is no year, since years may be names of columns
_NUMBER = re.compile(r"(?!(?:19|20)\d\d$)[-+$€£]?\d[\d.,]*%?")


def encoding(path: Path, declared: str | None, limits: files.FileLimits = files.LIMITS) -> str:
    """Return the codec: UTF-16 or UTF-32 as its bytes show, else UTF-8, else the codec `declared`, else cp1252.

    Raises `FileRejected`.
    """
    head = _head(path)
    marked = next((codec for mark, codec in _MARKS if head.startswith(mark)), None) or _unmarked_utf16(head)
    if marked is None:
        _require_text(head)
    candidates = [marked] if marked else list(dict.fromkeys(filter(None, ("utf-8", declared, "cp1252"))))
    for codec in candidates:
        if _decodes(path, codec, limits):
            return codec
    raise FileRejected("file.encoding", f"the text is not {' nor '.join(candidates)}; save the file as UTF-8")


def sample(path: Path, codec: str) -> tuple[str, bool]:
    """Return the beginning of the file as text, and whether it is the whole file."""
    with files.opened(path) as (raw, _):
        text = io.TextIOWrapper(raw, codec, newline="")
        start = text.read(_SAMPLE)
        return start.removeprefix("\ufeff"), not text.read(1)


def separator_line(line: str) -> str | None:
    """Return the delimiter that Excel's own first line `sep=;` names; None for any other line."""
    match = _SEPARATOR_LINE.fullmatch(line)
    return match[1] if match and match[1] in DELIMITERS else None


def delimiter(text: str, *, whole: bool) -> str:
    """Return the delimiter that gives most records as many cells as the header; `,` when the file has one column."""
    tables = {mark: records(text, mark, whole=whole) for mark in DELIMITERS}
    best = max(DELIMITERS, key=lambda mark: _delimiter_fit(tables[mark]))
    if _delimiter_fit(tables[best]) > 0:
        return best
    # One column; or titles above a wider table.
    below_titles = {mark: table[count_titles(table) :] for mark, table in tables.items()}
    fitting = (mark for mark, table in below_titles.items() if _is_table(table))
    return next(fitting, ",")


def records(text: str, mark: str, *, whole: bool) -> list[list[str]]:
    """Return the first records that are not blank; of a text that is cut off, the last of three or more is dropped."""
    first_records = []
    try:
        for cells in csv.reader(io.StringIO(text, newline=""), delimiter=mark):
            if any(cells):
                first_records.append(cells)
            if len(first_records) > _SAMPLE_RECORDS:
                return first_records
    except csv.Error:  # a quote that is never closed; `spool` says where
        return first_records
    return first_records if whole or len(first_records) < 3 else first_records[:-1]


def count_titles(first_records: Sequence[Sequence[str]]) -> int:
    """Return how many records stand above the header: one or two cells each, above a record of many names.

    A spreadsheet writes a title as wide as the table, with blank cells; above names only is it one.

    >>> count_titles([["Leads of May"], ["As of", "1 June"], ["Id", "Name", "Email", "Phone", "Source", "City"], ["1"]])
    2
    >>> count_titles([["Leads", "", "", ""], ["Id", "Name", "Email", "Phone"], ["1", "Ann", "a@example.com", ""]])
    1
    """
    filled = [sum(map(bool, map(str.strip, cells))) for cells in first_records[:_MOST_TITLES]]
    widest = max(filled, default=0)
    if widest < 3 or _is_whole(first_records):
        return 0
    # a title may have two cells in a wide report; a header may have two names among many blank cells
    most = 2 if widest >= 6 else 1
    first = next(
        index
        for index, count in enumerate(filled)
        if count > most or (count > 0 and len(first_records[index]) >= widest)
    )
    if filled[first] > most:
        return first
    wide = next(index for index, count in enumerate(filled) if count > most)
    return wide if _are_names(first_records[wide]) else first


def _are_names(cells: Sequence[str]) -> bool:
    """Return whether a record may be a header: three or more words, each once, none of them data."""
    named = [name for cell in cells if (name := cell.strip())]
    distinct = len({name.casefold() for name in named}) == len(named) > 2
    return distinct and not any(_DATA_CELL.fullmatch(name) or _NUMBER.fullmatch(name) for name in named)


def _is_whole(first_records: Sequence[Sequence[str]]) -> bool:
    """Return whether the first record is as wide as most records and has no blank cell: it is no title."""
    widths = Counter(map(len, first_records[1:]))
    first = first_records[0]
    most = widths.most_common(1)[0][0] if widths else len(first)
    return len(first) > 1 and all(map(str.strip, first)) and most == len(first)


def is_torn(cells: Sequence[str], mark: str) -> bool:
    """Return whether a cell of several lines contains the rows up to the next quote.

    Such a cell holds a lone quote, and a line with as many delimiters as a row has up to this cell, or in all.
    """
    return any(_contains_rows(cell, index, len(cells), mark) for index, cell in enumerate(cells))


def _contains_rows(cell: str, index: int, width: int, mark: str) -> bool:
    if "\n" not in cell or cell.count('"') % 2 == 0:
        return False
    *between, last = cell.partition('"')[0].splitlines()[1:] or [""]
    return any(line.count(mark) == width - 1 > 0 for line in between) or last.count(mark) == index > 0


def require_header(header: Sequence[str]) -> None:
    """Raise `FileRejected` if this cannot be a header."""
    named = [cell for cell in header if cell]
    if not named or _is_data(named):
        raise FileRejected("file.no_header", "the first line holds data, not column names; add a header line")
    if len(header) > MAX_COLUMNS:
        message = f"the header has {len(header)} columns; the limit is {MAX_COLUMNS}: leave some out"
        raise FileRejected("file.too_wide", message)


def _is_data(named: Sequence[str]) -> bool:
    if any(_DATA_CELL.fullmatch(cell) for cell in named):
        return True
    return 2 * sum(1 for cell in named if _NUMBER.fullmatch(cell)) > len(named)


def _delimiter_fit(table: list[list[str]]) -> float:
    # The share of records as wide as the header, a little more for wider tables; 0: not this delimiter.
    width = len(table[0]) if table else 0
    if width < 2:
        return 0.0
    share = sum(1 for cells in table if _is_sound(cells, width)) / len(table)
    return share * (1 - 1 / width) if share >= 0.4 else 0.0


def _is_table(table: list[list[str]]) -> bool:
    # Rows may lack cells at their end, but none has more cells than there are names.
    fit, width = _delimiter_fit(table), len(table[0]) if table else 0
    return width > 2 and (fit >= 0.6 or (fit > 0 and width == max(map(len, table))))


def _is_sound(cells: list[str], width: int) -> bool:
    # A lone quote inside a cell means that a quoted cell was cut in two.
    return len(cells) == width and not any(cell.count('"') % 2 for cell in cells)


def _head(path: Path) -> bytes:
    with files.opened(path) as (raw, _):
        head = raw.read(_HEAD)
    if not head.strip():
        raise FileRejected("file.empty", "the file is empty; export it again")
    return head


def _unmarked_utf16(head: bytes) -> str | None:
    """Return the UTF-16 codec of a text without a byte order mark: every second byte of most letters is a NUL."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    pairs = len(head) // 2
    codec = "utf-16-le" if odd > even else "utf-16-be"
    # the other half of a text holds almost no NUL; numbers and pictures are known by their control characters
    if max(even, odd) < max(_MOST_NULS * pairs, 1) or min(even, odd) * 20 > max(even, odd):
        return None
    _require_text(head.decode(codec, "ignore").encode())
    return codec


def _require_text(head: bytes) -> None:
    kind = next((name for magic, name in _BINARY_FORMATS if head.startswith(magic)), None)
    if kind:
        raise FileRejected("file.binary", f"this is {kind}, not CSV text; export it as CSV (UTF-8)")
    start = head.lstrip()[:16].lower()
    kind = next((name for begin, name in _TEXT_FORMATS if start.startswith(begin)), None)
    if kind:
        raise FileRejected("file.not_csv", f"this is {kind}, not CSV; export the data as CSV (UTF-8)")
    if b"\x00" in head or len(_CONTROLS.findall(head)) > len(head) // 50:
        raise FileRejected("file.binary", "this is not text; export the data as CSV (UTF-8)")


def declared_codec(name: str | None) -> str | None:
    """Return the codec of an encoding that a mapping names. Raises `FileRejected`."""
    try:
        return None if name is None else codecs.lookup(name).name
    except LookupError:
        message = "the declared encoding is not known; name one such as cp1250 as encoding under [defaults]"
        raise FileRejected("file.encoding", message) from None


def _decodes(path: Path, codec: str, limits: files.FileLimits) -> bool:
    decoder = codecs.getincrementaldecoder(codec)()
    with files.opened(path, limits) as (raw, _):
        try:
            while block := raw.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeError:
            return False
    return True
