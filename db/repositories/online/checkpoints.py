"""What online learners know after a signal, sealed: the newest, and one a day for a while.

A checkpoint is a cache: the signals are the truth, and a replay of them replaces any checkpoint. States are sealed with
the key ring, bound to tenant, target, generation and cursor.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, RowMapping, delete, select, tuple_, union, update
from sqlalchemy.orm import Session

from db.base import utc
from db.encryption import KeyRing, associated_data
from db.errors import SealBroken
from db.models import OnlineCheckpoint, OnlineSignal, SignalScore
from db.records import CheckpointDraft, CheckpointRecord
from db.repositories.online import heads
from db.repositories.online.heads import mark_rebuild
from db.repositories.sql import insert_new
from db.session import keyring_of

__all__ = ["DAYS", "STATES", "add", "at_or_before", "drop_from", "forget", "mark_rebuild", "newest", "reports"]

#: for how long one state a day is kept, and one report a day
STATES, DAYS = timedelta(days=3), timedelta(days=90)
_COLUMNS = tuple(getattr(OnlineCheckpoint, column.name) for column in fields(CheckpointRecord))
_KEY = (OnlineCheckpoint.generation, OnlineCheckpoint.cursor)


def add(session: Session, tenant_id: str, *, draft: CheckpointDraft, now: datetime) -> None:
    """Store a checkpoint as the newest of its head, and thin out those before it; the head must be locked."""
    row = {
        "tenant_id": tenant_id,
        "target": draft.target,
        "generation": draft.generation,
        "cursor": draft.cursor,
        "state": keyring_of(session).seal(draft.state, _place(tenant_id, draft.target, draft.generation, draft.cursor)),
        "size": len(draft.state),
        "report": dict(draft.report),
        "taken_at": now,
    }
    insert_new(session, OnlineCheckpoint, [row])
    heads.set_checkpoint(session, tenant_id, target=draft.target, cursor=draft.cursor, now=now)
    _thin_out(session, tenant_id, draft.target, now)


def newest(session: Session, tenant_id: str, *, target: str, generation: int) -> CheckpointRecord | None:
    """Return the newest checkpoint of a generation with its state; None without one.

    Raises:
        SealBroken: the stored state was changed or moved.

    """
    return _newest(session, tenant_id, target, OnlineCheckpoint.generation == generation)


def at_or_before(
    session: Session, tenant_id: str, *, target: str, generation: int, cursor: int
) -> CheckpointRecord | None:
    """Return the newest checkpoint of a generation whose state is kept and knows no signal after `cursor`.

    Raises:
        SealBroken: the stored state was changed or moved.

    """
    then = (OnlineCheckpoint.generation == generation, OnlineCheckpoint.cursor <= cursor)
    return _newest(session, tenant_id, target, *then)


def drop_from(session: Session, tenant_id: str, *, target: str, cursor: int) -> None:
    """Delete checkpoints that know the signal `cursor`: a new one is written in their place."""
    session.execute(delete(OnlineCheckpoint).where(*_of(tenant_id, target), OnlineCheckpoint.cursor >= cursor))


def reports(session: Session, tenant_id: str, *, target: str) -> list[CheckpointRecord]:
    """Return the checkpoints of a target without their states, oldest first: the newest, and one of each day."""
    query = select(*_COLUMNS).where(*_of(tenant_id, target)).order_by(OnlineCheckpoint.taken_at, *_KEY)
    return [CheckpointRecord(**{**row, "state": None}) for row in session.execute(query).mappings()]


def forget(session: Session, tenant_id: str, *, lead_ids: Collection[str], now: datetime) -> int:
    """Have those learners built anew that learnt, or learn now, a signal of one of these leads; return how many.

    Call it before the leads' signals are deleted, and before their rows are locked: who learns locks the head first.
    """
    wanted = sorted(lead_ids)
    known = (
        select(table.target).where(table.tenant_id == tenant_id, table.lead_id.in_(wanted))
        for table in (OnlineSignal, SignalScore)
    )
    return mark_rebuild(session, tenant_id, targets=sorted(set(session.scalars(union(*known)))), now=now)


def _newest(session: Session, tenant_id: str, target: str, *conditions: ColumnElement[bool]) -> CheckpointRecord | None:
    query = select(*_COLUMNS).where(*_of(tenant_id, target), OnlineCheckpoint.state.is_not(None), *conditions)
    row = session.execute(query.order_by(OnlineCheckpoint.cursor.desc()).limit(1)).mappings().one_or_none()
    return None if row is None else _opened(row, tenant_id, keyring_of(session))


def _opened(row: RowMapping, tenant_id: str, ring: KeyRing) -> CheckpointRecord:
    try:
        state = ring.open(row["state"], _place(tenant_id, row["target"], row["generation"], row["cursor"]))
    except SealBroken as error:
        raise SealBroken(f"online_checkpoints.state of {row['target']}: {error}") from None
    return CheckpointRecord(**{**row, "state": state})


def _thin_out(session: Session, tenant_id: str, target: str, now: datetime) -> None:
    """Keep the newest checkpoint and the last of each day; of older days the report alone, and then nothing."""
    query = select(*_KEY, OnlineCheckpoint.taken_at).where(*_of(tenant_id, target)).order_by(OnlineCheckpoint.taken_at)
    rows = [(generation, cursor, taken_at) for generation, cursor, taken_at in session.execute(query)]
    last_of_day = {utc(taken_at).date(): (generation, cursor) for generation, cursor, taken_at in rows}
    kept = set(last_of_day.values())
    gone = [(g, c) for g, c, taken_at in rows if (g, c) not in kept or taken_at < now - DAYS]
    plain = [(g, c) for g, c, taken_at in rows if (g, c) in kept and now - DAYS <= taken_at < now - STATES]
    if gone:
        session.execute(delete(OnlineCheckpoint).where(*_these(tenant_id, target, gone)))
    if plain:
        emptied = update(OnlineCheckpoint).where(*_these(tenant_id, target, plain)).values(state=None)
        session.execute(emptied.execution_options(synchronize_session=False))


def _these(tenant_id: str, target: str, keys: Iterable[tuple[int, int]]) -> tuple[ColumnElement[bool], ...]:
    return (*_of(tenant_id, target), tuple_(*_KEY).in_(list(keys)))


def _of(tenant_id: str, target: str) -> Sequence[ColumnElement[bool]]:
    return (OnlineCheckpoint.tenant_id == tenant_id, OnlineCheckpoint.target == target)


def _place(tenant_id: str, target: str, generation: int, cursor: int) -> bytes:
    return associated_data(tenant_id, "online_checkpoints.state", target, str(generation), str(cursor))
