"""The heads of the audit chains, kept outside the database: `home/audit/<tenant>.json`, one line a head.

A line is `{"sequence", "hash", "at"}`; lines are only added, the newest wins. Whoever rewrites a chain in the database
has to rewrite these too, so keep a copy on another machine.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, unquote

from db.records import AuditAnchor
from workers.errors import AnchorConflict


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchored:
    """The newest line of a tenant's file."""

    anchor: AuditAnchor
    at: datetime


def newest(home: Path, tenant_id: str) -> Anchored | None:
    """The newest anchor of a tenant; None where there is none. A line that a crash cut off is passed over."""
    path = _path(home, tenant_id)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for line in reversed(lines):
        if (found := _parsed(line)) is not None:
            return found
    return None


def write(home: Path, tenant_id: str, anchor: AuditAnchor, *, at: datetime) -> bool:
    """Add an anchor; False when it is the newest already.

    Raises:
        AnchorConflict: the chain is shorter than its anchor, or another: it was cut or rewritten.

    """
    last = newest(home, tenant_id)
    if last is not None and last.anchor == anchor:
        return False
    if last is not None and anchor.sequence <= last.anchor.sequence:
        raise AnchorConflict(f"the audit chain of {tenant_id} lies behind its anchor; run `hearth audit verify`")
    line = json.dumps({"sequence": anchor.sequence, "hash": anchor.hash.hex(), "at": at.isoformat()})
    _append(_path(home, tenant_id), line)
    return True


def tenants(home: Path) -> list[str]:
    """The tenants that have anchors; a chain may have gone from the database as a whole."""
    return sorted(unquote(path.name.removesuffix(".json")) for path in _folder(home).glob("*.json"))


def _append(path: Path, line: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "rb+", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        cut_off = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        # in one write, so that two writers' lines do not mix
        file.write((b"\n" if cut_off else b"") + line.encode() + b"\n")
        os.fsync(descriptor)


def _parsed(line: str) -> Anchored | None:
    try:
        facts = json.loads(line)
        anchor = AuditAnchor(sequence=int(facts["sequence"]), hash=bytes.fromhex(facts["hash"]))
        return Anchored(anchor=anchor, at=datetime.fromisoformat(facts["at"]))
    except (ValueError, KeyError, TypeError):
        return None


def _folder(home: Path) -> Path:
    return home / "audit"


def _path(home: Path, tenant_id: str) -> Path:
    return _folder(home) / f"{quote(tenant_id, safe='')}.json"
