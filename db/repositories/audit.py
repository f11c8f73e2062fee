"""The audit chains: each row's hash covers the row and the hash before it, so that every change is detected.

Someone with write access to the database may rewrite a whole chain; anchors, stored outside, reveal that too.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Executable, Row, bindparam, select, update
from sqlalchemy.orm import Session

from db.base import NewRow, to_json, utc
from db.errors import UnstorableValue
from db.models import AuditEntry, AuditHead
from db.records import AuditAnchor, AuditDraft, AuditFault, AuditReport
from db.repositories.sql import insert_from_json, insert_many, insert_new, json_rows, on_postgresql, table_of
from domain.documents import JsonMapping

#: the hash before the first row
_ORIGIN = bytes(32)
_EMPTY = AuditAnchor(sequence=0, hash=_ORIGIN)
_STREAM = 1_000
_NAMES = ("tenant_id", "sequence", "at", "kind", "body", "prev_hash", "hash")
_HEADS = table_of(AuditHead).c
_HEAD = select(_HEADS.sequence, _HEADS.hash).where(_HEADS.tenant_id == bindparam("tenant"))
_LOCKED = _HEAD.with_for_update()
_MOVE = (
    update(table_of(AuditHead))
    .where(_HEADS.tenant_id == bindparam("tenant"))
    .values(sequence=bindparam("now_sequence"), hash=bindparam("now_hash"))
)
_STORE = insert_from_json(AuditEntry, _NAMES).add_cte(_MOVE.cte("moved"))


def append(session: Session, tenant_id: str, *, entries: Sequence[AuditDraft], now: datetime) -> AuditAnchor:
    """Add rows to the tenant's chain, in the transaction of the change that they prove; return the new head.

    The head stays locked until the transaction ends, so append last and once.

    Raises:
        UnstorableValue: a body that is not finite JSON.

    """
    last = _locked_head(session, tenant_id)
    rows: list[NewRow] = []
    for entry in entries:
        sequence, body, prev_hash = last.sequence + 1, _canonical(entry.body), last.hash
        row_hash = _digest(
            tenant_id=tenant_id, sequence=sequence, at=now, kind=entry.kind, body=body, prev_hash=prev_hash
        )
        last = AuditAnchor(sequence=sequence, hash=row_hash)
        rows.append(
            {
                "tenant_id": tenant_id,
                "sequence": sequence,
                "at": now,
                "kind": entry.kind,
                "body": body,
                "prev_hash": prev_hash,
                "hash": row_hash,
            }
        )
    if rows:
        _store(session, rows, {"tenant": tenant_id, "now_sequence": last.sequence, "now_hash": last.hash})
    return last


def _store(session: Session, rows: Sequence[NewRow], new_head: Mapping[str, object]) -> None:
    """Write rows and move the head: on PostgreSQL in one statement, since every writer of the tenant waits for it."""
    if on_postgresql(session):
        session.connection().execute(_STORE, {**json_rows(rows), **new_head})
    else:
        insert_many(session, AuditEntry, rows)
        session.connection().execute(_MOVE, new_head)


def head(session: Session, tenant_id: str) -> AuditAnchor:
    """Return the newest row of a chain by the stored head; sequence 0 where there is none."""
    return _read_head(session, tenant_id, _HEAD) or _EMPTY


def tenants(session: Session) -> list[str]:
    """Return the tenants that have a chain; compare them with the anchors, since a whole chain may be missing."""
    return list(session.scalars(select(AuditHead.tenant_id).order_by(AuditHead.tenant_id)))


def verify(session: Session, tenant_id: str, *, anchors: Sequence[AuditAnchor] = ()) -> AuditReport:
    """Read a chain from its start and report the first row that is wrong or missing; writers may go on meanwhile.

    Reasons: a row was `changed` or is `missing`; the newest rows are `truncated` (by the stored head or an anchor);
    the stored `head` contradicts the rows; an `anchor` does (the chain was rewritten). All anchors are checked, since
    one that was written after the rewriting agrees with it.
    """
    stored_head = head(session, tenant_id)
    last = AuditAnchor(sequence=0, hash=_ORIGIN)
    unchecked = deque(sorted(anchors, key=lambda anchor: anchor.sequence))
    with session.execute(_chain(tenant_id)) as rows:
        for row in rows:
            stored_head = AuditAnchor(sequence=row.head_sequence or 0, hash=row.head_hash or _ORIGIN)
            fault = _fault(row, last)
            if fault is not None:
                return _report(last, last.sequence + 1, fault)
            if (contradicted := _contradicted_anchor(row, unchecked)) is not None:
                return _report(last, row.sequence, "anchor", contradicted)
            last = AuditAnchor(sequence=row.sequence, hash=row.hash)
    return _check_end(last, stored_head, unchecked)


def _fault(row: Row[*tuple[object, ...]], last: AuditAnchor) -> AuditFault | None:
    if row.sequence != last.sequence + 1:
        return "missing"
    digest = _digest(
        tenant_id=row.tenant_id,
        sequence=row.sequence,
        at=row.at,
        kind=row.kind,
        body=row.body,
        prev_hash=row.prev_hash,
    )
    return None if row.prev_hash == last.hash and row.hash == digest else "changed"


def _contradicted_anchor(row: Row[*tuple[object, ...]], anchors: deque[AuditAnchor]) -> AuditAnchor | None:
    """Remove the anchors up to a row; return the first that names the row with another hash."""
    while anchors and anchors[0].sequence <= row.sequence:
        anchor = anchors.popleft()
        if anchor.sequence == row.sequence and anchor.hash != row.hash:
            return anchor
    return None


def _check_end(last: AuditAnchor, stored_head: AuditAnchor, later: deque[AuditAnchor]) -> AuditReport:
    """Check the end of a chain whose rows are right against the stored head and the anchors of later rows."""
    missing = next((anchor for anchor in later if anchor.sequence > last.sequence), None)
    if missing is not None or last.sequence < stored_head.sequence:
        return _report(last, last.sequence + 1, "truncated", missing)
    if stored_head != last:
        return _report(last, min(stored_head.sequence + 1, last.sequence), "head")
    return _report(last)


def _report(
    last: AuditAnchor,
    first_bad: int | None = None,
    reason: AuditFault | None = None,
    anchor: AuditAnchor | None = None,
) -> AuditReport:
    return AuditReport(ok=reason is None, rows=last.sequence, first_bad=first_bad, reason=reason, anchor=anchor)


def _chain(tenant_id: str) -> Executable:
    # Rows and head in one statement see one state: writers that come meanwhile are not seen at all.
    query = (
        select(AuditEntry.__table__, AuditHead.sequence.label("head_sequence"), AuditHead.hash.label("head_hash"))
        .outerjoin(AuditHead, AuditHead.tenant_id == AuditEntry.tenant_id)
        .where(AuditEntry.tenant_id == tenant_id)
        .order_by(AuditEntry.sequence)
    )
    return query.execution_options(yield_per=_STREAM)


def _locked_head(session: Session, tenant_id: str) -> AuditAnchor:
    stored_head = _read_head(session, tenant_id, _LOCKED)
    if stored_head is not None:
        return stored_head
    insert_new(session, AuditHead, [{"tenant_id": tenant_id, "sequence": 0, "hash": _ORIGIN}])
    return _read_head(session, tenant_id, _LOCKED) or _EMPTY


def _read_head(session: Session, tenant_id: str, query: Executable) -> AuditAnchor | None:
    row = session.connection().execute(query, {"tenant": tenant_id}).one_or_none()
    return None if row is None else AuditAnchor(sequence=row.sequence, hash=row.hash)


def _digest(*, tenant_id: str, sequence: int, at: datetime, kind: str, body: str, prev_hash: bytes) -> bytes:
    row = to_json([tenant_id, sequence, utc(at).isoformat(timespec="microseconds"), kind, body])
    return hashlib.sha256(prev_hash + row.encode()).digest()


def _canonical(body: JsonMapping) -> str:
    try:
        return json.dumps(dict(body), sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError):
        raise UnstorableValue("an audit row takes finite numbers, strings, booleans, lists and objects") from None
