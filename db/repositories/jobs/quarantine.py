"""Messages that no worker could or would run: stored sealed, up to a limit, until a person replays or drops them."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import fields
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, RowMapping, delete, insert, select, update
from sqlalchemy.orm import Session

from db.base import new_id, to_json
from db.encryption import associated_data
from db.errors import SealBroken
from db.models import QuarantinedMessage, QuarantineTally
from db.records import QuarantineCount, QuarantineDraft, QuarantineEntry, QuarantineRecord
from db.repositories.sql import rowcount, upsert
from db.session import keyring_of

#: the tenant of a message that does not name its own
UNKNOWN_TENANT = "*"
#: the reason of a message with too many delivery attempts
ATTEMPTS: Literal["attempts"] = "attempts"
#: the reason of a message whose tenant does not exist (yet)
AWAITS_TENANT: Literal["unknown_tenant"] = "unknown_tenant"
_COLUMNS = tuple(getattr(QuarantinedMessage, column.name) for column in fields(QuarantineEntry))


def hold(session: Session, tenant_id: str, *, draft: QuarantineDraft, now: datetime, limit: int = 10_000) -> str | None:
    """Store a message and return its id; None when `limit` messages of this tenant are held: it is only counted.

    A second delivery of a held message gets the same entry; a message that was replayed or dropped is held again.
    """
    quarantine_id = _id_of(tenant_id, draft)
    state = _locked_state(session, tenant_id, quarantine_id)
    if state == "held":
        return quarantine_id
    if not _make_room(session, tenant_id, limit):
        return None
    if state is not None:
        session.execute(delete(QuarantinedMessage).where(*_own(tenant_id, quarantine_id)))
    content = to_json({"headers": dict(draft.headers), "body": base64.b64encode(draft.body).decode()})
    sealed = keyring_of(session).seal(content.encode(errors="replace"), place_of(tenant_id, quarantine_id))
    row = {
        "tenant_id": tenant_id,
        "quarantine_id": quarantine_id,
        "task": draft.task,
        "queue": draft.queue,
        "reason": draft.reason,
        "attempts": draft.attempts,
        "state": "held",
        "created_at": now,
        "content": sealed,
    }
    session.execute(insert(QuarantinedMessage), [row])
    return quarantine_id


def entries(
    session: Session, tenant_id: str | None = None, *, state: str = "held", limit: int = 100
) -> list[QuarantineEntry]:
    """Return messages in one state (held, replayed, dropped), of one tenant or all, oldest first, without content."""
    query = select(*_COLUMNS).where(QuarantinedMessage.state == state)
    if tenant_id is not None:
        query = query.where(QuarantinedMessage.tenant_id == tenant_id)
    rows = session.execute(query.order_by(QuarantinedMessage.created_at, QuarantinedMessage.quarantine_id).limit(limit))
    return [QuarantineEntry(**dict(row)) for row in rows.mappings()]


def held_tasks(session: Session, *, reason: str) -> set[str]:
    """Return the names of tasks that have messages held for a reason, over all tenants."""
    query = (
        select(QuarantinedMessage.task)
        .where(QuarantinedMessage.state == "held", QuarantinedMessage.reason == reason)
        .distinct()
    )
    return {task for task in session.scalars(query) if task}


def get(session: Session, tenant_id: str, *, quarantine_id: str) -> QuarantineRecord | None:
    """Return a message, decrypted, or None.

    Raises:
        SealBroken: the stored message was changed or moved.

    """
    conditions = _own(tenant_id, quarantine_id)
    row = session.execute(select(*_COLUMNS, QuarantinedMessage.content).where(*conditions)).mappings().one_or_none()
    return None if row is None else _opened(session, row)


def replay(session: Session, tenant_id: str, *, quarantine_id: str, now: datetime) -> bool:
    """Mark a held message replayed, in the transaction that writes it to the outbox; False when it is not held."""
    return _release(session, tenant_id, quarantine_id, "replayed", now)


def drop(session: Session, tenant_id: str, *, quarantine_id: str, now: datetime) -> bool:
    """Mark a held message dropped; False when it is not held."""
    return _release(session, tenant_id, quarantine_id, "dropped", now)


def count(session: Session) -> list[QuarantineCount]:
    """Return how many messages are held and how many found no room, for each tenant that ever had one."""
    rows = session.execute(
        select(QuarantineTally.tenant_id, QuarantineTally.held, QuarantineTally.overflowed).order_by(
            QuarantineTally.tenant_id
        )
    )
    return [QuarantineCount(**dict(row)) for row in rows.mappings()]


def purge(session: Session, *, before: datetime) -> int:
    """Delete messages that were replayed or dropped before a time; return their number."""
    deleted = delete(QuarantinedMessage).where(
        QuarantinedMessage.state != "held", QuarantinedMessage.settled_at < before
    )
    return rowcount(session, deleted.execution_options(synchronize_session=False))


def mark_of(awaited_tenant: str) -> str:
    """Return what the ids of messages begin with that wait for a tenant: so they are found without being opened."""
    return hashlib.sha256(b"awaits\0" + awaited_tenant.encode()).hexdigest()[:16]


def place_of(tenant_id: str, quarantine_id: str) -> bytes:
    """Return the place to which the content of an entry is sealed: it opens nowhere else."""
    return associated_data(tenant_id, "quarantine.content", quarantine_id)


def _id_of(tenant_id: str, draft: QuarantineDraft) -> str:
    """Return an entry's id; the body is part of it, since foreign producers may reuse an id for different work.

    Attempts are counted by task id alone, so for those the body does not count.
    """
    mark = mark_of(draft.awaited_tenant) if draft.awaited_tenant else ""
    if draft.message_id is None and not mark:
        return new_id()
    identity = to_json([tenant_id, draft.task, draft.message_id or new_id(), draft.reason])
    body = b"" if draft.reason == ATTEMPTS else draft.body
    return (mark + hashlib.sha256(identity.encode() + b"\0" + body).hexdigest())[:32]


def _locked_state(session: Session, tenant_id: str, quarantine_id: str) -> str | None:
    """Return an entry's state and lock the tally, so that two deliveries at once do not both store the message."""
    tally = upsert(session, QuarantineTally).values(tenant_id=tenant_id, held=0, overflowed=0)
    session.execute(tally.on_conflict_do_nothing())
    session.execute(select(QuarantineTally.held).where(QuarantineTally.tenant_id == tenant_id).with_for_update())
    return session.scalar(select(QuarantinedMessage.state).where(*_own(tenant_id, quarantine_id)))


