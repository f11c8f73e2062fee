"""Count how often a message is started, all its copies together, so that one that kills its process ends in quarantine.

A message is delivered again because its process died (Celery sends it again), because its worker died or was silent
(the broker gives it back), or because the relay publishes its row again; several of these copies may exist at once.
A first delivery is not recorded, which costs nothing: whatever comes after it counts it too. A copy that the task sent
itself, for a transient error, is not recorded either: nothing crashed.

In this module `delivery` is what Celery tells of the message that is run now: its headers, by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

import structlog

from db.errors import DatabaseError
from db.records import QuarantineDraft
from db.repositories import tenants
from db.repositories.jobs import delivery_attempts, quarantine
from db.session import EVERY_TENANT, transaction
from domain.documents import JsonObject
from tasks.contracts.base.request import Request
from tasks.contracts.base.wire import canonical
from tasks.errors import Poisonous
from tasks.runtime.celery_types import Delivery
from tasks.runtime.context import TaskContext

log = structlog.get_logger(__name__)

#: starts of one message, all its copies together
MAX_ATTEMPTS = 6
#: message header: the relay may have published the row before
AGAIN = "hearth_again"
#: message header: the Celery retries of a message whose predecessor ended by itself
ENDED = "hearth_ended"


def count(request: Request, context: TaskContext, delivery: Delivery, *, queue: str) -> bool:
    """Record this attempt where a process may have died over the message before; return whether it was recorded.

    Raises:
        Poisonous: it was started too often; it is quarantined and not run.

    """
    more = unrecorded_attempts(delivery)
    if not more:
        return False
    attempts = record(request.tenant_id, task=context.task, task_id=context.task_id, more=more)
    if attempts <= MAX_ATTEMPTS:
        return True
    before = min(attempts - more, MAX_ATTEMPTS)
    quarantine_message(
        request.tenant_id,
        task=context.task,
        task_id=context.task_id,
        queue=queue,
        body=canonical(request.model_dump(mode="json", exclude_unset=True)),
        attempts=before,
        now=context.now,
    )
    raise Poisonous(f"{context.task} took its worker down {before} times; see `hearth quarantine list`")


def unrecorded_attempts(delivery: Delivery) -> int:
    """Return the attempts that a delivery adds to its message's count, judged by its headers: 0 for a first one.

    It is 2 where its predecessor was a first delivery, and died.

    >>> unrecorded_attempts({}), unrecorded_attempts({"retries": 1}), unrecorded_attempts({"retries": 2})
    (0, 2, 1)
    >>> unrecorded_attempts({"retries": 2, ENDED: 2}), unrecorded_attempts({"retries": 3, ENDED: 2})
    (0, 2)
    >>> unrecorded_attempts({AGAIN: True}), unrecorded_attempts({AGAIN: True, "retries": 1})
    (1, 1)
    >>> unrecorded_attempts({AGAIN: True, ENDED: 0})
    0
    """
    deaths = _number(delivery, "retries") - _number(delivery, ENDED)
    copy = _redelivered(delivery) or (delivery.get(AGAIN) is True and not ended_before(delivery))
    if deaths <= 0 and not copy:
        return 0
    return 2 if deaths == 1 and not copy else 1


def carry_over_headers(delivery: Delivery) -> JsonObject:
    """Return the headers of a copy that follows an attempt which could not be recorded: the copy's own attempt will be.

    >>> unrecorded_attempts({"retries": 2} | carry_over_headers({"retries": 2}))
    1
    >>> unrecorded_attempts({"retries": 2} | carry_over_headers({"retries": 2, ENDED: 1}))
    2
    >>> unrecorded_attempts(carry_over_headers({"delivery_info": {"redelivered": True}}))
    1
    """
    return {ENDED: delivery.get(ENDED), **({AGAIN: True} if _redelivered(delivery) else {})}


def ended_before(delivery: Delivery) -> bool:
    """Return whether a predecessor ended by itself: then not all Celery retries of a delivery are deaths."""
    return delivery.get(ENDED) is not None


def record(tenant_id: str, *, task: str, task_id: str, more: int) -> int:
    """Record attempts in a commit of their own; return how many there were with these."""
    with transaction(tenant_id or quarantine.UNKNOWN_TENANT) as session:
        return delivery_attempts.begin(
            session, tenant_id or quarantine.UNKNOWN_TENANT, task=task, task_id=task_id, first=2, more=more
        )


def record_death(tenant_id: str | None, *, task: str, task_id: str) -> None:
    """Record a delivery attempt that was not recorded because the process died; the next headers will not show it."""
    with _unless_away(task, task_id), transaction(tenant_id or quarantine.UNKNOWN_TENANT) as session:
        delivery_attempts.begin(session, tenant_id or quarantine.UNKNOWN_TENANT, task=task, task_id=task_id)


def forget(tenant_id: str, *, task: str, task_id: str) -> None:
    """Take a recorded attempt back: it has ended by itself, and no process died."""
    with _unless_away(task, task_id), transaction(tenant_id or quarantine.UNKNOWN_TENANT) as session:
        delivery_attempts.undo(session, tenant_id or quarantine.UNKNOWN_TENANT, task=task, task_id=task_id)


def quarantine_message(
    tenant_id: str, *, task: str, task_id: str, queue: str, body: bytes, attempts: int, now: datetime
) -> None:
    """Quarantine a message that was started too often; a copy of one that is there adds nothing."""
    draft = QuarantineDraft(
        task=task,
        queue=queue,
        reason=quarantine.ATTEMPTS,
        headers={"id": task_id},
        body=body,
        attempts=attempts,
        message_id=task_id,
    )
    with transaction(EVERY_TENANT) as session:
        stored_under = tenant_id if tenants.get(session, tenant_id) else quarantine.UNKNOWN_TENANT
        quarantine.hold(session, stored_under, draft=draft, now=now)


@contextmanager
def _unless_away(task: str, task_id: str) -> Iterator[None]:
    """Log an error of the database and go on: a count that is wrong by one is no reason to fail."""
    try:
        yield
    except DatabaseError as error:
        log.warning("starts_miscounted", task=task, task_id=task_id, error=type(error).__name__)


def _redelivered(delivery: Delivery) -> bool:
    info = delivery.get("delivery_info")
    return isinstance(info, Mapping) and bool(info.get("redelivered"))


def _number(delivery: Delivery, name: str) -> int:
    """Return a number of the headers, or 0 for anything else: anybody may have written it."""
    value = delivery.get(name)
    return value if isinstance(value, int) else 0
