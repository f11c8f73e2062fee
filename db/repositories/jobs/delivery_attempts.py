"""How often a task was started: counted in a transaction of its own, so that the count outlives a dead worker."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, update
from sqlalchemy.orm import Session

from db import clock
from db.models import Attempt
from db.repositories.sql.clauses import rowcount, upsert


def begin(session: Session, tenant_id: str, *, task: str, task_id: str, first: int = 1, more: int = 1) -> int:
    """Count a start; gives how many there were with this one. Commit before the work begins.

    `first` is the count of a task that was not counted before, `more` is added to that of another.
    """
    now = clock.now(session)
    own = {"tenant_id": tenant_id, "task": task, "task_id": task_id}
    counted: Any = upsert(session, Attempt).values(**own, count=first, updated_at=now)
    counted = counted.on_conflict_do_update(
        index_elements=[Attempt.tenant_id, Attempt.task, Attempt.task_id],
        set_={"count": Attempt.count + more, "updated_at": now},
    ).returning(Attempt.count)
    return int(session.execute(counted).scalar_one())


def take_back(session: Session, tenant_id: str, *, task: str, task_id: str) -> None:
    """Count one start less: it ended by itself, and is tried again."""
    fewer = update(Attempt).where(*_own(tenant_id, task, task_id)).values(count=Attempt.count - 1)
    rowcount(session, fewer.execution_options(synchronize_session=False))


def note(session: Session, tenant_id: str, *, task: str, task_id: str, error: str) -> None:
    """Note why the last attempt failed: a code or the name of an error, never a value."""
    noted = update(Attempt).where(*_own(tenant_id, task, task_id)).values(last_error=error)
    rowcount(session, noted.execution_options(synchronize_session=False))


def clear(session: Session, tenant_id: str, *, task: str, task_id: str) -> None:
    """Forget a task that has ended, in the transaction of its effect."""
    rowcount(session, delete(Attempt).where(*_own(tenant_id, task, task_id)))


def purge(session: Session, *, before: datetime) -> int:
    """Forget what was not touched since a moment; gives the number."""
    return rowcount(session, delete(Attempt).where(Attempt.updated_at < before))


def _own(tenant_id: str, task: str, task_id: str) -> tuple[ColumnElement[bool], ...]:
    return (Attempt.tenant_id == tenant_id, Attempt.task == task, Attempt.task_id == task_id)