def _own(tenant_id: str, quarantine_id: str) -> tuple[ColumnElement[bool], ...]:
    return (QuarantinedMessage.tenant_id == tenant_id, QuarantinedMessage.quarantine_id == quarantine_id)


def _make_room(session: Session, tenant_id: str, limit: int) -> bool:
    """Count one more message, under the tally's lock, so that concurrent messages do not exceed the limit."""
    tally = update(QuarantineTally).where(QuarantineTally.tenant_id == tenant_id)
    tally = tally.execution_options(synchronize_session=False)
    room = tally.where(QuarantineTally.held < limit).values(held=QuarantineTally.held + 1)
    if rowcount(session, room) == 1:
        return True
    rowcount(session, tally.values(overflowed=QuarantineTally.overflowed + 1))
    return False


def _release(session: Session, tenant_id: str, quarantine_id: str, state: str, now: datetime) -> bool:
    # the tally first, as `hold` does: two that lock in different orders would wait for each other
    tally = QuarantineTally.tenant_id == tenant_id
    session.execute(select(QuarantineTally.held).where(tally).with_for_update())
    release = (
        update(QuarantinedMessage)
        .where(*_own(tenant_id, quarantine_id), QuarantinedMessage.state == "held")
        .values(state=state, settled_at=now)
    )
    if rowcount(session, release.execution_options(synchronize_session=False)) == 0:
        return False
    fewer = update(QuarantineTally).where(tally).values(held=QuarantineTally.held - 1)
    return rowcount(session, fewer.execution_options(synchronize_session=False)) == 1


def _opened(session: Session, row: RowMapping) -> QuarantineRecord:
    place = place_of(row["tenant_id"], row["quarantine_id"])
    try:
        content = json.loads(keyring_of(session).open(row["content"], place))
    except SealBroken as error:
        raise SealBroken(f"quarantine.content: {error}") from None
    entry = QuarantineEntry(**{column.name: row[column.name] for column in fields(QuarantineEntry)})
    return QuarantineRecord(entry=entry, headers=content["headers"], body=base64.b64decode(content["body"]))
