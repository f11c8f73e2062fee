"""CSV imports: the rows of the chunks are the record of an import's progress."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, delete, func, insert, select, update
from sqlalchemy.orm import Session

from db.base import NewRow, new_id
from db.encryption import KeyRing, associated_data
from db.errors import SealBroken, UnknownBackfill
from db.models import Backfill, BackfillChunk, ComparedRow, RejectedEntry
from db.records import BackfillDraft, BackfillRecord, ChunkDraft, ChunkRecord, RejectedRow
from db.repositories import tenants
from db.repositories.sql import rowcount
from db.session import database_time, keyring_of, lock_tenant
from domain.documents import JsonMapping

_COLUMNS = tuple(getattr(Backfill, column.name) for column in fields(BackfillRecord))
_CHUNK_COLUMNS = tuple(getattr(BackfillChunk, column.name) for column in fields(ChunkRecord))
_STREAM = 500


def create(
    session: Session, tenant_id: str, *, draft: BackfillDraft, chunks: Sequence[ChunkDraft], now: datetime
) -> tuple[BackfillRecord, bool]:
    """Start an import, or return the running or finished one with the same key; True when it is new.

    Raises:
        UnknownTenant: not configured.

    """
    tenants.require(session, tenant_id)
    lock_tenant(session, tenant_id)
    existing = by_key(session, tenant_id, key=draft.key)
    if existing is not None and existing.state in {"running", "finished"}:
        return existing, False
    backfill_id = new_id()
    row = {
        **asdict(draft),
        "tenant_id": tenant_id,
        "backfill_id": backfill_id,
        "source": dict(draft.source),
        "state": "running",
        "chunks": len(chunks),
        "remaining": len(chunks),
        "created_at": now,
    }
    session.execute(insert(Backfill), [row])
    _insert_chunks(session, tenant_id, backfill_id, chunks)
    return _require(session, tenant_id, backfill_id), True


def get(session: Session, tenant_id: str, *, backfill_id: str) -> BackfillRecord | None:
    """Return an import, or None."""
    query = select(*_COLUMNS).where(Backfill.tenant_id == tenant_id, Backfill.backfill_id == backfill_id)
    row = session.execute(query).mappings().one_or_none()
    return None if row is None else BackfillRecord(**dict(row))


def by_key(session: Session, tenant_id: str, *, key: str) -> BackfillRecord | None:
    """Return the newest import of this key, or None."""
    query = select(*_COLUMNS).where(Backfill.tenant_id == tenant_id, Backfill.key == key)
    newest = query.order_by(Backfill.created_at.desc(), Backfill.backfill_id.desc()).limit(1)
    row = session.execute(newest).mappings().one_or_none()
    return None if row is None else BackfillRecord(**dict(row))


def running(session: Session, tenant_id: str) -> int:
    """Count the tenant's imports that have not ended."""
    counted = select(func.count()).select_from(Backfill)
    return session.scalar(counted.where(Backfill.tenant_id == tenant_id, Backfill.state == "running")) or 0


def chunks(session: Session, tenant_id: str, *, backfill_id: str, state: str | None = None) -> list[ChunkRecord]:
    """Return the chunks of an import by number, all or those in one state."""
    query = select(*_CHUNK_COLUMNS).where(
        BackfillChunk.tenant_id == tenant_id, BackfillChunk.backfill_id == backfill_id
    )
    if state is not None:
        query = query.where(BackfillChunk.state == state)
    rows = session.execute(query.order_by(BackfillChunk.number)).mappings()
    return [ChunkRecord(**dict(row)) for row in rows]


def claim_chunk(session: Session, tenant_id: str, *, backfill_id: str, number: int) -> ChunkRecord:
    """Return a chunk and lock its row until the transaction ends; the caller checks its state.

    Raises:
        UnknownBackfill: no such chunk for this tenant.

    """
    query = select(*_CHUNK_COLUMNS).where(*_chunk(tenant_id, backfill_id, number)).with_for_update()
    row = session.execute(query).mappings().one_or_none()
    if row is None:
        raise UnknownBackfill(f"unknown backfill or chunk {number}; list the tenant's backfills")
    return ChunkRecord(**dict(row))


def finish_chunk(
    session: Session,
    tenant_id: str,
    *,
    backfill_id: str,
    number: int,
    counts: JsonMapping,
    rejected: Sequence[RejectedRow],
    now: datetime,
) -> int:
    """Mark a chunk done with its counts and rejected rows; return the number of remaining chunks.

    A chunk that is done already stays as it is. One that had failed becomes done and is not counted again.

    Raises:
        UnknownBackfill: no such chunk for this tenant.

    """
    state = claim_chunk(session, tenant_id, backfill_id=backfill_id, number=number).state
    if state == "done":
        return _require(session, tenant_id, backfill_id).remaining
    _close_chunk(session, _chunk(tenant_id, backfill_id, number), state="done", counts=dict(counts), now=now)
    ring, chunk = keyring_of(session), {"tenant_id": tenant_id, "backfill_id": backfill_id, "number": number}
    rows = [_rejected_row(row, position, chunk, ring) for position, row in enumerate(rejected)]
    if rows:
        session.execute(insert(RejectedEntry), rows)
    return _count_off(session, tenant_id, backfill_id, 1 if state == "pending" else 0)


