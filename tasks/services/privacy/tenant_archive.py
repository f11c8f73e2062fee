"""Write everything of a tenant into documented files: JSON lines, a page that explains them, and their hashes.

The files are readable by their owner only. The audit chain records that the copy was made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from db.privacy import STORES
from db.records import AuditDraft
from db.repositories import audit, tenants
from db.repositories.privacy import tenant_archive
from db.session import Session, reading, transaction
from domain.documents import JsonMapping, JsonObject
from tasks.contracts.base.wire import canonical, to_wire

#: table -> the file's name, where the table's own says less
FILES: Mapping[str, str] = {
    "predictions": "scores",
    "score_overrides": "overrides",
    "score_marks": "marks",
    "interventions": "actions",
    "enrolments": "experiments",
    "consent_entries": "consent",
    "snapshots": "features",
    "tenant_settings": "settings",
    "model_versions": "models",
    "backfills": "imports",
    "outbound_events": "stream",
    "audit": "audit_chain",
}
#: bytes that JSON has no form for are hexadecimal digits
README = """Everything that Hearth keeps of the tenant {tenant}, as of {at}.

Each file has one JSON object a line (UTF-8); times are ISO 8601 in UTC, bytes are hexadecimal digits. Ids of leads are
Hearth's own (lead_id); leads.jsonl has the ids of your systems beside them (known_as). manifest.json has the number of
lines and the SHA-256 of every file; its own SHA-256 stands in the audit chain of the tenant.

{files}

The rows of audit_chain.jsonl prove each other: hash = SHA-256(prev_hash + JSON of [tenant_id, sequence, at, kind,
body]), with all six digits of a second's fraction in `at`.
Not in here: the trained models themselves (their reports are in models.jsonl), secrets, and what waits to be done.
These files hold personal data. Store them encrypted, and delete them when they are not needed any more.
"""


@dataclass(slots=True)
class _Writer:
    """The open files of an archive, with the number of lines and the hash of each."""

    folder: Path
    stack: ExitStack
    files: dict[str, BinaryIO] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)

    def write(self, table: str, rows: Iterable[JsonMapping]) -> None:
        name = f"{FILES.get(table, table)}.jsonl"
        if name not in self.files:
            self.files[name] = self.stack.enter_context(_created(self.folder / name))
            self.lines[name] = 0
        for row in rows:
            self.files[name].write(_line(row))
            self.lines[name] += 1


def write(tenant_id: str, folder: Path, *, actor: str, now: datetime) -> JsonObject:
    """Write the archive into a folder that is new or empty; return the files with lines and hashes.

    Raises:
        UnknownTenant: there is none of this id.
        FileExistsError: the folder holds something.
        SealBroken: a stored row was changed or moved.

    """
    with reading(tenant_id) as session:
        tenants.require(session, tenant_id)
        _make(folder)
        lines = _write_rows(session, tenant_id, folder)
    manifest: JsonObject = {
        "tenant_id": tenant_id,
        "exported_at": now.isoformat(),
        "files": {name: {"lines": count, "sha256": _sha256(folder / name)} for name, count in sorted(lines.items())},
    }
    _write_text(folder / "README.txt", README.format(tenant=tenant_id, at=now.isoformat(), files=_described()))
    _write_text(folder / "manifest.json", json.dumps(manifest, indent=2, sort_keys=True) + "\n")
    digest = _sha256(folder / "manifest.json")
    body = {"scope": "tenant", "actor": actor, "sha256": digest, "lines": lines}
    with transaction(tenant_id) as session:
        audit.append(session, tenant_id, entries=[AuditDraft(kind="export", body=to_wire(body))], now=now)
    return {**manifest, "folder": str(folder), "sha256": digest}


def _write_rows(session: Session, tenant_id: str, folder: Path) -> dict[str, int]:
    with ExitStack() as stack:
        writer = _Writer(folder, stack)
        for batch in tenant_archive.of_leads(session, tenant_id):
            for table, rows in batch.items():
                writer.write(table, rows)
        for table in tenant_archive.OF_TENANT:
            writer.write(table, tenant_archive.of_tenant(session, tenant_id, table=table))
        return writer.lines


def _described() -> str:
    notes = {store.table: store.note for store in STORES}
    tables = sorted(notes, key=lambda table: FILES.get(table, table))
    known = [table for table in tables if table in FILES or table in tenant_archive.OF_TENANT or _of_lead(table)]
    return "\n".join(f"{FILES.get(table, table)}.jsonl: {notes[table]}" for table in known)


def _of_lead(table: str) -> bool:
    return any(store.table == table and store.subject and store.category != "operation" for store in STORES)


def _make(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty; name a new folder")
    folder.chmod(0o700)


def _created(path: Path) -> BinaryIO:
    path.touch(mode=0o600, exist_ok=False)
    return path.open("wb")


def _write_text(path: Path, text: str) -> None:
    with _created(path) as out:
        out.write(text.encode())


def _line(row: JsonMapping) -> bytes:
    shown = {name: value.hex() if isinstance(value, bytes) else value for name, value in row.items()}
    return canonical(to_wire(shown)) + b"\n"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
