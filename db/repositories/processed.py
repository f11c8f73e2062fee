"""Idempotency keys: a task's effect happens once, and its first result is answered again."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db.errors import KeyConflict
from db.models import Processed
from db.records import Json, ProcessedRecord
from db.repositories.statements import changed, insert_first

_COLUMNS = tuple(getattr(Processed, column.name) for column in fields(ProcessedRecord))


def claim(
    session: Session, tenant_id: str, *, task: str, key: str, args_hash: str, task_id: str, now: datetime
) -> ProcessedRecord | None:
    """Take a key: None when it is the caller's now (do the work, then `finish`), else what was stored first.

    While another transaction holds the key this waits for its end, at most as long as the lock timeout.

    Raises:
        KeyConflict: the key came before with other arguments.

    """
    own = {"tenant_id": tenant_id, "task": task, "key": key}
    claimed = {"args_hash": args_hash, "task_id": task_id, "done": False, "created_at": now}
    if insert_first(session, Processed, {**own, **claimed}):
        return None
    stored = _stored(session, tenant_id, task, key)
    if stored.args_hash != args_hash:
        raise KeyConflict("this idempotency key was used before with other arguments; use a new key")
    return stored


def finish(session: Session, tenant_id: str, *, task: str, key: str, result: Json, now: datetime) -> None:
    """Store the result of a claimed key, in the transaction of the effect."""
    own = (Processed.tenant_id == tenant_id, Processed.task == task, Processed.key == key)
    ended = update(Processed).where(*own).values(result=dict(result), done=True, finished_at=now)
    changed(session, ended.execution_options(synchronize_session=False))


def by_task_id(session: Session, tenant_id: str, *, task_id: str) -> ProcessedRecord | None:
    """Give what a task of this id stored, or None."""
    wanted = select(*_COLUMNS).where(Processed.tenant_id == tenant_id, Processed.task_id == task_id)
    row = session.execute(wanted.order_by(Processed.created_at).limit(1)).mappings().one_or_none()
    return None if row is None else ProcessedRecord(**dict(row))


def _stored(session: Session, tenant_id: str, task: str, key: str) -> ProcessedRecord:
    wanted = select(*_COLUMNS).where(Processed.tenant_id == tenant_id, Processed.task == task, Processed.key == key)
    return ProcessedRecord(**dict(session.execute(wanted).mappings().one()))
