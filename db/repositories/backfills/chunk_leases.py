"""Leases on the chunks of imports, and the chunks that no worker processes any more; times are the database's.

`backfills.claim_chunk` and `finish_chunk` decide what is done; a lease only avoids double work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, or_, select, text, update
from sqlalchemy.orm import Session

from db.models import Backfill, BackfillChunk
from db.records import ChunkRecord
from db.repositories.sql import rowcount
from db.session import database_time

_COLUMNS = tuple(getattr(BackfillChunk, column.name) for column in fields(ChunkRecord))


def lease(session: Session, tenant_id: str, *, backfill_id: str, number: int, seconds: float) -> ChunkRecord | None:
    """Lease a pending chunk and count the attempt; None when it is not pending or leased by another.

    Commit before the work begins, so that the attempt is counted even if the worker dies.
    """
    now = database_time(session)
    free = or_(BackfillChunk.leased_until.is_(None), BackfillChunk.leased_until <= now)
    chunk = (*_chunks(tenant_id, backfill_id, [number]), BackfillChunk.state == "pending", free)
    leased = (
        update(BackfillChunk)
        .where(*chunk)
        .values(attempts=BackfillChunk.attempts + 1, leased_until=now + timedelta(seconds=seconds))
        .returning(*_COLUMNS)
    )
    row = session.execute(leased.execution_options(synchronize_session=False)).mappings().one_or_none()
    return None if row is None else ChunkRecord(**dict(row))


def commit_lazily(session: Session) -> None:
    """Commit this transaction without waiting for PostgreSQL's disk.

    If the server dies within that fraction of a second, rows and state of the chunk are lost together, and the chunk
    is processed again. The end of an import waits for the disk, and so for everything committed before it.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET LOCAL synchronous_commit TO off"))


def mark_enqueued(session: Session, tenant_id: str, *, backfill_id: str, numbers: Sequence[int]) -> None:
    """Record that these chunks were enqueued (again); an expired lease is removed."""
    chunks = update(BackfillChunk).where(*_chunks(tenant_id, backfill_id, numbers))
    enqueued = chunks.values(enqueued_at=database_time(session), leased_until=None)
    rowcount(session, enqueued.execution_options(synchronize_session=False))


def release(session: Session, tenant_id: str, *, backfill_id: str, number: int) -> None:
    """Release a lease, where the work failed and is to be retried soon."""
    ended = update(BackfillChunk).where(*_chunks(tenant_id, backfill_id, [number])).values(leased_until=None)
    rowcount(session, ended.execution_options(synchronize_session=False))


def stalled(session: Session, *, older_than: float, limit: int) -> list[tuple[str, str, int]]:
    """Return (tenant, import, chunk) of pending chunks that nobody works on, of all tenants, oldest first.

    Those whose lease ran out, and those sent to the queue more than `older_than` seconds ago and never begun.
    Rows that another transaction works on are left out; note them `mark_enqueued` in the same transaction.
    """
    now = database_time(session)
    never_begun = and_(
        BackfillChunk.leased_until.is_(None), BackfillChunk.enqueued_at <= now - timedelta(seconds=older_than)
    )
    abandoned = or_(BackfillChunk.leased_until <= now, never_begun, BackfillChunk.enqueued_at.is_(None))
    query = (
        select(BackfillChunk.tenant_id, BackfillChunk.backfill_id, BackfillChunk.number)
        .join(Backfill, _same_import())
        .where(Backfill.state == "running", BackfillChunk.state == "pending", abandoned)
        .order_by(BackfillChunk.enqueued_at, BackfillChunk.backfill_id, BackfillChunk.number)
    )
    rows = session.execute(query.limit(limit).with_for_update(skip_locked=True, of=BackfillChunk))
    return [(tenant_id, backfill_id, number) for tenant_id, backfill_id, number in rows]


def unfinished(session: Session, *, limit: int) -> list[tuple[str, str]]:
    """Return (tenant, import) of running imports without remaining chunks: their end was lost; enqueue it again."""
    ended = (Backfill.state == "running", Backfill.remaining == 0)
    query = select(Backfill.tenant_id, Backfill.backfill_id).where(*ended).order_by(Backfill.created_at)
    return [(tenant_id, backfill_id) for tenant_id, backfill_id in session.execute(query.limit(limit))]


def _same_import() -> ColumnElement[bool]:
    return and_(Backfill.tenant_id == BackfillChunk.tenant_id, Backfill.backfill_id == BackfillChunk.backfill_id)


def _chunks(tenant_id: str, backfill_id: str, numbers: Sequence[int]) -> tuple[ColumnElement[bool], ...]:
    return (
        BackfillChunk.tenant_id == tenant_id,
        BackfillChunk.backfill_id == backfill_id,
        BackfillChunk.number.in_(list(numbers)),
    )
