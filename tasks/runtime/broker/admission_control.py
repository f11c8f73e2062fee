"""Admission control: refuse work at once as Overloaded instead of letting it wait for hours.

The limits are checked before an assessment or an import is accepted. They need the broker's word on what waits; while
it does not give it, nothing is accepted: the message is retried, then answered with Unavailable.
"""

from __future__ import annotations

import structlog
from celery import current_app
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from db.repositories.backfills import backfills
from db.repositories.jobs import queue_probes
from db.repositories.predictions import assessments
from db.session import Session
from tasks.errors import Overloaded
from tasks.runtime.broker import queue_depth
from tasks.runtime.broker.publisher import quick_producer

log = structlog.get_logger(__name__)

#: assessments and imports that one tenant may have running
ASSESSMENTS, IMPORTS = 5_000, 50
#: messages that one tenant may have waiting in a queue: other tenants' messages do not wait behind them
MESSAGES = 10_000
#: seconds that a probe may wait in a queue before nothing more is accepted for it
LONGEST_WAIT = 600.0


def admit_assessment(session: Session, tenant_id: str) -> None:
    """Check the limits before an assessment is accepted.

    Raises:
        Overloaded: the tenant or the cluster has enough to do.
        DepthUnknown: the broker did not say how much waits.

    """
    if assessments.running(session, tenant_id) >= ASSESSMENTS:
        raise Overloaded(f"{ASSESSMENTS} assessments of this tenant have not ended; send it again when some have")
    _admit(session, tenant_id, "inference")


def admit_import(session: Session, tenant_id: str) -> None:
    """Check the limits before an import is accepted; raises as `admit_assessment`."""
    if backfills.running(session, tenant_id) >= IMPORTS:
        raise Overloaded(f"{IMPORTS} imports of this tenant have not ended; send it again when some have")
    _admit(session, tenant_id, "batch")


def _admit(session: Session, tenant_id: str, queue: str) -> None:
    if _backlog(queue, tenant_id) >= MESSAGES:
        raise Overloaded(f"{MESSAGES} messages of this tenant wait in the queue {queue}; send it again when fewer do")
    waits = {canary.queue: canary.age for canary in queue_probes.latest(session) if canary.ran_at is None}
    if waits.get(queue, 0.0) > LONGEST_WAIT:
        raise Overloaded(f"the queue {queue} is {LONGEST_WAIT:.0f} seconds behind; send it again later")


def _backlog(queue: str, tenant_id: str) -> int:
    try:
        with quick_producer(current_app) as producer, producer.channel.conn_or_acquire() as client:
            return queue_depth.backlog(client, queue, tenant_id)
    except (RedisError, BrokerError, OSError) as error:
        log.error("queue_depth_unknown", queue=queue, error=type(error).__name__)
        raise queue_depth.DepthUnknown(queue) from None
