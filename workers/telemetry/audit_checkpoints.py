"""Read the checkpoints of the audit chains kept outside the database: `home/audit/<tenant>.json`, one line a head.

A line is `{"sequence", "hash", "at"}`; `hearth.system.anchor` adds one a minute where the chain has grown. Whoever
rewrites a chain in the database has to rewrite these files too, so keep a copy on another machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from db.records import AuditAnchor


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchored:
    """One line of a tenant's file."""

    anchor: AuditAnchor
    at: datetime


def newest(home: Path, tenant_id: str) -> Anchored | None:
    """Return the checkpoint with the highest sequence; None without any.

    Chains only grow: a later, shorter line means that the chain was cut. Lines torn by a crash are skipped.
    """
    return max(_lines(home, tenant_id), key=lambda line: line.anchor.sequence, default=None)


def every(home: Path, tenant_id: str) -> list[AuditAnchor]:
    """Return all checkpoints, oldest first; each must match the chain."""
    return [line.anchor for line in _lines(home, tenant_id)]


def tenants(home: Path) -> list[str]:
    """Return the tenants with checkpoints; a whole chain may be missing from the database."""
    return sorted(path.name.removesuffix(".json") for path in (home / "audit").glob("*.json"))


def _lines(home: Path, tenant_id: str) -> Iterator[Anchored]:
    path = home / "audit" / f"{Path(tenant_id).name}.json"
    if path.exists():
        with path.open(encoding="utf-8", errors="replace") as file:
            yield from filter(None, map(_parsed, file))


def _parsed(line: str) -> Anchored | None:
    try:
        fields = json.loads(line)
        anchor = AuditAnchor(sequence=int(fields["sequence"]), hash=bytes.fromhex(fields["hash"]))
        at = datetime.fromisoformat(fields["at"])
        return Anchored(anchor=anchor, at=at if at.tzinfo else at.replace(tzinfo=UTC))
    except (ValueError, KeyError, TypeError):
        return None
