"""The audit chains: each row's hash covers the row and the hash before it, so that no change passes unseen.

Whoever may alter the database may rewrite a whole chain; the anchors, kept outside, show that too.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, bindparam, select, update
from sqlalchemy.orm import Session

from db.base import to_json, utc
from db.errors import UnstorableValue
from db.models import AuditEntry, AuditHead
from db.records import AuditAnchor, AuditDraft, AuditFault, AuditReport, Json
from db.repositories.sql.bulk import core, folded, insert_many, on_postgresql, unfolded
from db.repositories.sql.clauses import insert_new

#: the hash before the first row
_ORIGIN = bytes(32)
_EMPTY = AuditAnchor(sequence=0, hash=_ORIGIN)
_STREAM = 1_000
_NAMES = ("tenant_id", "sequence", "at", "kind", "body", "prev_hash", "hash")
_OWN = core(AuditHead).c
_HEAD = select(_OWN.sequence, _OWN.hash).where(_OWN.tenant_id == bindparam("tenant"))
_LOCKED = _HEAD.with_for_update()
_MOVE = (
    update(core(AuditHead))
    .where(_OWN.tenant_id == bindparam("tenant"))
    .values(sequence=bindparam("now_sequence"), hash=bindparam("now_hash"))
)
_STORE = unfolded(AuditEntry, _NAMES).add_cte(_MOVE.cte("moved"))


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
        _store(session, rows, {"tenant": tenant_id, "now_sequence": last.sequence, "now_hash": last.hash})
    return last


def _store(session: Session, rows: Sequence[dict[str, Any]], moved: dict[str, Any]) -> None:
    """Write rows and move the head: on PostgreSQL in one statement, since every writer of the tenant waits for it."""
    if on_postgresql(session):
        session.connection().execute(_STORE, {**folded(rows), **moved})
    else:
        insert_many(session, AuditEntry, rows)
        session.connection().execute(_MOVE, moved)


def head(session: Session, tenant_id: str) -> AuditAnchor:
    """Give the newest row of a chain as the database knows it; sequence 0 where there is none."""
    return _at(session, tenant_id, _HEAD) or _EMPTY


def tenants(session: Session) -> list[str]:
    """Give the tenants that have a chain; compare with the anchors, since a chain may have gone as a whole."""
    return list(session.scalars(select(AuditHead.tenant_id).order_by(AuditHead.tenant_id)))


def verify(session: Session, tenant_id: str, *, anchors: Sequence[AuditAnchor] = ()) -> AuditReport:
    """Read a chain from its start and name the first row that is wrong or lacks; writers may go on meanwhile.

    Reasons: `changed` a row, `missing` in the middle, `truncated` at the end (by the stored head or an anchor),
    `head` (the stored head tells another story), `anchor` (the chain was rewritten, an anchor's row is another). All
    anchors are asked: one that was written after a rewriting agrees with it.
    """
    known = head(session, tenant_id)
    last = AuditAnchor(sequence=0, hash=_ORIGIN)
    open_ = deque(sorted(anchors, key=lambda anchor: anchor.sequence))
    with session.execute(_chain(tenant_id)) as rows:
        for row in rows:
            known = AuditAnchor(sequence=row.head_sequence or 0, hash=row.head_hash or _ORIGIN)
            fault = _fault(row, last)
            if fault is not None:
                return _report(last, last.sequence + 1, fault)
            if (denied := _against(row, open_)) is not None:
                return _report(last, row.sequence, "anchor", denied)
            last = AuditAnchor(sequence=row.sequence, hash=row.hash)
    return _ending(last, known, open_)


def _fault(row: Row[Any], last: AuditAnchor) -> AuditFault | None:
    if row.sequence != last.sequence + 1:
        return "missing"
    own = {name: getattr(row, name) for name in ("tenant_id", "sequence", "at", "kind", "body", "prev_hash")}
    return None if row.prev_hash == last.hash and row.hash == _digest(**own) else "changed"


def _against(row: Row[Any], anchors: deque[AuditAnchor]) -> AuditAnchor | None:
    """Take the anchors up to a row; gives the first that names the row and has another hash."""
    while anchors and anchors[0].sequence <= row.sequence:
        anchor = anchors.popleft()
        if anchor.sequence == row.sequence and anchor.hash != row.hash:
            return anchor
    return None


def _ending(last: AuditAnchor, known: AuditAnchor, beyond: deque[AuditAnchor]) -> AuditReport:
    """Judge a chain whose rows are whole by its head, and by the anchors of rows that it should have."""
    lacking = next((anchor for anchor in beyond if anchor.sequence > last.sequence), None)
    if lacking is not None or last.sequence < known.sequence:
        return _report(last, last.sequence + 1, "truncated", lacking)
    if known != last:
        return _report(last, min(known.sequence + 1, last.sequence), "head")
    return _report(last)


def _report(
    last: AuditAnchor,
    first_bad: int | None = None,
    reason: AuditFault | None = None,
    anchor: AuditAnchor | None = None,
) -> AuditReport:
    return AuditReport(ok=reason is None, rows=last.sequence, first_bad=first_bad, reason=reason, anchor=anchor)


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
    known = _at(session, tenant_id, _LOCKED)
    if known is not None:
        return known
    insert_new(session, AuditHead, [{"tenant_id": tenant_id, "sequence": 0, "hash": _ORIGIN}])
    return _at(session, tenant_id, _LOCKED) or _EMPTY


def _at(session: Session, tenant_id: str, wanted: Select[Any]) -> AuditAnchor | None:
    row = session.connection().execute(wanted, {"tenant": tenant_id}).one_or_none()
    return None if row is None else AuditAnchor(sequence=row.sequence, hash=row.hash)


def _digest(*, tenant_id: str, sequence: int, at: datetime, kind: str, body: str, prev_hash: bytes) -> bytes:
    row = to_json([tenant_id, sequence, utc(at).isoformat(timespec="microseconds"), kind, body])
    return hashlib.sha256(prev_hash + row.encode()).digest()


def _canonical(body: Json) -> str:
    try:
        return json.dumps(dict(body), sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError):
        raise UnstorableValue("an audit row takes finite numbers, strings, booleans, lists and objects") from None
