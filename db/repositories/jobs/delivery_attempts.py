"""Count the delivery attempts of tasks, in transactions of their own, so that the counts survive a dead worker."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, delete, update
from sqlalchemy.orm import Session

from db.models import DeliveryAttempt
from db.repositories.sql import rowcount, upsert
from db.session import database_time


def begin(session: Session, tenant_id: str, *, task: str, task_id: str, first: int = 1, more: int = 1) -> int:
    """Count an attempt and return the new count. Commit before the work begins.

    `first` is the count of a task without a count, `more` is added to a count that is there.
    """
    now = database_time(session)
    first_attempt = upsert(session, DeliveryAttempt).values(
        tenant_id=tenant_id, task=task, task_id=task_id, count=first, updated_at=now
    )
    counted = first_attempt.on_conflict_do_update(
        index_elements=["tenant_id", "task", "task_id"],
        set_={"count": DeliveryAttempt.count + more, "updated_at": now},
    ).returning(DeliveryAttempt.count)
    return int(session.execute(counted).scalar_one())


def undo(session: Session, tenant_id: str, *, task: str, task_id: str) -> None:
    """Take one attempt off the count: it ended in order, and the task is retried."""
    fewer = update(DeliveryAttempt).where(*_own(tenant_id, task, task_id)).values(count=DeliveryAttempt.count - 1)
    rowcount(session, fewer.execution_options(synchronize_session=False))


def record_error(session: Session, tenant_id: str, *, task: str, task_id: str, error: str) -> None:
    """Record why the last attempt failed: a code or the name of an error, never a value."""
    failed = update(DeliveryAttempt).where(*_own(tenant_id, task, task_id)).values(last_error=error)
    rowcount(session, failed.execution_options(synchronize_session=False))


def clear(session: Session, tenant_id: str, *, task: str, task_id: str) -> None:
    """Delete the count of a task that has ended, in the transaction of its effect."""
    rowcount(session, delete(DeliveryAttempt).where(*_own(tenant_id, task, task_id)))


def purge(session: Session, *, before: datetime) -> int:
    """Delete the counts that were last changed before a time; return their number."""
    return rowcount(session, delete(DeliveryAttempt).where(DeliveryAttempt.updated_at < before))


def _own(tenant_id: str, task: str, task_id: str) -> tuple[ColumnElement[bool], ...]:
    return (DeliveryAttempt.tenant_id == tenant_id, DeliveryAttempt.task == task, DeliveryAttempt.task_id == task_id)
