"""Work on leads that are due: a sweep asks for workers, each claims some, and a lead that fails delays no other.

When a lead is due is a row in the database. What a worker that died had claimed is due again after a while.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import ceil

import structlog

from db.records import ClaimedLeads
from db.repositories.due_queues.due_queue import DueQueue
from db.session import Session, transaction
from tasks.runtime.bisect_batch import bisect
from tasks.runtime.context import TaskContext
from tasks.runtime.task import HearthTask
from tasks.services.leads.predictions import interval_of

log = structlog.get_logger(__name__)

#: leads that one message claims, and messages that one sweep sends for a tenant
CHUNK, MESSAGES = 200, 8


def ask_for_workers(task: HearthTask, due: Mapping[str, int], *, stale: float) -> int:
    """Send messages that each claim some leads of a tenant, of use for `stale` seconds; return how many are due."""
    for tenant_id, count in due.items():
        for _ in range(min(ceil(count / CHUNK), MESSAGES)):
            task.apply_async(kwargs={"tenant_id": tenant_id}, expires=stale, ignore_result=True)
    return sum(due.values())


def process_due(
    queue: DueQueue,
    context: TaskContext,
    tenant_id: str,
    body: Callable[[Session, TaskContext, ClaimedLeads], Sequence[str]],
    *,
    first: Callable[[Session, TaskContext, Sequence[str]], object] | None = None,
) -> tuple[int, int]:
    """Claim leads that are due and run `body` on them in one transaction; return how many were due and were done.

    `first` runs on the same leads in a transaction of its own before, so that what it locks is free again. `body`
    completes what it was given. Where it fails, its leads are halved until one fails alone: that one waits a
    scoring interval for its next turn.
    """
    with transaction(tenant_id) as session:
        claimed = queue.claim(session, tenant_id, limit=CHUNK)
    done: list[str] = []

    def run(lead_ids: Sequence[str]) -> None:
        if first is not None:
            before = context.fork()
            with before.transaction(tenant_id) as session:
                first(session, before, lead_ids)
        fork = context.fork()
        with fork.transaction(tenant_id) as session:
            completed = body(session, fork, replace(claimed, lead_ids=tuple(lead_ids)))
        done.extend(completed)

    def failed(lead_id: str, error: str) -> None:
        log.error("due_lead_failed", task=context.task, lead_id=lead_id, error=error)
        later = {lead_id: context.now + interval_of(context)}
        with transaction(tenant_id) as session:
            queue.complete(session, tenant_id, taken=replace(claimed, lead_ids=(lead_id,)), due=later)

    if claimed.lead_ids:
        bisect(claimed.lead_ids, run, failed)
    return len(claimed.lead_ids), len(done)
