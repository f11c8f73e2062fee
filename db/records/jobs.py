"""The bookkeeping of tasks: outbox, idempotency keys, leases, queue probes, quarantine."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from domain.documents import JsonMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxDraft:
    """A task to be published once its transaction has been committed."""

    task: str
    queue: str
    kwargs: JsonMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRecord:
    """A follow-up task; its id is the task id."""

    outbox_id: str
    tenant_id: str
    task: str
    queue: str
    kwargs: JsonMapping
    created_at: datetime
    #: when the broker last confirmed it; None = not yet
    published_at: datetime | None
    #: number of times that a relay claimed it; 0 = published right after the commit, or waiting
    attempts: int = 0
    #: the arguments, where they are sealed and not opened yet
    sealed_kwargs: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptDraft:
    """A task that a caller sent from outside: its arguments hold personal data."""

    tenant_id: str
    #: also the task's id
    outbox_id: str
    task: str
    queue: str
    kwargs: JsonMapping = field(repr=False)
    #: the caller's idempotency key; None: the id stands for this one request
    key: str | None = None
    #: of the arguments, where there is a key
    args_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptResult:
    """The result of accepting one of many tasks; without record and conflict it stood in the outbox already."""

    #: as written, with its arguments open
    record: OutboxRecord | None
    #: True when it stood there, had failed, and is open again
    reopened: bool = False
    #: True when the key was used before with other arguments
    conflict: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxLag:
    """The backlog of the outbox."""

    #: tasks that the broker does not have yet
    waiting: int
    #: seconds since the oldest of them was written; 0 without any
    age: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyRecord:
    """The stored first result of a task under its idempotency key."""

    task: str
    key: str
    args_hash: str
    task_id: str
    result: JsonMapping | None
    #: running (claimed in an open transaction) or done
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimDraft:
    """One of the keys that a batch of jobs claims at once."""

    key: str
    args_hash: str
    task_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimResult:
    """The result of claiming one of many keys; without record and conflict the key is the caller's."""

    #: the first result, or None
    record: IdempotencyRecord | None
    #: True when the key was used before with other arguments
    conflict: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRecord:
    """A lease that was acquired."""

    #: grows by one with each take-over; an effect names it and is refused once it is old
    fence: int
    #: database time
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueProbeRecord:
    """The newest probe of a queue."""

    queue: str
    sent_at: datetime
    #: None while it waits
    ran_at: datetime | None
    #: seconds it waited, or has waited so far
    age: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineDraft:
    """A message that no worker could or would run."""

    #: None where the message does not name it
    task: str | None
    queue: str
    #: a code such as `unknown_task`, `undecodable`, `attempts`
    reason: str
    #: stored sealed
    headers: JsonMapping
    #: stored sealed, as received
    body: bytes
    #: number of delivery attempts before
    attempts: int = 0
    #: the message's own id; the same message with the same reason and body is stored once; None: each time
    message_id: str | None = None
    #: the tenant that it names, where there is none of this name (yet)
    awaited_tenant: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineEntry:
    """A message in quarantine, without its content."""

    quarantine_id: str
    #: `*` where the message does not name it
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
    """A message in quarantine, decrypted."""

    entry: QuarantineEntry
    headers: JsonMapping
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineCount:
    """The number of messages in one tenant's quarantine."""

    tenant_id: str
    held: int
    #: messages that were refused because the quarantine was full, since ever
    overflowed: int
