"""Write exports, and remove a person from files of the workspace: spooled copies, error files, exports."""

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
from typing import BinaryIO

from db.data_subject import DataSubject
from db.records import BackfillFiles
from domain.documents import JsonObject
from tasks.contracts.base.wire import canonical
from tasks.intake import files
from tasks.intake.csv import error_file
from tasks.runtime.files import file_grants, workspace
from tasks.services.privacy import person_page

#: separates the tenant's id from the export's in a file name; no tenant's id contains it
_MARK = "~"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFile:
    """An export on disk; the page for the person has the same name and ends with `.html`."""

    path: Path
    size: int
    sha256: str


def write_export(tenant_id: str, name: str, document: JsonObject) -> ExportFile:
    """Write an export, readable by its owner only: JSON, and a page for the person; an older pair is replaced.

    `document` is as it goes over the wire.
    """
    raw = canonical(document)
    path = _folder() / f"{tenant_id}{_MARK}{name}.json"
    with files.replacing(path.with_suffix(".html")) as out:
        out.write(person_page.render(document).encode())
    with files.replacing(path) as out:
        out.write(raw)
    return ExportFile(path=path, size=len(raw), sha256=hashlib.sha256(raw).hexdigest())


def scrub(tenant_id: str, subject: DataSubject, imports: Sequence[BackfillFiles], *, dry_run: bool) -> dict[str, int]:
    """Remove a person from the tenant's files; return rows and files by kind. With `dry_run` they are only counted.

    A spooled copy keeps its length: the row is overwritten with blanks, so that chunks keep their positions.
    """
    spooled = sum(_blank_rows(files_of_import, subject, dry_run=dry_run) for files_of_import in imports)
    reports = [path for files_of_import in imports for path in _report_paths(files_of_import)]
    rejected = sum(_drop_rows(path, subject, dry_run=dry_run) for path in reports)
    exported = [path for path in _exports(tenant_id) if _is_of(path, subject)]
    for path in exported if not dry_run else ():
        path.unlink(missing_ok=True)
    return {"spool_rows": spooled, "error_file_rows": rejected, "exports": len({path.stem for path in exported})}


def discard_imports(imports: Sequence[BackfillFiles]) -> int:
    """Remove all files of some imports; return how many."""
    paths = [path for each in imports for path in (Path(each.spool), *_report_paths(each))]
    return sum(_unlink(path) for path in paths)


def discard_exports(tenant_id: str, before: datetime) -> int:
    """Remove the tenant's exports written before a moment; return how many files."""
    return sum(_unlink(path) for path in _exports(tenant_id) if _older(path, before))


def discard_tenant(tenant_id: str, imports: Sequence[BackfillFiles], *, dry_run: bool) -> dict[str, int]:
    """Remove all files of a tenant but the anchors of its audit chain; return the numbers by kind."""
    reports = [path for files_of_import in imports for path in _report_paths(files_of_import)]
    paths = {
        "spool": [Path(files_of_import.spool) for files_of_import in imports],
        "errors": reports,
        "exports": list(_exports(tenant_id)),
        "handover": file_grants.notes_of(workspace.folder(file_grants.FOLDER).parent, tenant_id),
    }
    remove = _exists if dry_run else _unlink
    return {kind: sum(map(remove, of_kind)) for kind, of_kind in paths.items()}


def discard_anchors(tenant_id: str) -> int:
    """Remove the anchors of a chain that is deleted; return how many files."""
    return _unlink(workspace.folder("audit") / f"{tenant_id}.json")


def write_proof(tenant_id: str, name: str, document: JsonObject) -> Path:
    """Write the proof that a tenant was deleted, readable by its owner only; the same document gives the same bytes."""
    path = workspace.folder("offboarding") / f"{tenant_id}{_MARK}{name}.json"
    with files.replacing(path) as out:
        out.write(json.dumps(document, indent=2, sort_keys=True).encode() + b"\n")
    return path


