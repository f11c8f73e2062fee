"""The folders in which tasks keep files: bound once at process start, like the database session.

`spool/` holds UTF-8 copies of files being imported, `errors/` the rows that were kept aside, for people to fix.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from db.records import AuditAnchor
from tasks.errors import InvalidPayload


@dataclass(slots=True)
class _Bound:
    home: Path | None = None
    import_roots: tuple[Path, ...] = ()


_bound = _Bound()


def bind(home: Path, *, import_roots: Sequence[Path] = ()) -> None:
    """Keep files below `home`; with `import_roots`, only files below one of them may be imported."""
    _bound.home = home.resolve()
    _bound.import_roots = tuple(root.resolve() for root in import_roots)


def folder(name: str) -> Path:
    """A folder of the workspace, made when it is first asked for, readable by its owner alone."""
    if _bound.home is None:
        raise RuntimeError("the workspace is not bound; call tasks.workspace.bind at process start")
    path = _bound.home / name
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def importable(uri: str) -> Path:
    """The file an address names; raises InvalidPayload when it may not be imported."""
    parts = urlsplit(uri)
    if parts.scheme not in ("", "file") or parts.netloc not in ("", "localhost"):
        raise InvalidPayload.at("unknown_value", "uri", "give a path or a file:// address that the workers can read")
    path = Path(unquote(parts.path) if parts.scheme else uri).resolve()
    roots = _bound.import_roots
    if roots and not any(path.is_relative_to(root) for root in roots):
        raise InvalidPayload.at("unknown_value", "uri", "the file lies outside the folders that may be imported")
    return path


def comparison(backfill_id: str) -> Path:
    """Where an import that compares a file with what is stored writes what differs."""
    return folder("errors") / f"{backfill_id}.reconcile.csv"


def note_anchor(tenant_id: str, head: AuditAnchor, now: datetime) -> None:
    """Add the head of an audit chain to the tenant's file in `audit/`, where it is longer than the last."""
    path = folder("audit") / f"{tenant_id}.json"
    known = path.read_text().splitlines() if path.exists() else []
    # A chain that got shorter is not news to keep but a fault to find: the higher anchor stays the last.
    if known and json.loads(known[-1])["sequence"] >= head.sequence:
        return
    with path.open("a") as anchors:
        anchors.write(json.dumps({"sequence": head.sequence, "hash": head.hash.hex(), "at": now.isoformat()}) + "\n")


def discard(path: str) -> None:
    """Remove a file of the workspace that nobody needs any more."""
    Path(path).unlink(missing_ok=True)
