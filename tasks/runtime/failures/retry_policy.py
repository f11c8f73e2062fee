"""Retry policies for transient errors: how long a message is retried, and where it is kept afterwards.

A message that meets a transient error is sent again by its own task after a delay that grows. A header carries the
state: which error, since when, how many tries. It is separate from Celery's retries, which count crashes. A query gives
up after a few tries, since a caller waits for it. What writes is retried until its policy is exhausted, and is then
quarantined whole. A message that cannot be quarantined is retried further: it is never dropped.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from celery.exceptions import Retry
from kombu.utils import json

from db.errors import DatabaseError
from db.records import QuarantineDraft
from db.repositories import tenants
from db.repositories.jobs import outbox, quarantine
from db.session import EVERY_TENANT, transaction
from domain.documents import JsonObject
from tasks.runtime.celery_types import TaskRequest

log = structlog.get_logger(__name__)

#: seconds before the first new try, and the most before any
BACKOFF, BACKOFF_LIMIT = 0.5, 60.0
#: most retries of a query: a caller waits for it, and nothing is lost
QUERY_TRIES = 5
#: message header: the state of the retries
RETRY_HEADER = "hearth_retry"
#: the quarantine's reason of a message whose retries are exhausted
EXHAUSTED = "unavailable"
#: the standard headers of a message, as attributes of Celery's request
_HEADERS = (
    "root_id",
    "parent_id",
    "group",
    "group_index",
    "shadow",
    "retries",
    "expires",
    "timelimit",
    "ignore_result",
    "origin",
    "replaced_task_nesting",
    "stamped_headers",
    "stamps",
)
_EMBEDDED = ("callbacks", "errbacks", "chain", "chord")


class DatabaseAway(Retry):
    """The task is retried when the database answers; the worker's main process learns of the outage by this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """A kind of transient error: its message, and for how long it is retried."""

    name: str
    message: str
    #: seconds since the error was first met
    patience: float
    #: the exception that tells Celery and the main process
    retry: type[Retry] = Retry


#: the database does not answer, or takes no writes
DATABASE_AWAY = RetryPolicy(
    name="database",
    message="the database did not answer; send the task again later",
    patience=24 * 3600.0,
    retry=DatabaseAway,
)
#: a worker is newer than its database; until it is migrated there is none for it
SCHEMA_OUTDATED = RetryPolicy(
    name="schema",
    message="the database lacks tables of this version until `hearth migrate` has run; send the task again later",
    patience=24 * 3600.0,
    retry=DatabaseAway,
)
#: the database answers, but others hold the rows or the statement took too long
ROWS_BUSY = RetryPolicy(
    name="rows",
    message="the database was too busy with these rows; send the task again later",
    patience=3600.0,
)
DISK_FULL = RetryPolicy(
    name="disk",
    message="no room on the disk of Hearth's home; make some and send the task again",
    patience=24 * 3600.0,
)
#: the broker did not say how much waits in a queue, so nothing more may be admitted to it
BROKER_AWAY = RetryPolicy(
    name="broker",
    message="the broker did not say how much is waiting; send the task again later",
    patience=300.0,
)
#: a row that is referred to was deleted meanwhile: the next look sees what there is, or it is a fault of ours
REFERENCE_GONE = RetryPolicy(
    name="reference",
    message="what this was about was deleted meanwhile; ask again what is there",
    patience=15.0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryState:
    """The state of a message's retries: the error, since when (Unix seconds), and the tries so far."""

    trouble: str
    since: float
    tries: int

    def header(self) -> JsonObject:
        """Return the state as the message header holds it."""
        return {"trouble": self.trouble, "since": self.since, "tries": self.tries}

    def is_exhausted(self, policy: RetryPolicy, now: datetime) -> bool:
        """Return whether the policy allows no further retry."""
        return now.timestamp() - self.since >= policy.patience

    def delay(self) -> float:
        """Return the seconds until the next try: exponential backoff, with jitter between half and all of it."""
        most: float = min(BACKOFF * 2.0 ** min(self.tries - 1, 16), BACKOFF_LIMIT)
        return most * (0.5 + random.random() / 2)


def next_state(header: object, policy: RetryPolicy, now: datetime) -> RetryState:
    """Return the state after one more error, from the header that the message carries; anybody may have written it.

    >>> at = datetime(2026, 3, 1, tzinfo=UTC)
    >>> first = next_state(None, DATABASE_AWAY, at)
    >>> later = next_state(first.header(), DATABASE_AWAY, at + timedelta(hours=25))
    >>> later.tries, later.is_exhausted(DATABASE_AWAY, at + timedelta(hours=25))
    (2, True)
    >>> next_state(later.header(), DISK_FULL, at).tries
    1
    """
    moment = now.timestamp()
    previous = header if isinstance(header, dict) and header.get("trouble") == policy.name else {}
    since, tries = previous.get("since"), previous.get("tries")
    return RetryState(
        trouble=policy.name,
        since=since if isinstance(since, int | float) and 0 <= since <= moment else moment,
        tries=1 + (tries if isinstance(tries, int) and 0 <= tries < 2**31 else 0),
    )


def expires_within(expires: object, seconds: float, now: datetime) -> bool:
    """Return whether a message expires, by its own header, within so many seconds.

    >>> expires_within("2026-03-01T00:00:30Z", 60, datetime(2026, 3, 1, tzinfo=UTC))
    True
    >>> expires_within(None, 60, datetime(2026, 3, 1, tzinfo=UTC))
    False
    """
    if not isinstance(expires, str):
        return False
    try:
        moment = datetime.fromisoformat(expires)
    except ValueError:
        return False
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) <= now + timedelta(seconds=seconds)


def message_of(request: TaskRequest, *, task: str, queue: str, tries: int) -> QuarantineDraft:
    """Return the message that a request came from, so that it can be sent again as it was."""
    attributes = vars(request)
    standard = {name: attributes[name] for name in _HEADERS if name in attributes}
    headers = {**(request.headers or {}), "lang": "py", "task": task, "id": request.id, "eta": None, **standard}
    properties = {"correlation_id": request.correlation_id or request.id, "reply_to": request.reply_to}
    embedded = {name: attributes.get(name) for name in _EMBEDDED}
    return QuarantineDraft(
        task=task,
        queue=(request.delivery_info or {}).get("routing_key") or queue,
        reason=EXHAUSTED,
        headers={
            "headers": headers,
            "properties": properties,
            "content_type": "application/json",
            "content_encoding": "utf-8",
        },
        body=json.dumps([list(request.args or ()), request.kwargs or {}, embedded]).encode(),
        attempts=tries,
        message_id=request.id,
    )


def quarantine_message(tenant_id: str, draft: QuarantineDraft, *, row: str | None, now: datetime) -> bool:
    """Quarantine a message and end its outbox row; return False when that is not possible now."""
    facts = {"task": draft.task, "queue": draft.queue, "reason": draft.reason, "task_id": draft.message_id}
    try:
        with transaction(EVERY_TENANT) as session:
            stored_under = tenant_id if tenants.get(session, tenant_id) else quarantine.UNKNOWN_TENANT
            quarantine_id = quarantine.hold(session, stored_under, draft=draft, now=now)
            if quarantine_id and row:
                outbox.finish(session, tenant_id, outbox_id=row, now=now)
    except DatabaseError as error:
        log.warning("message_not_held", error=type(error).__name__, **facts)
        return False
    log.error("message_held" if quarantine_id else "quarantine_full", **facts)
    return quarantine_id is not None
