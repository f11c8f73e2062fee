"""Files of the workspace that may name a person: copies of files being imported, rows kept aside, exports."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from db.data_subject import Subject
from db.records import ImportPlace
from tasks.contracts.base.wire import canonical
from tasks.intake import files
from tasks.intake.csv import error_file
from tasks.runtime import file_grants, workspace

#: parts a tenant's id from an export's in the file's name; no tenant's id has one
_MARK = "~"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """An export that is on disk."""

    path: Path
    size: int
    sha256: str


def write_export(tenant_id: str, name: str, document: dict[str, Any]) -> Written:
    """Write an export whole, readable by its owner only; the same name replaces the same export."""
    raw = canonical(document)
    path = _folder() / f"{tenant_id}{_MARK}{name}.json"
    with files.replacing(path) as out:
        out.write(raw)
    return Written(path=path, size=len(raw), sha256=hashlib.sha256(raw).hexdigest())


def scrub(tenant_id: str, subject: Subject, imports: Sequence[ImportPlace], *, dry_run: bool) -> dict[str, int]:
    """Take a person out of the tenant's files; gives rows and files by kind. With `dry_run` they are only counted.

    A copy being imported keeps its length: the row becomes blank, so that chunks find their places.
    """
    spooled = sum(_blank_rows(place, subject, dry_run=dry_run) for place in imports)
    kept = sum(_drop_rows(path, subject, dry_run=dry_run) for place in imports for path in _told_of(place))
    exported = [path for path in _exports(tenant_id) if _is_of(path, subject)]
    for path in exported if not dry_run else ():
        path.unlink(missing_ok=True)
    return {"spool_rows": spooled, "error_file_rows": kept, "exports": len(exported)}


def discard_of(imports: Sequence[ImportPlace]) -> int:
    """Remove the files of imports that ended long ago; gives their number."""
    paths = [path for place in imports for path in (Path(place.spool), *_told_of(place))]
    return sum(_unlink(path) for path in paths)


def discard_exports(tenant_id: str, before: datetime) -> int:
    """Remove the tenant's exports written before a moment; gives their number."""
    return sum(_unlink(path) for path in _exports(tenant_id) if _older(path, before))


def discard_orphans(known: set[str], before: datetime) -> int:
    """Remove copies, half-written files and hand-overs that no import knows of, written before a moment.

    Gives their number.
    """
    spent = ("spool", file_grants.FOLDER)
    found = [path for name in (*spent, "errors", "exports") for path in workspace.folder(name).iterdir()]
    spare = [path for path in found if path.name.startswith(".") or path.parent.name in spent]
    return sum(_unlink(path) for path in spare if str(path) not in known and _older(path, before))


def _told_of(place: ImportPlace) -> list[Path]:
    """Files that tell people of an import's rows: those kept aside, and what differs from the store."""
    kept = [Path(place.error_file)] if place.error_file else []
    return [*kept, workspace.comparison(place.backfill_id)]


def _folder() -> Path:
    return workspace.folder("exports")


def _exports(tenant_id: str) -> Iterator[Path]:
    for path in sorted(_folder().glob("*.json")):
        if path.name.partition(_MARK)[0] == tenant_id:
            yield path


def _is_of(path: Path, subject: Subject) -> bool:
    return not subject.lead_ids.isdisjoint(json.loads(path.read_bytes())["lead_ids"])


def _blank_rows(place: ImportPlace, subject: Subject, *, dry_run: bool) -> int:
    path = Path(place.spool)
    if not path.exists():
        return 0
    with path.open("rb" if dry_run else "r+b") as raw:
        found = list(_spans(raw, place, subject))
        for start, end in found if not dry_run else ():
            _blank(raw, start, end, place.delimiter)
        if found and not dry_run:
            raw.flush()
            os.fsync(raw.fileno())
    return len(found)


def _spans(raw: BinaryIO, place: ImportPlace, subject: Subject) -> Iterator[tuple[int, int]]:
    """Where records that name the person begin and end, in bytes."""
    text = io.TextIOWrapper(raw, "utf-8", newline="")
    lines = _Counted(text)
    reader = csv.reader(lines, delimiter=place.delimiter)
    next(reader, None)  # the header
    start = lines.size
    for cells in reader:
        if subject.in_row(place.header, cells, by_name=True):
            yield start, lines.size
        start = lines.size
    text.detach()


class _Counted:
    """Lines of a file with the bytes they take."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.size = 0

    def __iter__(self) -> _Counted:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.size += len(line.encode())
        return line


def _blank(raw: BinaryIO, start: int, end: int, delimiter: str) -> None:
    kept = frozenset(f'\r\n"{delimiter}'.encode())
    raw.seek(start)
    told = raw.read(end - start)
    raw.seek(start)
    raw.write(bytes(byte if byte in kept else 0x20 for byte in told))


def _drop_rows(path: Path, subject: Subject, *, dry_run: bool) -> int:
    """Rows of an error file, which people may have mended since: only those of the person go."""
    if not path.exists():
        return 0
    with path.open(encoding="utf-8", newline="") as text:
        header, *rows = list(csv.reader(text)) or [[]]
    keys = [error_file.unguard(name) for name in header]
    kept = [row for row in rows if not subject.in_row(keys, list(map(error_file.unguard, row)), by_name=True)]
    if len(kept) < len(rows) and not dry_run:
        with files.replacing(path) as out:
            out.write(_as_text([header, *kept]))
    return len(rows) - len(kept)


def _as_text(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue().encode()


def _older(path: Path, before: datetime) -> bool:
    try:
        return path.stat().st_mtime < before.timestamp()
    except FileNotFoundError:
        return False


def _unlink(path: Path) -> int:
    try:
        path.unlink()
    except FileNotFoundError:
        return 0
    return 1
