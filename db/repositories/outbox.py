"""Follow-up tasks: written with the effect, published after the commit, and again until confirmed and done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from db import clock
from db.base import new_id
from db.models import OutboxEntry
from db.records import OutboxDraft, OutboxLag, OutboxRecord
from db.repositories.bulk import insert_many
from db.repositories.outbox_relay import mark, take
from db.repositories.statements import changed, in_batches

__all__ = ["add", "confirm", "confirm_all", "fail", "finish", "finish_many", "lag", "pending", "purge", "take"]

_NAMES = tuple(column.name for column in fields(OutboxRecord))
_COLUMNS = tuple(getattr(OutboxEntry, name) for name in _NAMES)


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
    moment = now or clock.now(session)
    for batch in in_batches(outbox_ids):
        own = (OutboxEntry.tenant_id == tenant_id, OutboxEntry.outbox_id.in_(batch))
        # A row that its own task is just finishing needs no confirmation, and must not hold up all the others.
        free = select(OutboxEntry.outbox_id).where(*own).with_for_update(skip_locked=True)
        noted = update(OutboxEntry).where(OutboxEntry.tenant_id == tenant_id, OutboxEntry.outbox_id.in_(free))
        noted = noted.values(published_at=moment, taken_until=None)
        changed(session, noted.execution_options(synchronize_session=False))


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
        own = (OutboxEntry.tenant_id == tenant_id, OutboxEntry.outbox_id.in_(batch))
        moment = func.coalesce(OutboxEntry.published_at, now)  # a task that ran was published, whoever noted it
        ended = update(OutboxEntry).where(*own).values(done_at=now, published_at=moment)
        found += changed(session, ended.execution_options(synchronize_session=False))
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
    return changed(session, gone.execution_options(synchronize_session=False))
