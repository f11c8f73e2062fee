"""Trouble that passes: how long a message waits it out, and where it is kept when that was too long.

A message that meets trouble is sent again by its own task, after a pause that grows, with a mark of what it met, since
when and how often. The mark is a count of its own: nobody died, and no retry of Celery's is used up. Whoever only asks
waits for the answer and is told after a few tries; what writes goes on for as long as its trouble may last, and is then
held in quarantine, whole. What cannot be held now goes on: it is never dropped.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from celery.exceptions import Retry
from kombu.utils import json

from db.errors import DatabaseError
from db.records import QuarantineDraft
from db.repositories import outbox, quarantine, tenants
from db.session import EVERY_TENANT, transaction

log = structlog.get_logger(__name__)

# Kombu ships no types
_json: Any = json

#: seconds before the first new try, and the most before any
BACKOFF, BACKOFF_LIMIT = 0.5, 60.0
#: new tries of what only reads: somebody waits for it, and it loses nothing
QUESTION_TRIES = 5
#: message header: the mark
MARK = "hearth_trouble"
#: the reason of a message that met trouble for too long
OUTLASTED = "unavailable"
#: what a request tells that stood in its message's headers, beside what its sender made up
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
    """The task is tried again when the database answers; the worker's main process learns of it by this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A kind of trouble, what is said of it, and for how long a message waits it out."""

    name: str
    message: str
    #: seconds since it was first met
    patience: float
    #: how Celery and the main process are told
    retry: type[Retry] = Retry


#: the database does not answer, or takes no writes
AWAY = Trouble(
    name="database",
    message="the database did not answer; send the task again later",
    patience=24 * 3600.0,
    retry=DatabaseAway,
)
#: a worker is newer than its database; until it is migrated there is none for it
OLD = Trouble(
    name="schema",
    message="the database lacks tables of this version until `hearth migrate` has run; send the task again later",
    patience=24 * 3600.0,
    retry=DatabaseAway,
)
#: the database answers, but others hold the rows or the statement took too long
BUSY = Trouble(
    name="rows",
    message="the database was too busy with these rows; send the task again later",
    patience=3600.0,
)
DISK = Trouble(
    name="disk",
    message="no room on the disk of Hearth's home; make some and send the task again",
    patience=24 * 3600.0,
)
#: a row that is referred to was deleted meanwhile: the next look sees what there is, or it is a fault of ours
GONE = Trouble(
    name="reference",
    message="what this was about was deleted meanwhile; ask again what is there",
    patience=15.0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What a message met, since when (Unix seconds) and how often."""

    trouble: str
    since: float
    tries: int

    def header(self) -> dict[str, Any]:
        """As the message carries it."""
        return {"trouble": self.trouble, "since": self.since, "tries": self.tries}

    def outlasts(self, trouble: Trouble, now: datetime) -> bool:
        """Whether the message has waited for as long as it may."""
        return now.timestamp() - self.since >= trouble.patience

    def pause(self) -> float:
        """Seconds until the next try, between half and all of what is doubled each time."""
        most: float = min(BACKOFF * 2.0 ** min(self.tries - 1, 16), BACKOFF_LIMIT)
        return most * (0.5 + random.random() / 2)


def marked(told: object, trouble: Trouble, now: datetime) -> Mark:
    """Give the mark of a message that meets trouble now, by the mark that it carries; anybody may have written that.

    >>> at = datetime(2026, 3, 1, tzinfo=UTC)
    >>> first = marked(None, AWAY, at)
    >>> later = marked(first.header(), AWAY, at + timedelta(hours=25))
    >>> later.tries, later.outlasts(AWAY, at + timedelta(hours=25))
    (2, True)
    >>> marked(later.header(), DISK, at).tries
    1
    """
    moment = now.timestamp()
    known = told if isinstance(told, dict) and told.get("trouble") == trouble.name else {}
    since, tries = known.get("since"), known.get("tries")
    return Mark(
        trouble=trouble.name,
        since=since if isinstance(since, int | float) and 0 <= since <= moment else moment,
        tries=1 + (tries if isinstance(tries, int) and 0 <= tries < 2**31 else 0),
    )


def expires_within(expires: object, seconds: float, now: datetime) -> bool:
    """Whether a message, by its own header, is of no use after so many seconds.

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


def message_of(request: Any, *, task: str, queue: str, tries: int) -> QuarantineDraft:
    """Write down the message that a request came from, so that it can be sent again as it was."""
    told = vars(request)
    standard = {name: told[name] for name in _HEADERS if name in told}
    headers = {**(request.headers or {}), "lang": "py", "task": task, "id": request.id, "eta": None, **standard}
    properties = {"correlation_id": request.correlation_id or request.id, "reply_to": request.reply_to}
    embedded = {name: told.get(name) for name in _EMBEDDED}
    return QuarantineDraft(
        task=task,
        queue=(request.delivery_info or {}).get("routing_key") or queue,
        reason=OUTLASTED,
        headers={
            "headers": headers,
            "properties": properties,
            "content_type": "application/json",
            "content_encoding": "utf-8",
        },
        body=_json.dumps([list(request.args or ()), request.kwargs or {}, embedded]).encode(),
        attempts=tries,
        message_id=request.id,
    )


def hold(tenant_id: str, draft: QuarantineDraft, *, row: str | None, now: datetime) -> bool:
    """Keep a message, and end the outbox row that it came from; False when it cannot be kept now."""
    facts = {"task": draft.task, "queue": draft.queue, "reason": draft.reason, "task_id": draft.message_id}
    try:
        with transaction(EVERY_TENANT) as session:
            known = tenant_id if tenants.get(session, tenant_id) else quarantine.NOBODY
            kept = quarantine.hold(session, known, draft=draft, now=now)
            if kept and row:
                outbox.finish(session, tenant_id, outbox_id=row, now=now)
    except DatabaseError as error:
        log.warning("message_not_held", error=type(error).__name__, **facts)
        return False
    log.error("message_held" if kept else "quarantine_full", **facts)
    return kept is not None
