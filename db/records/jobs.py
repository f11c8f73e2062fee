"""The bookkeeping of work: keys, follow-up tasks, leases, quarantine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from db.records.common import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessedRecord:
    """The stored first result of a task under its idempotency key."""

    task: str
    key: str
    args_hash: str
    task_id: str
    result: Json | None
    #: running (claimed in an open transaction) or done
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimDraft:
    """One key of many that a batch of jobs takes at once."""

    key: str
    args_hash: str
    task_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What became of one key of many; without record and conflict it is the caller's."""

    #: what was stored first, or None
    record: ProcessedRecord | None
    #: True when the key came before with other arguments
    conflict: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxDraft:
    """A task to be published once the transaction that wrote it has ended."""

    task: str
    queue: str
    kwargs: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRecord:
    """A follow-up task; its id is the task id it is published under."""

    outbox_id: str
    tenant_id: str
    task: str
    queue: str
    kwargs: Json
    created_at: datetime
    #: when the broker had it last; None = not confirmed yet
    published_at: datetime | None
    #: how often a relay took it; 0 = it went the fast way or waits
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxLag:
    """How far the publishing is behind."""

    #: tasks that the broker does not have yet
    waiting: int
    #: seconds since the oldest of them was written; 0 without any
    age: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRecord:
    """A lease that was taken."""

    #: grows by one with each take-over; an effect names it and is refused once it is old
    fence: int
    #: database time
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineDraft:
    """A message that no worker could or would run."""

    #: None where the message did not tell
    task: str | None
    queue: str
    #: a code such as `unknown_task`, `undecodable`, `attempts`
    reason: str
    #: stored sealed
    headers: Json
    #: stored sealed, as it came
    body: bytes
    #: how often it had been tried
    attempts: int = 0
    #: the message's own id; the same message with the same reason and body is held once, None: each time
    message_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineEntry:
    """A message in quarantine, without its content."""

    quarantine_id: str
    #: `*` where the message did not tell
    tenant_id: str
    task: str | None
    queue: str
    reason: str
    attempts: int
    #: held, replayed or dropped
    state: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineRecord:
    """A message in quarantine, opened."""

    entry: QuarantineEntry
    headers: Json
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineCount:
    """How many messages of one tenant are in quarantine."""

    tenant_id: str
    held: int
    #: messages refused since the quarantine was full, ever
    overflowed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryRecord:
    """The newest canary of a queue."""

    queue: str
    sent_at: datetime
    #: None while it waits
    ran_at: datetime | None
    #: seconds it waited, or has waited so far
    age: float
