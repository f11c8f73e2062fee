"""How far the online learners of tenants are: one row a tenant and target, locked while what was learnt is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from db.models import OnlineCheckpoint, OnlineHead, OnlineSignal, SignalCounter, Snapshot
from db.records import HeadRecord
from db.repositories.sql import insert_new, rowcount

_COLUMNS = tuple(getattr(OnlineHead, column.name) for column in fields(HeadRecord))


def open_head(session: Session, tenant_id: str, *, target: str, now: datetime) -> HeadRecord:
    """Return the head of a target; a new one has learnt nothing. The tenant must exist."""
    head = get(session, tenant_id, target=target)
    if head is None:
        row = {"tenant_id": tenant_id, "target": target, "generation": 1, "cursor": 0, "updated_at": now}
        insert_new(session, OnlineHead, [row])
        head = get(session, tenant_id, target=target)
    assert head is not None
    return head


def get(session: Session, tenant_id: str, *, target: str, lock: bool = False) -> HeadRecord | None:
    """Return the head of a target, or None; with `lock`, other writers of it wait until this transaction ends."""
    query = select(*_COLUMNS).where(*_this(tenant_id, target))
    row = session.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    return None if row is None else HeadRecord(**row)


def of_tenant(session: Session, tenant_id: str) -> list[HeadRecord]:
    """Return the tenant's heads, by target."""
    rows = session.execute(select(*_COLUMNS).where(OnlineHead.tenant_id == tenant_id).order_by(OnlineHead.target))
    return [HeadRecord(**row) for row in rows.mappings()]


def advance(session: Session, tenant_id: str, *, target: str, cursor: int, now: datetime) -> None:
    """Record that signals up to `cursor` were learnt; the head must be locked by this transaction."""
    _set(session, tenant_id, target, {"cursor": cursor, "updated_at": now})


def set_scored_through(session: Session, tenant_id: str, *, target: str, snapshot_id: str) -> None:
    """Record that snapshots up to this one were looked at; the head must be locked by this transaction."""
    _set(session, tenant_id, target, {"scored_through": snapshot_id})


def set_checkpoint(session: Session, tenant_id: str, *, target: str, cursor: int, now: datetime) -> None:
    """Record the newest checkpoint; the head must be locked by this transaction."""
    _set(session, tenant_id, target, {"checkpoint_cursor": cursor, "checkpointed_at": now})


def restart(session: Session, tenant_id: str, *, target: str, now: datetime) -> HeadRecord:
    """Begin the next generation, which has learnt nothing; the head must be locked by this transaction.

    Checkpoints of the one before are deleted: they may know of leads that are erased.
    """
    session.execute(delete(OnlineCheckpoint).where(*_this(tenant_id, target, OnlineCheckpoint)))
    anew = {"generation": OnlineHead.generation + 1, "cursor": 0, "updated_at": now}
    gone = dict.fromkeys(("rebuild_at", "checkpoint_cursor", "checkpointed_at"))
    _set(session, tenant_id, target, anew | gone)
    return open_head(session, tenant_id, target=target, now=now)


def mark_rebuild(session: Session, tenant_id: str, *, targets: Sequence[str], now: datetime) -> int:
    """Have learners built anew from their signals, and delete what they know; return how many.

    What a worker learns meanwhile is not written any more: it finds the mark under the head's lock.
    """
    unmarked = (OnlineHead.tenant_id == tenant_id, OnlineHead.target.in_(targets), OnlineHead.rebuild_at.is_(None))
    marks = {"rebuild_at": now, "checkpoint_cursor": None, "checkpointed_at": None}
    marked = rowcount(
        session, update(OnlineHead).where(*unmarked).values(**marks).execution_options(synchronize_session=False)
    )
    session.execute(
        delete(OnlineCheckpoint).where(OnlineCheckpoint.tenant_id == tenant_id, OnlineCheckpoint.target.in_(targets))
    )
    return marked


def unfinished(session: Session, *, before: datetime) -> list[tuple[str, str]]:
    """Return (tenant, target) of heads to be built anew, or with signals since a checkpoint from before a time."""
    unsaved = and_(
        OnlineHead.cursor > 0,
        or_(OnlineHead.checkpoint_cursor.is_(None), OnlineHead.cursor > OnlineHead.checkpoint_cursor),
    )
    old = or_(OnlineHead.updated_at < before, OnlineHead.checkpointed_at < before)
    return _keys(session, or_(OnlineHead.rebuild_at.is_not(None), and_(unsaved, old)))


def with_new_snapshots(session: Session) -> list[str]:
    """Return tenants with snapshots that were not looked at for an online score."""
    newer = (
        select(Snapshot.snapshot_id)
        .where(Snapshot.tenant_id == OnlineHead.tenant_id)
        .where(or_(OnlineHead.scored_through.is_(None), Snapshot.snapshot_id > OnlineHead.scored_through))
    )
    return sorted({tenant_id for tenant_id, _ in _keys(session, newer.exists())})


def behind(session: Session) -> list[tuple[str, str]]:
    """Return (tenant, target) with signals that no learner has learnt; the counters are read first, signals of few."""
    head = and_(OnlineHead.tenant_id == SignalCounter.tenant_id, OnlineHead.target == SignalCounter.target)
    cursor = func.coalesce(OnlineHead.cursor, 0)
    # the newest signal may be gone with its lead, and its number is never given again
    there = select(OnlineSignal.seq).where(
        OnlineSignal.tenant_id == SignalCounter.tenant_id,
        OnlineSignal.target == SignalCounter.target,
        OnlineSignal.seq > cursor,
    )
    query = (
        select(SignalCounter.tenant_id, SignalCounter.target)
        .outerjoin(OnlineHead, head)
        .where(SignalCounter.seq > cursor, there.exists())
    )
    return [(tenant_id, target) for tenant_id, target in session.execute(query)]


def _keys(session: Session, condition: ColumnElement[bool]) -> list[tuple[str, str]]:
    query = select(OnlineHead.tenant_id, OnlineHead.target).where(condition)
    return [(tenant_id, target) for tenant_id, target in session.execute(query.order_by(*query.selected_columns))]


def _set(session: Session, tenant_id: str, target: str, values: Mapping[str, Any]) -> None:
    changed = update(OnlineHead).where(*_this(tenant_id, target)).values(**values)
    session.execute(changed.execution_options(synchronize_session=False))


def _this(
    tenant_id: str, target: str, table: type[OnlineHead | OnlineCheckpoint] = OnlineHead
) -> tuple[ColumnElement[bool], ...]:
    return (table.tenant_id == tenant_id, table.target == target)
