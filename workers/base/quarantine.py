"""Messages that no worker could or would run: kept in the database instead of dropped, and sent again from there.

What is sent again is written to the outbox as a reference, since the message itself may hold personal data; the relay
opens it and publishes it as it came, under its own task id.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import structlog
from redis import Redis

from db.records import OutboxDraft, QuarantineDraft, QuarantineEntry, QuarantineRecord
from db.repositories import tenants
from db.repositories.jobs import awaited_tenants, outbox, quarantine
from db.repositories.jobs import delivery_attempts as attempt_rows
from db.session import EVERY_TENANT, Session, reading, transaction
from domain.documents import JsonObject
from tasks.contracts.base.destinations import is_bookkeeping
from tasks.runtime.failures import delivery_attempts
from tasks.runtime.failures.retries import WAITED
from tasks.runtime.failures.retry_policy import RETRY_HEADER
from tasks.runtime.outbox import FROM_OUTBOX
from workers.base import malformed, messages
from workers.base.celery_types import Message
from workers.base.decoding import BODY_LIMIT

log = structlog.get_logger(__name__)

Reason = Literal[
    "malformed",
    "undecodable",
    "unknown_message",
    "unknown_task",
    "unknown_tenant",
    "no_location",
    "invalid",
    "poison",
    "attempts",
    "unavailable",
]

#: the tenant of a message that does not tell its own
NOBODY = quarantine.UNKNOWN_TENANT
#: the reason of a message that was started too often
ATTEMPTS: Literal["attempts"] = quarantine.ATTEMPTS
#: the reasons of what no worker could run, however often it were sent
NO_MESSAGE = frozenset({"malformed", awaited_tenants.NO_TENANT})
#: stands in an outbox row for a held message; the relay knows it, no worker does
REPLAY = "hearth.quarantine.replay"
#: a message's header that counts how often it was parked
PARKED = "hearth_parked"
#: a message parked more often than this waits for a person
PARKED_LIMIT = 10
#: most messages that are looked at in one go
_LOOK = 10_000
_BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class RawMessage:
    """A message to be published as it is."""

    queue: str
    body: bytes
    headers: JsonObject
    properties: JsonObject
    content_type: str
    content_encoding: str


def hold(message: Message, reason: Reason) -> bool:
    """Keep a message with its reason; False when the quarantine of its tenant is full.

    Raises:
        DatabaseError: it could not be kept; the caller must not acknowledge the message.

    """
    draft = _draft(message, reason)
    now = datetime.now(UTC)
    with transaction(EVERY_TENANT) as session:
        tenant_id = _known_tenant(session, message)
        quarantine_id = quarantine.hold(session, tenant_id, draft=draft, now=now)
        if quarantine_id is not None:
            _end_outbox_row(session, tenant_id, message, now)
    facts = {"task": draft.task, "queue": draft.queue, "reason": reason, "task_id": messages.task_id_of(message)}
    log.error("message_held" if quarantine_id else "quarantine_full", **facts)
    return quarantine_id is not None


def take_over(client: Redis) -> int:
    """Keep the entries that the broker holds aside since they are no messages; gives their number.

    Raises:
        DatabaseError, redis.RedisError: what is left waits where it is.

    """
    count = 0
    while first := malformed.first(client):
        raw_entry, entry = first
        draft = QuarantineDraft(
            task=None,
            queue=entry["queue"],
            reason="malformed",
            headers={"entry": entry["code"]},
            body=base64.b64decode(entry["raw"])[:BODY_LIMIT],
            message_id=entry["id"],
        )
        with transaction(NOBODY) as session:
            quarantine.hold(session, NOBODY, draft=draft, now=datetime.fromisoformat(entry["at"]))
        malformed.remove(client, raw_entry)
        count += 1
    return count


def replay(session: Session, entry: QuarantineEntry, *, now: datetime, by_hand: bool = False) -> bool:
    """Send a held message again by way of the outbox; False when it is not held, or no message.

    `by_hand` forgets its attempts. What awaits its tenant is sent by `workers.base.awaited_messages`.
    """
    if entry.reason in {*NO_MESSAGE, quarantine.AWAITS_TENANT} or not quarantine.replay(
        session, entry.tenant_id, quarantine_id=entry.quarantine_id, now=now
    ):
        return False
    publish_later(session, [entry], now=now, fresh=by_hand)
    if by_hand and entry.task:
        record = quarantine.get(session, entry.tenant_id, quarantine_id=entry.quarantine_id)
        if task_id := record and _task_id(record):
            attempt_rows.clear(session, entry.tenant_id, task=entry.task, task_id=task_id)
    return True


def replay_known(tasks: Collection[str]) -> int:
    """Send parked messages of unknown tasks again whose task is known now; gives their number."""
    with reading(EVERY_TENANT) as session:
        if not quarantine.held_tasks(session, reason="unknown_task").intersection(tasks):
            # to read thousands of them at each look would hold up what the worker takes meanwhile
            return 0
        entries = quarantine.entries(session, limit=_LOOK)
    due = [e for e in entries if e.reason == "unknown_task" and e.task in tasks and e.attempts < PARKED_LIMIT]
    sent = 0
    for start in range(0, len(due), _BATCH):
        with transaction(EVERY_TENANT) as session:
            now = datetime.now(UTC)
            sent += sum(replay(session, entry, now=now) for entry in due[start : start + _BATCH])
    if sent:
        log.info("parked_messages_replayed", messages=sent)
    return sent


def publish_later(session: Session, entries: Sequence[QuarantineEntry], *, now: datetime, fresh: bool) -> None:
    """Write messages of one tenant to the outbox, which the relay opens and publishes."""
    drafts = [
        OutboxDraft(task=REPLAY, queue=each.queue, kwargs={"quarantine_id": each.quarantine_id, "fresh": fresh})
        for each in entries
    ]
    if drafts:
        outbox.add(session, entries[0].tenant_id, drafts=drafts, now=now)


def find(session: Session, quarantine_id: str) -> QuarantineEntry | None:
    """Return a message by its id, in whichever state and of whichever tenant."""
    for state in ("held", "replayed", "dropped"):
        for entry in quarantine.entries(session, state=state, limit=1_000_000):
            if entry.quarantine_id == quarantine_id:
                return entry
    return None


def raw_message(record: QuarantineRecord, *, outbox_id: str, fresh: bool) -> RawMessage:
    """Return a held message, ready to be published; `fresh` starts its attempts anew and drops its expiry.

    Raises:
        ValueError: it cannot be sent again, since it was too long to be kept whole or was no message.

    """
    if record.entry.reason in NO_MESSAGE:
        raise ValueError("the entry was no message; correct it and send it anew")
    if record.headers.get("truncated"):
        raise ValueError("the message was too long to be kept whole")
    message = record.headers if "content_type" in record.headers else _rebuilt(record)
    if not isinstance(message["headers"], Mapping):
        raise ValueError("the message has no headers that could be sent")  # noqa: TRY004 - the value is a foreigner's
    headers = {**message["headers"], FROM_OUTBOX: outbox_id}
    if record.entry.reason == "unknown_task":
        headers[PARKED] = record.entry.attempts + 1
    if fresh:
        headers |= {
            "retries": 0,
            "expires": None,
            WAITED: 0,
            RETRY_HEADER: None,
            delivery_attempts.ENDED: None,
            delivery_attempts.AGAIN: None,
        }
    if record.entry.reason != "undecodable":
        # it was unpacked before it was held
        headers.pop("compression", None)
    return RawMessage(
        queue=messages.NO_QUEUE if is_bookkeeping(record.entry.queue) else record.entry.queue,
        body=record.body if message is record.headers else _rebuilt_body(record),
        headers=headers,
        # the broker's own marks of the old delivery are written anew
        properties={k: v for k, v in message["properties"].items() if k in ("correlation_id", "reply_to")},
        content_type=message["content_type"] or "application/json",
        content_encoding=message["content_encoding"] or "utf-8",
    )


def header_names(record: QuarantineRecord) -> list[str]:
    """Return the names of a held message's headers."""
    headers = record.headers.get("headers", record.headers)
    return sorted(map(str, headers)) if isinstance(headers, Mapping) else []


