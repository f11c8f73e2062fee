"""How often a message is started: counted by its task id, for all its copies together, so that a deadly one ends.

A message comes again because its process died (Celery sends it anew), because its worker died or was silent (the broker
gives it back), or because the relay publishes its row again; several of these copies may be about at once. A first
delivery is not counted, which costs nothing: whatever comes after it counts it too. Nor is what the task itself sent
again for trouble that passes: nobody died over it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import structlog

from db.errors import DatabaseError
from db.records import QuarantineDraft
from db.repositories import tenants
from db.repositories.jobs import delivery_attempts, quarantine
from db.session import EVERY_TENANT, transaction

log = structlog.get_logger(__name__)

#: starts of one message, all its copies together
STARTS = 6
#: message header: the relay may have published its row before
AGAIN = "hearth_again"
#: message header: the retries of a message that follows one which ended by itself
ENDED = "hearth_ended"


def to_count(told: Any) -> int:
    """Give the starts that a delivery adds to its message's count, by what its request tells: 0 for a first one.

    It is 2 where its forerunner was a first one, and is dead.

    >>> to_count({}), to_count({"retries": 1}), to_count({"retries": 2})
    (0, 2, 1)
    >>> to_count({"retries": 2, ENDED: 2}), to_count({"retries": 3, ENDED: 2})
    (0, 2)
    >>> to_count({AGAIN: True}), to_count({AGAIN: True, "retries": 1}), to_count({AGAIN: True, ENDED: 0})
    (1, 1, 0)
    """
    deaths = _number(told, "retries") - _number(told, ENDED)
    copy = _redelivered(told) or (told.get(AGAIN) is True and not ended_before(told))
    if deaths <= 0 and not copy:
        return 0
    return 2 if deaths == 1 and not copy else 1


def uncounted(told: Any) -> dict[str, Any]:
    """Give the headers of a copy that follows a start which could not be counted: what the copy starts is to be.

    >>> to_count({"retries": 2} | uncounted({"retries": 2}))
    1
    >>> to_count({"retries": 2} | uncounted({"retries": 2, ENDED: 1}))
    2
    >>> to_count(uncounted({"delivery_info": {"redelivered": True}}))
    1
    """
    return {ENDED: told.get(ENDED), **({AGAIN: True} if _redelivered(told) else {})}


def ended_before(told: Any) -> bool:
    """Whether a forerunner ended by itself: then the retries that a request tells are not all deaths."""
    return told.get(ENDED) is not None


def begin(tenant_id: str, *, task: str, task_id: str, more: int) -> int:
    """Count a start in a commit of its own; gives how many there were with this one."""
    with transaction(tenant_id or quarantine.NOBODY) as session:
        own = {"task": task, "task_id": task_id}
        return delivery_attempts.begin(session, tenant_id or quarantine.NOBODY, **own, first=2, more=more)


def record_death(tenant_id: str | None, *, task: str, task_id: str) -> None:
    """Count a start that was not counted, since its process died and what comes next does not tell so."""
    with _unless_away(task, task_id), transaction(tenant_id or quarantine.NOBODY) as session:
        delivery_attempts.begin(session, tenant_id or quarantine.NOBODY, task=task, task_id=task_id)


def forget(tenant_id: str, *, task: str, task_id: str) -> None:
    """A start that was counted has ended by itself, and nobody died."""
    with _unless_away(task, task_id), transaction(tenant_id or quarantine.NOBODY) as session:
        delivery_attempts.take_back(session, tenant_id or quarantine.NOBODY, task=task, task_id=task_id)


def quarantine_message(
    tenant_id: str, *, task: str, task_id: str, queue: str, body: bytes, starts: int, now: datetime
) -> None:
    """Keep what was started too often until a person looks at it; a copy of what is held already changes nothing."""
    draft = QuarantineDraft(
        task=task,
        queue=queue,
        reason=quarantine.ATTEMPTS,
        headers={"id": task_id},
        body=body,
        attempts=starts,
        message_id=task_id,
    )
    with transaction(EVERY_TENANT) as session:
        known = tenant_id if tenants.get(session, tenant_id) else quarantine.NOBODY
        quarantine.hold(session, known, draft=draft, now=now)


@contextmanager
def _unless_away(task: str, task_id: str) -> Iterator[None]:
    """A count that is wrong by one is no reason to fail."""
    try:
        yield
    except DatabaseError as error:
        log.warning("starts_miscounted", task=task, task_id=task_id, error=type(error).__name__)


def _redelivered(told: Any) -> bool:
    return bool((told.get("delivery_info") or {}).get("redelivered"))


def _number(told: Any, name: str) -> int:
    """A number that a message tells; anybody may have written it."""
    value = told.get(name)
    return value if isinstance(value, int) else 0
