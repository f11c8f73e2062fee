"""The task's side of the outbox: publish follow-ups after the commit, and end the row that a message came from.

Follow-ups are rows of the outbox first (see TaskContext.enqueue), so a broker that is away loses none: the relay
publishes a row again until the task that it stands for has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import structlog
from celery import Celery
from kombu.exceptions import OperationalError as BrokerError

from db.errors import DatabaseUnavailable
from db.records import OutboxRecord
from db.repositories.jobs import outbox
from db.session import Session, transaction
from tasks.runtime.broker.publisher import quick_producer
from tasks.runtime.celery_types import Delivery, Producer

log = structlog.get_logger(__name__)

#: message header: the id of the outbox row that the message came from
FROM_OUTBOX = "hearth_outbox"


def row_of(delivery: Delivery) -> str | None:
    """Return the id of the outbox row that a message came from, or None when it did not come from the outbox."""
    row = delivery.get(FROM_OUTBOX)
    return row if isinstance(row, str) else None


def finish(session: Session, tenant_id: str, delivery: Delivery) -> None:
    """End the row of a message in the transaction of its effect, so that the relay does not publish it again."""
    if row := row_of(delivery):
        outbox.finish(session, tenant_id, outbox_id=row, now=datetime.now(UTC))


def finish_alone(tenant_id: str, delivery: Delivery) -> None:
    """End the row of a message in a transaction of its own: the task wrote nothing, or it failed for good."""
    if row_of(delivery):
        with transaction(tenant_id) as session:
            finish(session, tenant_id, delivery)


def publish(app: Celery, tenant_id: str, rows: Sequence[OutboxRecord]) -> None:
    """Publish committed follow-ups under the ids of their rows; the relay publishes what the broker does not take."""
    if not rows:
        return
    try:
        with quick_producer(app) as producer:
            for row in rows:
                _send(app, row, producer)
    except BrokerError:
        log.warning("follow_ups_unpublished", rows=len(rows))
        return
    try:
        with transaction(tenant_id) as session:
            outbox.confirm(session, tenant_id, outbox_ids=[row.outbox_id for row in rows])
    except DatabaseUnavailable:
        # the effect is committed; the relay publishes the rows again, which changes nothing
        log.warning("follow_ups_unconfirmed", rows=len(rows))


def _send(app: Celery, row: OutboxRecord, producer: Producer) -> None:
    app.send_task(
        row.task,
        kwargs=dict(row.kwargs),
        queue=row.queue,
        task_id=row.outbox_id,
        headers={FROM_OUTBOX: row.outbox_id},
        producer=producer,
        retry=False,
        ignore_result=True,
    )