def _draft(message: Message, reason: Reason) -> QuarantineDraft:
    body, facts = messages.body_of(message), messages.facts_of(message)
    if len(body) > BODY_LIMIT:
        body, facts = b"", {**facts, "truncated": len(body)}
    return QuarantineDraft(
        task=messages.task_of(message),
        queue=messages.queue_of(message),
        reason=reason,
        headers=facts,
        body=body,
        attempts=_attempts(message, reason),
        message_id=messages.task_id_of(message),
    )


def _attempts(message: Message, reason: Reason) -> int:
    count = messages.count_of(message, PARKED if reason == "unknown_task" else "retries")
    return count + (reason == ATTEMPTS)


def _known_tenant(session: Session, message: Message) -> str:
    """Return the tenant whose quarantine takes it; a name that nobody configured gets no quarantine of its own."""
    tenant_id = messages.tenant_of(message)
    return tenant_id if tenant_id and tenants.get(session, tenant_id) else NOBODY


def _end_outbox_row(session: Session, tenant_id: str, message: Message, now: datetime) -> None:
    """A message that is held is no longer the outbox's: the relay would publish it again."""
    named = message.headers.get(FROM_OUTBOX) if isinstance(message.headers, Mapping) else None
    outbox_id = named if isinstance(named, str) else messages.task_id_of(message) if named else None
    if outbox_id and tenant_id != NOBODY:
        outbox.finish(session, tenant_id, outbox_id=outbox_id, now=now)


def _task_id(record: QuarantineRecord) -> str | None:
    headers = record.headers.get("headers", record.headers)
    task_id = headers.get("id") if isinstance(headers, Mapping) else None
    return task_id if isinstance(task_id, str) else None


def _rebuilt(record: QuarantineRecord) -> JsonObject:
    """Return what a task held by itself (its request, not its message) looks like as a message."""
    task_id = _task_id(record)
    headers = {
        "lang": "py",
        "task": record.entry.task,
        "id": task_id,
        "root_id": task_id,
        "parent_id": None,
        "group": None,
        "retries": 0,
        "eta": None,
        "expires": None,
        "timelimit": [None, None],
    }
    return {
        "headers": headers,
        "properties": {"correlation_id": task_id},
        "content_type": None,
        "content_encoding": None,
    }


def _rebuilt_body(record: QuarantineRecord) -> bytes:
    embed = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    return json.dumps([[], json.loads(record.body), embed]).encode()