def discard_orphans(used: set[str], before: datetime) -> int:
    """Remove copies, half-written files and hand-overs older than a moment, except the files that imports use (`used`).

    Returns how many.
    """
    temporary = ("spool", file_grants.FOLDER)
    paths = [path for name in (*temporary, "errors", "exports") for path in workspace.folder(name).iterdir()]
    unfinished = [path for path in paths if path.name.startswith(".") or path.parent.name in temporary]
    return sum(_unlink(path) for path in unfinished if str(path) not in used and _older(path, before))


def _report_paths(files_of_import: BackfillFiles) -> list[Path]:
    """Return the files that show people an import's rows: the error file, and the comparison with the store."""
    error_files = [Path(files_of_import.error_file)] if files_of_import.error_file else []
    return [*error_files, workspace.comparison(files_of_import.backfill_id)]


def _folder() -> Path:
    return workspace.folder("exports")


def _exports(tenant_id: str) -> Iterator[Path]:
    for path in sorted([*_folder().glob("*.json"), *_folder().glob("*.html")]):
        if path.name.partition(_MARK)[0] == tenant_id:
            yield path


def _is_of(path: Path, subject: DataSubject) -> bool:
    """Return whether an export is about a lead of the subject; a page names its leads too, since it may be alone."""
    if path.suffix == ".html":
        text = path.read_text(encoding="utf-8")
        return any(lead_id in text for lead_id in subject.lead_ids)
    return not subject.lead_ids.isdisjoint(json.loads(path.read_bytes())["lead_ids"])


def _blank_rows(files_of_import: BackfillFiles, subject: DataSubject, *, dry_run: bool) -> int:
    path = Path(files_of_import.spool)
    if not path.exists():
        return 0
    with path.open("rb" if dry_run else "r+b") as raw:
        spans = list(_spans(raw, files_of_import, subject))
        for start, end in spans if not dry_run else ():
            _blank(raw, start, end, files_of_import.delimiter)
        if spans and not dry_run:
            raw.flush()
            os.fsync(raw.fileno())
    return len(spans)


def _spans(raw: BinaryIO, files_of_import: BackfillFiles, subject: DataSubject) -> Iterator[tuple[int, int]]:
    """Yield where records that name the person begin and end, in bytes."""
    text = io.TextIOWrapper(raw, "utf-8", newline="")
    lines = _CountedLines(text)
    reader = csv.reader(lines, delimiter=files_of_import.delimiter)
    next(reader, None)  # the header
    start = lines.size
    for cells in reader:
        if subject.in_row(files_of_import.header, cells, by_name=True):
            yield start, lines.size
        start = lines.size
    text.detach()


class _CountedLines:
    """The lines of a file, with the number of bytes read so far."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.size = 0

    def __iter__(self) -> _CountedLines:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.size += len(line.encode())
        return line


def _blank(raw: BinaryIO, start: int, end: int, delimiter: str) -> None:
    structure = frozenset(f'\r\n"{delimiter}'.encode())
    raw.seek(start)
    record = raw.read(end - start)
    raw.seek(start)
    raw.write(bytes(byte if byte in structure else 0x20 for byte in record))


def _drop_rows(path: Path, subject: DataSubject, *, dry_run: bool) -> int:
    """Remove the person's rows from an error file; the others stay, since people may have mended them."""
    if not path.exists():
        return 0
    with path.open(encoding="utf-8", newline="") as text:
        header, *rows = list(csv.reader(text)) or [[]]
    keys = [error_file.unguard(name) for name in header]
    others = [row for row in rows if not subject.in_row(keys, list(map(error_file.unguard, row)), by_name=True)]
    if len(others) < len(rows) and not dry_run:
        with files.replacing(path) as out:
            out.write(_as_text([header, *others]))
    return len(rows) - len(others)


def _as_text(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue().encode()


def _older(path: Path, before: datetime) -> bool:
    try:
        return path.stat().st_mtime < before.timestamp()
    except FileNotFoundError:
        return False


def _exists(path: Path) -> int:
    return int(path.exists())


def _unlink(path: Path) -> int:
    try:
        path.unlink()
    except FileNotFoundError:
        return 0
    return 1
