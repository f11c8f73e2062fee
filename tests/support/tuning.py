"""Searches in one process: the rows of the outbox are the queue, and any order of them is one that workers may take."""

from __future__ import annotations

import random
from datetime import timedelta

from sqlalchemy import select, update

from db.models import OutboxEntry, TuningFold, TuningStudy
from db.session import transaction
from tests.support.training import closed
from workers.app import app

PREFIX = "hearth.models.tune_"


def leads(count: int) -> list[dict[str, object]]:
    return [closed(number) for number in range(count)]


def waiting(tenant: str, seen: set[str]) -> list[tuple[str, str, dict]]:
    """What was enqueued for a search and not yet run, as (id, task, kwargs)."""
    with transaction(tenant) as session:
        rows = session.execute(
            select(OutboxEntry.outbox_id, OutboxEntry.task, OutboxEntry.kwargs)
            .where(OutboxEntry.tenant_id == tenant, OutboxEntry.task.startswith(PREFIX))
            .order_by(OutboxEntry.created_at, OutboxEntry.outbox_id)
        ).all()
    return [(row.outbox_id, row.task, row.kwargs) for row in rows if row.outbox_id not in seen]


def work(tenant: str, *, seed: int | None = None, twice: bool = False, most: int = 1000) -> list[str]:
    """Run what waits until nothing does; shuffled by a seed, each message twice if asked. Returns states of folds."""
    order, seen, states = random.Random(seed), set(), []
    while len(seen) < most and (queue := waiting(tenant, seen)):
        place = 0 if seed is None else order.randrange(len(queue))
        outbox_id, task, kwargs = queue[place]
        seen.add(outbox_id)
        states += [app.tasks[task](**kwargs)["data"].get("state") for _ in range(2 if twice else 1)]
    return states


def expire_leases(tenant: str) -> None:
    """Let the leases of all folds run out, as time does."""
    _shift(tenant, TuningFold, TuningFold.leased_until)


def spend(tenant: str) -> None:
    """Let the budget of all studies be spent, as time does."""
    _shift(tenant, TuningStudy, TuningStudy.deadline)


def _shift(tenant, table, column):
    with transaction(tenant) as session:
        rows = session.execute(select(*table.__table__.primary_key.columns, column).where(column.is_not(None))).all()
        for row in rows:
            *keys, moment = row
            where = [c == v for c, v in zip(table.__table__.primary_key.columns, keys, strict=True)]
            session.execute(update(table).where(*where).values({column: moment - timedelta(days=2)}))
