"""The outbound stream: what the CRM is told, in order and without gaps, and how far its delivery is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, aliased

from db.base import new_id
from db.models import OutboundCounter, OutboundDelivery, OutboundEvent
from db.records import DeadLetter, OutboundDraft, OutboundRecord
from db.repositories.sql.bulk import core, insert_many, on_postgresql
from db.repositories.sql.clauses import in_batches, rowcount, tenants_where
from db.repositories.sql.fair_share import shared

_COLUMNS = tuple(getattr(OutboundEvent, column.name) for column in fields(OutboundRecord))
_NAMES = tuple(column.name for column in fields(OutboundRecord))
#: long ago: the clock of the worker that tells does not decide when it is delivered
_AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)
_PENDING = OutboundDelivery.state == "pending"
_COUNTER = core(OutboundCounter).c
#: by whether it is for PostgreSQL
_COUNT_ON = {
    kind == postgresql: kind.insert(core(OutboundCounter))
    .values(tenant_id=bindparam("tenant"), sequence=bindparam("number"))
    .on_conflict_do_update(
        index_elements=[_COUNTER.tenant_id], set_={"sequence": _COUNTER.sequence + bindparam("number")}
    )
    .returning(_COUNTER.sequence)
    for kind in (postgresql, sqlite)
}


def emit(
    session: Session, tenant_id: str, *, events: Sequence[OutboundDraft], now: datetime, deliver: bool = True
) -> list[OutboundRecord]:
    """Write events with what they tell; without `deliver` they can only be pulled.

    The tenant's counter stays locked until this transaction ends, so emit last and once.
    """
    if not events:
        return []
    last = _count_on(session, tenant_id, len(events))
    records = [
        OutboundRecord(
            tenant_id=tenant_id,
            sequence=sequence,
            event_id=new_id(),
            type=event.type,
            lead_id=event.lead_id,
            body=dict(event.body),
            created_at=now,
        )
        for sequence, event in enumerate(events, start=last - len(events) + 1)
    ]
    insert_many(session, OutboundEvent, [{name: getattr(record, name) for name in _NAMES} for record in records])
    if deliver:
        insert_many(session, OutboundDelivery, [_delivery(record) for record in records])
    return records


def due(
    session: Session,
    *,
    now: datetime,
    limit: int,
    per_tenant: int,
    exclude: Collection[str] = (),
    hold: float = 60.0,
) -> list[tuple[OutboundRecord, int]]:
    """Take events to deliver with the number of this attempt, from 1; `now` is the database's (see `db.clock`).

    An event is due when no earlier one of its lead is pending. For `hold` seconds nobody else gets it; commit, deliver
    within that time, then tell how it went. Tenants in `exclude` are left out.
    """
    until = now + timedelta(seconds=hold)
    tenants = [t for t in tenants_where(session, OutboundDelivery.tenant_id, _PENDING) if t not in exclude]
    return shared(
        tenants, limit, lambda tenant_id, share: _take(session, tenant_id, now, min(share, per_tenant), until)
    )


def delivered(session: Session, tenant_id: str, *, event_ids: Sequence[str], now: datetime) -> None:
    """Note that the receiver has these events; harmless when it is told twice."""
    for batch in in_batches(event_ids):
        _change(session, tenant_id, batch, state="delivered", delivered_at=now, error=None)


def failed(session: Session, tenant_id: str, *, event_id: str, next_at: datetime, error: str) -> None:
    """Note why a delivery failed (a code, no value) and when to try again; one that arrived meanwhile stays so."""
    _change(session, tenant_id, [event_id], next_at=next_at, error=error)


def dead(session: Session, tenant_id: str, *, event_id: str, error: str) -> None:
    """Give a delivery up; later events of the lead go on."""
    _change(session, tenant_id, [event_id], state="dead", error=error)


def replay(session: Session, tenant_id: str, *, event_ids: Sequence[str] | None, now: datetime) -> int:
    """Deliver dead letters again, those named or all (None), with attempts counted anew; gives their number."""
    own: list[ColumnElement[bool]] = [OutboundDelivery.tenant_id == tenant_id, OutboundDelivery.state == "dead"]
    if event_ids is not None:
        own.append(OutboundDelivery.event_id.in_(list(event_ids)))
    again = update(OutboundDelivery).where(*own).values(state="pending", attempts=0, next_at=now, error=None)
    return rowcount(session, again.execution_options(synchronize_session=False))


def pull(session: Session, tenant_id: str, *, cursor: int, limit: int) -> list[OutboundRecord]:
    """Give the events after a sequence (0: from the start), in order; the last one's sequence is the next cursor."""
    wanted = select(*_COLUMNS).where(OutboundEvent.tenant_id == tenant_id, OutboundEvent.sequence > cursor)
    rows = session.execute(wanted.order_by(OutboundEvent.sequence).limit(limit)).mappings()
    return [OutboundRecord(**dict(row)) for row in rows]