def split_chunk(
    session: Session, tenant_id: str, *, backfill_id: str, number: int, offset: int, first_record: int, first_line: int
) -> int:
    """Split a pending chunk before a record; return the number of the new chunk, which begins there.

    Raises:
        UnknownBackfill: no such chunk for this tenant.

    """
    chunk = claim_chunk(session, tenant_id, backfill_id=backfill_id, number=number)
    done = first_record - chunk.first_record
    backfill = update(Backfill).where(Backfill.tenant_id == tenant_id, Backfill.backfill_id == backfill_id)
    grown = backfill.values(chunks=Backfill.chunks + 1, remaining=Backfill.remaining + 1).returning(Backfill.chunks)
    following = int(session.execute(grown.execution_options(synchronize_session=False)).scalar_one()) - 1
    shorter = update(BackfillChunk).where(*_chunk(tenant_id, backfill_id, number)).values(records=done)
    rowcount(session, shorter.execution_options(synchronize_session=False))
    rest = ChunkDraft(
        number=following,
        offset=offset,
        first_record=first_record,
        first_line=first_line,
        records=chunk.records - done,
    )
    _insert_chunks(session, tenant_id, backfill_id, [rest])
    return following


def fail_chunk(session: Session, tenant_id: str, *, backfill_id: str, number: int, error: str, now: datetime) -> int:
    """Mark a pending chunk permanently failed, with the reason; return the number of remaining chunks.

    Raises:
        UnknownBackfill: no such chunk for this tenant.

    """
    state = claim_chunk(session, tenant_id, backfill_id=backfill_id, number=number).state
    if state != "pending":
        return _require(session, tenant_id, backfill_id).remaining
    _close_chunk(session, _chunk(tenant_id, backfill_id, number), state="failed", error=error, now=now)
    return _count_off(session, tenant_id, backfill_id, 1)


def rejected(session: Session, tenant_id: str, *, backfill_id: str) -> Iterator[RejectedRow]:
    """Stream the rejected rows, by record; the session stays open meanwhile.

    Raises:
        SealBroken: stored cells were changed or moved.

    """
    ring = keyring_of(session)
    query = (
        select(RejectedEntry.__table__)
        .where(RejectedEntry.tenant_id == tenant_id, RejectedEntry.backfill_id == backfill_id)
        .order_by(RejectedEntry.record, RejectedEntry.number, RejectedEntry.position)
    )
    for row in session.execute(query.execution_options(yield_per=_STREAM)).mappings():
        yield _rejected_record(row, ring)


def finish(
    session: Session,
    tenant_id: str,
    *,
    backfill_id: str,
    state: str,
    summary: JsonMapping | None,
    error: str | None,
    error_file: str | None,
    now: datetime,
) -> bool:
    """End a running import (finished, failed or cancelled); False when it has ended already or does not exist."""
    compared = (ComparedRow.tenant_id == tenant_id, ComparedRow.backfill_id == backfill_id)
    rowcount(session, delete(ComparedRow).where(*compared).execution_options(synchronize_session=False))
    running = update(Backfill).where(
        Backfill.tenant_id == tenant_id, Backfill.backfill_id == backfill_id, Backfill.state == "running"
    )
    ended = running.values(
        state=state,
        summary=None if summary is None else dict(summary),
        error=error,
        error_file=error_file,
        finished_at=now,
    )
    return rowcount(session, ended.execution_options(synchronize_session=False)) == 1


def _require(session: Session, tenant_id: str, backfill_id: str) -> BackfillRecord:
    record = get(session, tenant_id, backfill_id=backfill_id)
    if record is None:
        raise UnknownBackfill("unknown backfill; list the tenant's backfills")
    return record


def _insert_chunks(session: Session, tenant_id: str, backfill_id: str, chunks: Sequence[ChunkDraft]) -> None:
    enqueued_at = database_time(session)
    rows = [
        {
            **asdict(chunk),
            "tenant_id": tenant_id,
            "backfill_id": backfill_id,
            "state": "pending",
            "counts": {},
            "enqueued_at": enqueued_at,
        }
        for chunk in chunks
    ]
    if rows:
        session.execute(insert(BackfillChunk), rows)


def _chunk(tenant_id: str, backfill_id: str, number: int) -> tuple[ColumnElement[bool], ...]:
    return (
        BackfillChunk.tenant_id == tenant_id,
        BackfillChunk.backfill_id == backfill_id,
        BackfillChunk.number == number,
    )


def _close_chunk(session: Session, chunk: tuple[ColumnElement[bool], ...], *, now: datetime, **values: object) -> None:
    closed = update(BackfillChunk).where(*chunk).values(finished_at=now, **values)
    rowcount(session, closed.execution_options(synchronize_session=False))


def _count_off(session: Session, tenant_id: str, backfill_id: str, number: int) -> int:
    backfill = update(Backfill).where(Backfill.tenant_id == tenant_id, Backfill.backfill_id == backfill_id)
    counted = backfill.values(remaining=Backfill.remaining - number).returning(Backfill.remaining)
    return int(session.execute(counted.execution_options(synchronize_session=False)).scalar_one())


def _rejected_row(row: RejectedRow, position: int, chunk: NewRow, ring: KeyRing) -> NewRow:
    cells = json.dumps(row.cells, ensure_ascii=False).encode(errors="replace")
    sealed = ring.seal(cells, _place(chunk["tenant_id"], chunk["backfill_id"], chunk["number"], position))
    return {**chunk, "position": position, **asdict(row), "cells": sealed}


def _rejected_record(row: RowMapping, ring: KeyRing) -> RejectedRow:
    where = _place(row["tenant_id"], row["backfill_id"], row["number"], row["position"])
    try:
        cells = json.loads(ring.open(row["cells"], where))
    except SealBroken as error:
        raise SealBroken(f"rejected_rows.cells of record {row['record']}: {error}") from None
    plain = {column.name: row[column.name] for column in fields(RejectedRow) if column.name != "cells"}
    return RejectedRow(**plain, cells=tuple(cells))


def _place(tenant_id: str, backfill_id: str, number: int, position: int) -> bytes:
    return associated_data(tenant_id, "rejected_rows.cells", backfill_id, str(number), str(position))
