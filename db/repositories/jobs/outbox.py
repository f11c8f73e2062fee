"""The outbox: follow-up tasks are written with the effect, and published after the commit until confirmed and done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from db.base import new_id
from db.models import OutboxEntry
from db.records import OutboxDraft, OutboxLag, OutboxRecord
from db.repositories.jobs.outbox_relay import claim, mark
from db.repositories.jobs.sealed_outbox import accept
from db.repositories.sql import among, in_batches, insert_many, on_postgresql, rowcount, table_of
from db.session import database_time

__all__ = [
    "accept",
    "add",
    "claim",
    "confirm",
    "confirm_all",
    "fail",
    "finish",
    "finish_many",
    "lag",
    "pending",
    "purge",
]

_NAMES = tuple(column.name for column in fields(OutboxRecord))
_COLUMNS = tuple(getattr(OutboxEntry, name) for name in _NAMES)
_ROW = table_of(OutboxEntry).c
_OWN = (_ROW.tenant_id == bindparam("tenant"), among(_ROW.outbox_id, "rows"))
_AT = bindparam("at", type_=_ROW.done_at.type)
# A row that its own task is just finishing needs no confirmation, and must not block all the others.
_FREE = select(_ROW.outbox_id).where(*_OWN).with_for_update(skip_locked=True)
_NOTE = update(table_of(OutboxEntry)).where(_ROW.tenant_id == bindparam("tenant"), _ROW.outbox_id.in_(_FREE))
_CONFIRM = _NOTE.values(published_at=_AT, taken_until=None)
_CONFIRM_BY_CLOCK = _NOTE.values(published_at=func.clock_timestamp(), taken_until=None)
_END = update(table_of(OutboxEntry)).where(*_OWN)
# a task that ran was published, even if nobody has confirmed it; what it was told is needed no more
_END = _END.values(done_at=_AT, published_at=func.coalesce(_ROW.published_at, _AT), sealed_kwargs=None)


def add(session: Session, tenant_id: str, *, drafts: Sequence[OutboxDraft], now: datetime) -> list[OutboxRecord]:
    """Write tasks to be published once this transaction is committed; each id is the task's id."""
    records = [
        OutboxRecord(
            outbox_id=new_id(),
            tenant_id=tenant_id,
            task=draft.task,
            queue=draft.queue,
            kwargs=dict(draft.kwargs),
            created_at=now,
            published_at=None,
        )
        for draft in drafts
    ]
    insert_many(session, OutboxEntry, [{name: getattr(record, name) for name in _NAMES} for record in records])
    return records


def confirm(session: Session, tenant_id: str, *, outbox_ids: Sequence[str], now: datetime | None = None) -> None:
    """Record that the broker has these tasks, as of the database's time unless another is given."""
    by_clock = now is None and on_postgresql(session)  # reads its clock in the same statement
    at = {} if by_clock else {"at": now or database_time(session)}
    for batch in in_batches(outbox_ids):
        parameters = {"tenant": tenant_id, "rows": batch, **at}
        session.connection().execute(_CONFIRM_BY_CLOCK if by_clock else _CONFIRM, parameters)


def confirm_all(session: Session, *, records: Sequence[OutboxRecord]) -> None:
    """Record that the broker has these tasks of many tenants, as of the database's time."""
    mark(session, records, published_at=database_time(session), taken_until=None)


def fail(session: Session, *, records: Sequence[OutboxRecord], error: str, seconds: float) -> None:
    """Record why the broker refused these tasks (a code, no value); a relay claims them again after some seconds."""
    mark(session, records, last_error=error, taken_until=database_time(session, ahead=seconds))


def finish(session: Session, tenant_id: str, *, outbox_id: str, now: datetime) -> bool:
    """Record, last in the transaction of its effect, that a task has ended; False when it was not in the outbox."""
    return finish_many(session, tenant_id, outbox_ids=[outbox_id], now=now) == 1


def finish_many(session: Session, tenant_id: str, *, outbox_ids: Sequence[str], now: datetime) -> int:
    """Record that these tasks have ended; return how many of them are in the outbox."""
    finished = 0
    for batch in in_batches(outbox_ids):
        finished += session.connection().execute(_END, {"tenant": tenant_id, "rows": batch, "at": now}).rowcount
    return finished


def pending(session: Session, *, limit: int, before: datetime) -> list[OutboxRecord]:
    """Return the oldest tasks, of all tenants, written before a time and not confirmed yet, without claiming them."""
    query = select(*_COLUMNS).where(OutboxEntry.published_at.is_(None), OutboxEntry.created_at < before)
    oldest = query.order_by(OutboxEntry.created_at, OutboxEntry.outbox_id).limit(limit)
    return [OutboxRecord(**dict(row)) for row in session.execute(oldest).mappings()]


def lag(session: Session) -> OutboxLag:
    """Return how many tasks the broker does not have yet and how long the oldest has waited."""
    counted = select(func.count(), func.min(OutboxEntry.created_at)).where(OutboxEntry.published_at.is_(None))
    waiting, oldest = session.execute(counted).one()
    if not waiting:
        return OutboxLag(waiting=0, age=0.0)
    return OutboxLag(waiting=waiting, age=max(0.0, (database_time(session) - oldest).total_seconds()))


def purge(session: Session, *, before: datetime, limit: int = 10_000) -> int:
    """Delete tasks that ended before a time, at most `limit` at once; return their number."""
    old = select(OutboxEntry.outbox_id).where(OutboxEntry.done_at < before).limit(limit)
    deleted = delete(OutboxEntry).where(OutboxEntry.outbox_id.in_(old), OutboxEntry.done_at < before)
    return rowcount(session, deleted.execution_options(synchronize_session=False))