def dead_letters(session: Session, tenant_id: str, *, limit: int) -> list[DeadLetter]:
    """Give events whose delivery was given up, oldest first."""
    wanted = (
        select(*_COLUMNS, OutboundDelivery.attempts, OutboundDelivery.error)
        .join(OutboundDelivery, _same_event())
        .where(OutboundDelivery.tenant_id == tenant_id, OutboundDelivery.state == "dead")
        .order_by(OutboundDelivery.sequence)
    )
    rows = session.execute(wanted.limit(limit)).mappings()
    return [DeadLetter(event=_record(row), attempts=row["attempts"], error=row["error"]) for row in rows]


def counts(session: Session) -> dict[str, int]:
    """Tell how many deliveries of all tenants are pending and how many are dead."""
    wanted = select(OutboundDelivery.state, func.count()).where(OutboundDelivery.state.in_(("pending", "dead")))
    found = {"pending": 0, "dead": 0}
    return found | {row[0]: row[1] for row in session.execute(wanted.group_by(OutboundDelivery.state))}


def _count_on(session: Session, tenant_id: str, number: int) -> int:
    counted = session.connection().execute(_COUNT_ON[on_postgresql(session)], {"tenant": tenant_id, "number": number})
    return int(counted.scalar_one())


def _delivery(record: OutboundRecord) -> dict[str, Any]:
    own = {"tenant_id": record.tenant_id, "event_id": record.event_id, "sequence": record.sequence}
    return {**own, "lead_id": record.lead_id, "state": "pending", "attempts": 0, "next_at": _AT_ONCE}


def _take(
    session: Session, tenant_id: str, now: datetime, limit: int, until: datetime
) -> list[tuple[OutboundRecord, int]]:
    earlier = aliased(OutboundDelivery)
    before = select(earlier.event_id).where(
        earlier.tenant_id == OutboundDelivery.tenant_id,
        earlier.lead_id == OutboundDelivery.lead_id,
        earlier.sequence < OutboundDelivery.sequence,
        earlier.state == "pending",
    )
    wanted = (
        select(*_COLUMNS, OutboundDelivery.attempts)
        .join(OutboundDelivery, _same_event())
        .where(OutboundDelivery.tenant_id == tenant_id, _PENDING, OutboundDelivery.next_at <= now, ~before.exists())
        .order_by(OutboundDelivery.sequence)
    )
    rows = session.execute(wanted.limit(limit).with_for_update(skip_locked=True, of=OutboundDelivery)).mappings().all()
    taken = [row["event_id"] for row in rows]
    if taken:
        _change(session, tenant_id, taken, next_at=until, attempts=OutboundDelivery.attempts + 1)
    return [(_record(row), row["attempts"] + 1) for row in rows]


def _change(session: Session, tenant_id: str, event_ids: Sequence[str], **values: Any) -> None:
    own = (OutboundDelivery.tenant_id == tenant_id, OutboundDelivery.event_id.in_(list(event_ids)), _PENDING)
    changes = update(OutboundDelivery).where(*own).values(**values)
    rowcount(session, changes.execution_options(synchronize_session=False))


def _same_event() -> ColumnElement[bool]:
    own = OutboundDelivery.tenant_id == OutboundEvent.tenant_id
    return own & (OutboundDelivery.sequence == OutboundEvent.sequence)


def _record(row: Any) -> OutboundRecord:
    return OutboundRecord(**{name: row[name] for name in _NAMES})
