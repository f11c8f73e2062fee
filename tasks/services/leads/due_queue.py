"""Leads that are due: a sweep asks for workers, each takes some, and a lead that fails waits and holds up nobody.

Who is due when is a row in the database. A worker that dies gives back what it took after a while.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from math import ceil
from typing import Any, Protocol

import structlog

from db.records import Taken
from db.session import Session, transaction
from tasks.runtime.bisect_batch import bisect
from tasks.runtime.context import TaskContext
from tasks.services.leads.snapshots import interval_of

log = structlog.get_logger(__name__)

#: leads that one message takes, and messages that one sweep sends for a tenant
CHUNK, MESSAGES = 200, 8


class DueQueue(Protocol):
    """A repository of leads that are due, such as `db.repositories.due_queues.rescore_queue`."""

    def claim(self, session: Session, tenant_id: str, *, limit: int) -> Taken:
        """Take leads that are due."""

    def complete(self, session: Session, tenant_id: str, *, taken: Taken, due: Mapping[str, datetime | None]) -> None:
        """Say when leads that were taken are due next."""


def ask(task: Any, due: Mapping[str, int], *, stale: float) -> int:
    """Ask for workers, each by a message that is of no use after `stale` seconds; gives how many leads are due."""
    for tenant_id, count in due.items():
        for _ in range(min(ceil(count / CHUNK), MESSAGES)):
            task.apply_async(kwargs={"tenant_id": tenant_id}, expires=stale, ignore_result=True)
    return sum(due.values())


def process_due(
    agenda: DueQueue, context: TaskContext, tenant_id: str, body: Callable[[Session, TaskContext, Taken], Sequence[str]]
) -> tuple[int, int]:
    """Take leads that are due and do `body` for them in one transaction; gives how many were due and how many are done.

    `body` settles what it was given. A lead that fails alone waits a scoring interval for its next turn.
    """
    with transaction(tenant_id) as session:
        taken = agenda.claim(session, tenant_id, limit=CHUNK)
    done: list[str] = []

    def run(lead_ids: Sequence[str]) -> None:
        own = context.fork()
        with own.transaction(tenant_id) as session:
            ended = body(session, own, replace(taken, lead_ids=tuple(lead_ids)))
        done.extend(ended)

    def failed(lead_id: str, error: str) -> None:
        log.error("due_lead_failed", task=context.task, lead_id=lead_id, error=error)
        later = {lead_id: context.now + interval_of(context)}
        with transaction(tenant_id) as session:
            agenda.complete(session, tenant_id, taken=replace(taken, lead_ids=(lead_id,)), due=later)

    if taken.lead_ids:
        bisect(taken.lead_ids, run, failed)
    return len(taken.lead_ids), len(done)
