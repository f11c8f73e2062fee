"""Follow-up tasks: written with the effect, published after the commit, confirmed, published again until confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from db.base import new_id
from db.models import OutboxEntry
from db.records import OutboxDraft, OutboxRecord
from db.repositories.statements import changed, in_batches

_COLUMNS = tuple(getattr(OutboxEntry, column.name) for column in fields(OutboxRecord))


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
    if records:
        session.execute(insert(OutboxEntry), [{name: getattr(r, name) for name in _NAMES} for r in records])
    return records


def confirm(session: Session, tenant_id: str, *, outbox_ids: Sequence[str], now: datetime) -> None:
    """Note that the broker has these tasks."""
    for batch in in_batches(outbox_ids):
        own = (OutboxEntry.tenant_id == tenant_id, OutboxEntry.outbox_id.in_(batch))
        noted = update(OutboxEntry).where(*own, OutboxEntry.published_at.is_(None)).values(published_at=now)
        changed(session, noted.execution_options(synchronize_session=False))


def pending(session: Session, *, limit: int, before: datetime) -> list[OutboxRecord]:
    """Give the oldest tasks, of all tenants, written before a moment and not confirmed yet."""
    wanted = select(*_COLUMNS).where(OutboxEntry.published_at.is_(None), OutboxEntry.created_at < before)
    oldest = wanted.order_by(OutboxEntry.created_at, OutboxEntry.outbox_id).limit(limit)
    return [OutboxRecord(**dict(row)) for row in session.execute(oldest).mappings()]


_NAMES = tuple(column.name for column in fields(OutboxRecord))
