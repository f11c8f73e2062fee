"""How long messages wait in each queue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db import clock
from db.models import Canary
from db.records import CanaryRecord
from db.repositories.sql.bulk import core
from db.repositories.sql.clauses import rowcount, upsert

EVERYBODY = "*"
#: seconds after which a canary that did not arrive is taken for lost
LOST = 900.0
_CANARY = core(Canary).c
_ALL = select(_CANARY.queue, _CANARY.sent_at, _CANARY.ran_at).order_by(_CANARY.queue)


def send(session: Session, *, queues: Sequence[str]) -> list[CanaryRecord]:
    """Note a new canary for each queue that has none under way; gives those to be sent."""
    now = clock.now(session)
    waiting = {canary.queue for canary in latest(session) if canary.ran_at is None and canary.age < LOST}
    fresh = [queue for queue in queues if queue not in waiting]
    for queue in fresh:
        row = upsert(session, Canary).values(tenant_id=EVERYBODY, queue=queue, sent_at=now, ran_at=None)
        key: Any = [Canary.tenant_id, Canary.queue]
        session.execute(row.on_conflict_do_update(index_elements=key, set_={"sent_at": now, "ran_at": None}))
    return [CanaryRecord(queue=queue, sent_at=now, ran_at=None, age=0.0) for queue in fresh]


def ran(session: Session, *, queue: str, sent_at: datetime) -> bool:
    """Note that a canary arrived; False when it was taken for lost and another is under way."""
    own = (Canary.tenant_id == EVERYBODY, Canary.queue == queue, Canary.sent_at == sent_at, Canary.ran_at.is_(None))
    noted = update(Canary).where(*own).values(ran_at=clock.now(session))
    return rowcount(session, noted.execution_options(synchronize_session=False)) == 1


def latest(session: Session) -> list[CanaryRecord]:
    """Give the newest canary of each queue, with the seconds it waited or has waited so far."""
    rows = session.connection().execute(_ALL).all()
    under_way = any(row.ran_at is None for row in rows)
    now = clock.now(session) if under_way else datetime.max.replace(tzinfo=UTC)
    return [
        CanaryRecord(queue=queue, sent_at=sent_at, ran_at=ran_at, age=_seconds((ran_at or now) - sent_at))
        for queue, sent_at, ran_at in rows
    ]


def _seconds(span: timedelta) -> float:
    return max(0.0, span.total_seconds())
