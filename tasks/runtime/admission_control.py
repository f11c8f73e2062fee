"""How much may wait: over it a task is refused as overloaded, at once, instead of waiting for hours."""

from __future__ import annotations

from celery import current_app
from redis.exceptions import RedisError

from db.repositories.backfills import backfills
from db.repositories.jobs import queue_probes
from db.repositories.predictions import assessments
from db.session import Session
from tasks.errors import Overloaded
from tasks.runtime import queue_depth

#: what one tenant may have running
ASSESSMENTS, IMPORTS = 5_000, 50
#: what one tenant may have waiting in a queue; the canary tells what the others wait, since they do not wait for it
MESSAGES = 10_000
#: seconds that a message may wait in a queue before nothing more is taken for it
LONGEST_WAIT = 600.0


def admit_assessment(session: Session, tenant_id: str) -> None:
    """Raises Overloaded when the tenant or the cluster has enough to do."""
    if assessments.running(session, tenant_id) >= ASSESSMENTS:
        raise Overloaded(f"{ASSESSMENTS} assessments of this tenant have not ended; send it again when some have")
    _admit(session, tenant_id, "inference")


def admit_import(session: Session, tenant_id: str) -> None:
    """Raises Overloaded when the tenant or the cluster has enough to do."""
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
    """A broker that is away holds nobody up here."""
    try:
        return queue_depth.backlog(current_app.backend.client, queue, tenant_id)
    except (RedisError, OSError, AttributeError):
        return 0
