"""The audit chains: each row's hash covers the row and the hash before it, so that no change passes unseen.

Whoever may alter the database may rewrite a whole chain; the anchor, kept outside, shows that too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select, update
from sqlalchemy.orm import Session

from db.base import to_json, utc
from db.errors import UnstorableValue
from db.models import AuditEntry, AuditHead
from db.records import AuditAnchor, AuditDraft, AuditFault, AuditReport, Json
from db.repositories.bulk import insert_many
from db.repositories.statements import changed, insert_new

#: the hash before the first row
_ORIGIN = bytes(32)
_STREAM = 1_000


def append(session: Session, tenant_id: str, *, entries: Sequence[AuditDraft], now: datetime) -> AuditAnchor:
    """Add rows to the tenant's chain, in the transaction of what they prove; gives the new head.

    The head stays locked until this transaction ends, so append last and once.

    Raises:
        UnstorableValue: a body that is not finite JSON.

    """
    last = _locked_head(session, tenant_id)
    rows: list[dict[str, Any]] = []
    for entry in entries:
        row: dict[str, Any] = {"tenant_id": tenant_id, "sequence": last.sequence + 1, "at": now, "kind": entry.kind}
        row |= {"body": _canonical(entry.body), "prev_hash": last.hash}
        last = AuditAnchor(sequence=last.sequence + 1, hash=_digest(**row))
        rows.append({**row, "hash": last.hash})
    if rows:
        insert_many(session, AuditEntry, rows)
        moved = update(AuditHead).where(AuditHead.tenant_id == tenant_id)
        moved = moved.values(sequence=last.sequence, hash=last.hash)
        changed(session, moved.execution_options(synchronize_session=False))
    return last


def head(session: Session, tenant_id: str) -> AuditAnchor:
    """Give the newest row of a chain as the database knows it; sequence 0 where there is none."""
    row = session.execute(_head(tenant_id)).one_or_none()
    return AuditAnchor(sequence=0, hash=_ORIGIN) if row is None else AuditAnchor(sequence=row.sequence, hash=row.hash)


def tenants(session: Session) -> list[str]:
    """Give the tenants that have a chain; compare with the anchors, since a chain may have gone as a whole."""
    return list(session.scalars(select(AuditHead.tenant_id).order_by(AuditHead.tenant_id)))


def verify(session: Session, tenant_id: str, *, anchor: AuditAnchor | None = None) -> AuditReport:
    """Read a chain from its start and name the first row that is wrong or lacks; writers may go on meanwhile.

    Reasons: `changed` a row, `missing` in the middle, `truncated` at the end (by the stored head or the anchor),
    `head` (the stored head tells another story), `anchor` (the chain was rewritten, the anchor's row is another).
    """
    known = head(session, tenant_id)
    last = AuditAnchor(sequence=0, hash=_ORIGIN)
    with session.execute(_chain(tenant_id)) as rows:
        for row in rows:
            known = AuditAnchor(sequence=row.head_sequence or 0, hash=row.head_hash or _ORIGIN)
            fault = _fault(row, last) or _against(row, anchor)
            if fault is not None:
                return _report(last, last.sequence + 1, fault)
            last = AuditAnchor(sequence=row.sequence, hash=row.hash)
    return _report(last, *_ending(last, known, anchor))


def _fault(row: Row[Any], last: AuditAnchor) -> AuditFault | None:
    if row.sequence != last.sequence + 1:
        return "missing"
    own = {name: getattr(row, name) for name in ("tenant_id", "sequence", "at", "kind", "body", "prev_hash")}
    return None if row.prev_hash == last.hash and row.hash == _digest(**own) else "changed"


def _against(row: Row[Any], anchor: AuditAnchor | None) -> AuditFault | None:
    if anchor is None or anchor.sequence != row.sequence or anchor.hash == row.hash:
        return None
    return "anchor"


def _ending(last: AuditAnchor, known: AuditAnchor, anchor: AuditAnchor | None) -> tuple[int | None, AuditFault | None]:
    if last.sequence < max(known.sequence, anchor.sequence if anchor else 0):
        return last.sequence + 1, "truncated"
    if known != last:
        return min(known.sequence + 1, last.sequence), "head"
    return None, None


def _report(last: AuditAnchor, first_bad: int | None, reason: AuditFault | None) -> AuditReport:
    return AuditReport(ok=reason is None, rows=last.sequence, first_bad=first_bad, reason=reason)


def _chain(tenant_id: str) -> Select[Any]:
    # With its head in one statement, and so from one state: writers that come meanwhile are not seen at all.
    wanted = (
        select(AuditEntry.__table__, AuditHead.sequence.label("head_sequence"), AuditHead.hash.label("head_hash"))
        .outerjoin(AuditHead, AuditHead.tenant_id == AuditEntry.tenant_id)
        .where(AuditEntry.tenant_id == tenant_id)
        .order_by(AuditEntry.sequence)
    )
    return wanted.execution_options(yield_per=_STREAM)


def _locked_head(session: Session, tenant_id: str) -> AuditAnchor:
    wanted = _head(tenant_id).with_for_update()
    row = session.execute(wanted).one_or_none()
    if row is None:
        insert_new(session, AuditHead, [{"tenant_id": tenant_id, "sequence": 0, "hash": _ORIGIN}])
        row = session.execute(wanted).one()
    return AuditAnchor(sequence=row.sequence, hash=row.hash)


def _head(tenant_id: str) -> Any:
    return select(AuditHead.sequence, AuditHead.hash).where(AuditHead.tenant_id == tenant_id)


def _digest(*, tenant_id: str, sequence: int, at: datetime, kind: str, body: str, prev_hash: bytes) -> bytes:
    row = to_json([tenant_id, sequence, utc(at).isoformat(timespec="microseconds"), kind, body])
    return hashlib.sha256(prev_hash + row.encode()).digest()


def _canonical(body: Json) -> str:
    try:
        return json.dumps(dict(body), sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError):
        raise UnstorableValue("an audit row takes finite numbers, strings, booleans, lists and objects") from None
