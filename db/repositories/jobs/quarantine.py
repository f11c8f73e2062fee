"""Messages that no worker could or would run: kept sealed and bounded until a person replays or drops them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.orm import Session

from db.base import new_id, to_json
from db.encryption import place
from db.errors import SealBroken
from db.models import Quarantined, QuarantineTally
from db.records import QuarantineCount, QuarantineDraft, QuarantineEntry, QuarantineRecord
from db.repositories.sql.clauses import ring_of, rowcount, upsert

#: the tenant of a message that does not tell its own
NOBODY = "*"
#: the reason of a message that was started too often
ATTEMPTS: Literal["attempts"] = "attempts"
_COLUMNS = tuple(getattr(Quarantined, column.name) for column in fields(QuarantineEntry))


def hold(session: Session, tenant_id: str, *, draft: QuarantineDraft, now: datetime, limit: int = 10_000) -> str | None:
    """Keep a message and give its id; None when `limit` messages of this tenant are held: it is only counted.

    One that is held already, as a second delivery is, is the same entry; one that was settled is held again.
    """
    quarantine_id = _id_of(tenant_id, draft)
    known = _known_state(session, tenant_id, quarantine_id)
    if known == "held":
        return quarantine_id
    if not _make_room(session, tenant_id, limit):
        return None
    if known is not None:
        session.execute(delete(Quarantined).where(*_own(tenant_id, quarantine_id)))
    row: dict[str, Any] = {
        "tenant_id": tenant_id,
        "quarantine_id": quarantine_id,
        "task": draft.task,
        "queue": draft.queue,
        "reason": draft.reason,
        "attempts": draft.attempts,
        "state": "held",
        "created_at": now,
    }
    content = to_json({"headers": dict(draft.headers), "body": base64.b64encode(draft.body).decode()})
    row["content"] = ring_of(session).seal(content.encode(errors="replace"), _place(row))
    session.execute(insert(Quarantined), [row])
    return quarantine_id


def entries(
    session: Session, tenant_id: str | None = None, *, state: str = "held", limit: int = 100
) -> list[QuarantineEntry]:
    """Give messages in one state (held, replayed, dropped) without their content, oldest first, of one or all."""
    wanted = select(*_COLUMNS).where(Quarantined.state == state)
    if tenant_id is not None:
        wanted = wanted.where(Quarantined.tenant_id == tenant_id)
    rows = session.execute(wanted.order_by(Quarantined.created_at, Quarantined.quarantine_id).limit(limit))
    return [QuarantineEntry(**dict(row)) for row in rows.mappings()]


def tasks_held(session: Session, *, reason: str) -> set[str]:
    """Give the names of the tasks of which messages are held for a reason, over all tenants."""
    wanted = select(Quarantined.task).where(Quarantined.state == "held", Quarantined.reason == reason).distinct()
    return {task for task in session.scalars(wanted) if task}


def get(session: Session, tenant_id: str, *, quarantine_id: str) -> QuarantineRecord | None:
    """Give a message, opened, or None.

    Raises:
        SealBroken: what is stored was changed or moved.

    """
    own = _own(tenant_id, quarantine_id)
    row = session.execute(select(*_COLUMNS, Quarantined.content).where(*own)).mappings().one_or_none()
    return None if row is None else _opened(session, row)


def replay(session: Session, tenant_id: str, *, quarantine_id: str, now: datetime) -> bool:
    """Mark a held message replayed, in the transaction that writes it to the outbox; False when it is not held."""
    return _settle(session, tenant_id, quarantine_id, "replayed", now)


def drop(session: Session, tenant_id: str, *, quarantine_id: str, now: datetime) -> bool:
    """Mark a held message dropped; False when it is not held."""
    return _settle(session, tenant_id, quarantine_id, "dropped", now)


def count(session: Session) -> list[QuarantineCount]:
    """Tell for each tenant that ever had one how many messages are held and how many found no room."""
    rows = session.execute(
        select(QuarantineTally.tenant_id, QuarantineTally.held, QuarantineTally.overflowed).order_by(
            QuarantineTally.tenant_id
        )
    )
    return [QuarantineCount(**dict(row)) for row in rows.mappings()]


def purge(session: Session, *, before: datetime) -> int:
    """Delete messages that were replayed or dropped before a moment; gives their number."""
    gone = delete(Quarantined).where(Quarantined.state != "held", Quarantined.settled_at < before)
    return rowcount(session, gone.execution_options(synchronize_session=False))


def _id_of(tenant_id: str, draft: QuarantineDraft) -> str:
    """An entry's id; the body is part of it, since foreign producers may use an id twice for different work.

    Starts are counted by task id alone, for all copies of a message however they are written.
    """
    if draft.message_id is None:
        return new_id()
    told = to_json([tenant_id, draft.task, draft.message_id, draft.reason])
    body = b"" if draft.reason == ATTEMPTS else draft.body
    return hashlib.sha256(told.encode() + b"\0" + body).hexdigest()[:32]


def _known_state(session: Session, tenant_id: str, quarantine_id: str) -> str | None:
    """The state of an entry; the tally's row stays locked, so that two deliveries at once do not both hold it."""
    tally = upsert(session, QuarantineTally).values(tenant_id=tenant_id, held=0, overflowed=0)
    session.execute(tally.on_conflict_do_nothing())
    session.execute(select(QuarantineTally.held).where(QuarantineTally.tenant_id == tenant_id).with_for_update())
    return session.scalar(select(Quarantined.state).where(*_own(tenant_id, quarantine_id)))


def _own(tenant_id: str, quarantine_id: str) -> tuple[ColumnElement[bool], ...]:
    return (Quarantined.tenant_id == tenant_id, Quarantined.quarantine_id == quarantine_id)


def _make_room(session: Session, tenant_id: str, limit: int) -> bool:
    """Count one more under the tally's lock, so that many at once do not pass the limit."""
    tally = update(QuarantineTally).where(QuarantineTally.tenant_id == tenant_id)
    tally = tally.execution_options(synchronize_session=False)
    room = tally.where(QuarantineTally.held < limit).values(held=QuarantineTally.held + 1)
    if rowcount(session, room) == 1:
        return True
    rowcount(session, tally.values(overflowed=QuarantineTally.overflowed + 1))
    return False


def _settle(session: Session, tenant_id: str, quarantine_id: str, state: str, now: datetime) -> bool:
    # the tally first, as `hold` does: two that lock in different orders would wait for each other
    tally = QuarantineTally.tenant_id == tenant_id
    session.execute(select(QuarantineTally.held).where(tally).with_for_update())
    held = (
        update(Quarantined)
        .where(*_own(tenant_id, quarantine_id), Quarantined.state == "held")
        .values(state=state, settled_at=now)
    )
    if rowcount(session, held.execution_options(synchronize_session=False)) == 0:
        return False
    fewer = update(QuarantineTally).where(tally).values(held=QuarantineTally.held - 1)
    return rowcount(session, fewer.execution_options(synchronize_session=False)) == 1


def _opened(session: Session, row: Mapping[Any, Any]) -> QuarantineRecord:
    try:
        content = json.loads(ring_of(session).open(row["content"], _place(row)))
    except SealBroken as error:
        raise SealBroken(f"quarantine.content: {error}") from None
    entry = QuarantineEntry(**{column.name: row[column.name] for column in fields(QuarantineEntry)})
    return QuarantineRecord(entry=entry, headers=content["headers"], body=base64.b64decode(content["body"]))


def _place(row: Mapping[Any, Any]) -> bytes:
    return place(row["tenant_id"], "quarantine.content", row["quarantine_id"])
