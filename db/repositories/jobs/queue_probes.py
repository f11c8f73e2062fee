"""Probes that measure how long messages wait in each queue: canary messages, with the times of sending and arrival."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db.models import QueueProbe
from db.records import QueueProbeRecord
from db.repositories.sql import rowcount, table_of, upsert
from db.session import database_time

EVERYBODY = "*"
#: seconds after which a probe that has not arrived counts as lost
LOST = 900.0
_CANARY = table_of(QueueProbe).c
_ALL = select(_CANARY.queue, _CANARY.sent_at, _CANARY.ran_at).order_by(_CANARY.queue)


def send(session: Session, *, queues: Sequence[str]) -> list[QueueProbeRecord]:
    """Record a new probe for each queue that has none under way; return those to be sent."""
    now = database_time(session)
    waiting = {probe.queue for probe in latest(session) if probe.ran_at is None and probe.age < LOST}
    fresh = [queue for queue in queues if queue not in waiting]
    for queue in fresh:
        row = upsert(session, QueueProbe).values(tenant_id=EVERYBODY, queue=queue, sent_at=now, ran_at=None)
        session.execute(
            row.on_conflict_do_update(index_elements=["tenant_id", "queue"], set_={"sent_at": now, "ran_at": None})
        )
    return [QueueProbeRecord(queue=queue, sent_at=now, ran_at=None, age=0.0) for queue in fresh]


def mark_arrived(session: Session, *, queue: str, sent_at: datetime) -> bool:
    """Record that a probe arrived; False when it was taken for lost and another is under way."""
    this = (
        QueueProbe.tenant_id == EVERYBODY,
        QueueProbe.queue == queue,
        QueueProbe.sent_at == sent_at,
        QueueProbe.ran_at.is_(None),
    )
    arrived = update(QueueProbe).where(*this).values(ran_at=database_time(session))
    return rowcount(session, arrived.execution_options(synchronize_session=False)) == 1


def latest(session: Session) -> list[QueueProbeRecord]:
    """Return the newest probe of each queue, with the seconds that it waited or has waited so far."""
    rows = session.connection().execute(_ALL).all()
    under_way = any(row.ran_at is None for row in rows)
    now = database_time(session) if under_way else datetime.max.replace(tzinfo=UTC)
    return [
        QueueProbeRecord(queue=queue, sent_at=sent_at, ran_at=ran_at, age=_seconds((ran_at or now) - sent_at))
        for queue, sent_at, ran_at in rows
    ]


def _seconds(span: timedelta) -> float:
    return max(0.0, span.total_seconds())
