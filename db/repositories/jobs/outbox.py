"""Follow-up tasks: written with the effect, published after the commit, and again until confirmed and done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from db import clock
from db.base import new_id
from db.models import OutboxEntry
from db.records import OutboxDraft, OutboxLag, OutboxRecord
from db.repositories.jobs.outbox_relay import claim, mark
from db.repositories.sql.bulk import core, insert_many, on_postgresql
from db.repositories.sql.clauses import among, in_batches, rowcount

__all__ = ["add", "claim", "confirm", "confirm_all", "fail", "finish", "finish_many", "lag", "pending", "purge"]

_NAMES = tuple(column.name for column in fields(OutboxRecord))
_COLUMNS = tuple(getattr(OutboxEntry, name) for name in _NAMES)
_ROW = core(OutboxEntry).c
_OWN = (_ROW.tenant_id == bindparam("tenant"), among(_ROW.outbox_id, "rows"))
_AT = bindparam("at", type_=_ROW.done_at.type)
# A row that its own task is just finishing needs no confirmation, and must not hold up all the others.
_FREE = select(_ROW.outbox_id).where(*_OWN).with_for_update(skip_locked=True)
_NOTE = update(core(OutboxEntry)).where(_ROW.tenant_id == bindparam("tenant"), _ROW.outbox_id.in_(_FREE))
_CONFIRM = _NOTE.values(published_at=_AT, taken_until=None)
_CONFIRM_BY_CLOCK = _NOTE.values(published_at=func.clock_timestamp(), taken_until=None)
_END = update(core(OutboxEntry)).where(*_OWN)
# a task that ran was published, whoever noted it
_END = _END.values(done_at=_AT, published_at=func.coalesce(_ROW.published_at, _AT))


def add(session: Session, tenant_id: str, *, drafts: Sequence[OutboxDraft], now: datetime) -> list[OutboxRecord]:
    """Write tasks to be published once this transaction has ended; each id is the task's id."""
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
    """Note that the broker has these tasks, as of the database's time unless another is given."""
    by_clock = now is None and on_postgresql(session)  # which tells the time in the same breath
    moment = {} if by_clock else {"at": now or clock.now(session)}
    for batch in in_batches(outbox_ids):
        told = {"tenant": tenant_id, "rows": batch, **moment}
        session.connection().execute(_CONFIRM_BY_CLOCK if by_clock else _CONFIRM, told)


def confirm_all(session: Session, *, records: Sequence[OutboxRecord]) -> None:
    """Note that the broker has these tasks of many tenants, as of the database's time."""
    mark(session, records, published_at=clock.now(session), taken_until=None)


def fail(session: Session, *, records: Sequence[OutboxRecord], error: str, seconds: float) -> None:
    """Note why the broker did not take these tasks (a code, no value); a relay takes them again after some seconds."""
    mark(session, records, last_error=error, taken_until=clock.ahead(session, seconds))


def finish(session: Session, tenant_id: str, *, outbox_id: str, now: datetime) -> bool:
    """Note, last in the transaction of its effect, that the task has ended; False when it was not in the outbox."""
    return finish_many(session, tenant_id, outbox_ids=[outbox_id], now=now) == 1


def finish_many(session: Session, tenant_id: str, *, outbox_ids: Sequence[str], now: datetime) -> int:
    """Note that these tasks have ended; gives how many of them stand in the outbox."""
    found = 0
    for batch in in_batches(outbox_ids):
        found += session.connection().execute(_END, {"tenant": tenant_id, "rows": batch, "at": now}).rowcount
    return found


def pending(session: Session, *, limit: int, before: datetime) -> list[OutboxRecord]:
    """Give the oldest tasks, of all tenants, written before a moment and not confirmed yet; nothing is taken."""
    wanted = select(*_COLUMNS).where(OutboxEntry.published_at.is_(None), OutboxEntry.created_at < before)
    oldest = wanted.order_by(OutboxEntry.created_at, OutboxEntry.outbox_id).limit(limit)
    return [OutboxRecord(**dict(row)) for row in session.execute(oldest).mappings()]


def lag(session: Session) -> OutboxLag:
    """Tell how many tasks the broker does not have yet and how long the oldest has waited."""
    counted = select(func.count(), func.min(OutboxEntry.created_at)).where(OutboxEntry.published_at.is_(None))
    waiting, oldest = session.execute(counted).one()
    if not waiting:
        return OutboxLag(waiting=0, age=0.0)
    return OutboxLag(waiting=waiting, age=max(0.0, (clock.now(session) - oldest).total_seconds()))


def purge(session: Session, *, before: datetime, limit: int = 10_000) -> int:
    """Delete tasks that ended before a moment, at most `limit` at once; gives their number."""
    old = select(OutboxEntry.outbox_id).where(OutboxEntry.done_at < before).limit(limit)
    gone = delete(OutboxEntry).where(OutboxEntry.outbox_id.in_(old), OutboxEntry.done_at < before)
    return rowcount(session, gone.execution_options(synchronize_session=False))
