"""The context in which the sender uses the services of tasks."""

from __future__ import annotations

from datetime import datetime

from db.base import new_id
from db.records import TenantRecord
from tasks.runtime.context import TaskContext
from tasks.runtime.routing import queue_of

NAME = "hearth.sender"


def context_of(tenant: TenantRecord, now: datetime) -> TaskContext:
    """Return the context of one piece of work; the relay publishes its follow-ups."""
    return TaskContext(
        task=NAME,
        task_id=new_id(),
        tenant=tenant,
        args_hash="",
        now=now,
        queue_of=_queue,
        publish=lambda _tenant_id, _rows: None,
    )


def _queue(task: str) -> str:
    queue = queue_of(task)
    if queue is None:
        raise LookupError(f"no task of this name: {task}")
    return queue
