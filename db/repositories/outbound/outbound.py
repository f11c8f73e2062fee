"""The outbound stream: events for the CRM, in order and without gaps, and the state of their delivery."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, RowMapping, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, aliased

from db.base import NewRow, new_id
from db.models import OutboundCounter, OutboundDelivery, OutboundEvent
from db.records import DeadLetter, OutboundDraft, OutboundRecord
from db.repositories.sql import (
    distribute,
    in_batches,
    insert_many,
    on_postgresql,
    rowcount,
    table_of,
    tenants_where,
)

_COLUMNS = tuple(getattr(OutboundEvent, column.name) for column in fields(OutboundRecord))
_NAMES = tuple(column.name for column in fields(OutboundRecord))
#: in the past, so that the clock of the emitting worker does not delay the delivery
_AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)
_PENDING = OutboundDelivery.state == "pending"
_COUNTER = table_of(OutboundCounter).c
#: by whether the statement is for PostgreSQL
_ADVANCE = {
    kind == postgresql: kind.insert(table_of(OutboundCounter))
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
    """Write events, in the transaction of the change that they report; without `deliver` they can only be pulled.

    The tenant's counter stays locked until this transaction ends, so emit last and once.
    """
    if not events:
        return []
    last = _advance_sequence(session, tenant_id, len(events))
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
    """Claim events to deliver, each with the number of this attempt, from 1; `now` is the `database_time`.

    An event is due when no earlier event of its lead is pending. For `hold` seconds no other worker gets it; commit,
    deliver within that time, then record the result. Tenants in `exclude` are left out.
    """
    until = now + timedelta(seconds=hold)
    tenants = [t for t in tenants_where(session, OutboundDelivery.tenant_id, _PENDING) if t not in exclude]
    return distribute(
        tenants, limit, lambda tenant_id, share: _claim(session, tenant_id, now, min(share, per_tenant), until)
    )


def mark_delivered(session: Session, tenant_id: str, *, event_ids: Sequence[str], now: datetime) -> None:
    """Record that the receiver has these events; harmless when repeated."""
    for batch in in_batches(event_ids):
        _change(session, tenant_id, batch, state="delivered", delivered_at=now, error=None)


def mark_failed(session: Session, tenant_id: str, *, event_id: str, next_at: datetime, error: str) -> None:
    """Record why a delivery failed (a code, no value) and when to retry; a delivered event stays delivered."""
    _change(session, tenant_id, [event_id], next_at=next_at, error=error)


def mark_dead(session: Session, tenant_id: str, *, event_id: str, error: str) -> None:
    """Abandon a delivery; later events of the lead are delivered."""
    _change(session, tenant_id, [event_id], state="dead", error=error)


def replay(session: Session, tenant_id: str, *, event_ids: Sequence[str] | None, now: datetime) -> int:
    """Deliver dead letters again, those named or all (None), with attempts counted from 0; return their number."""
    dead = update(OutboundDelivery).where(OutboundDelivery.tenant_id == tenant_id, OutboundDelivery.state == "dead")
    if event_ids is not None:
        dead = dead.where(OutboundDelivery.event_id.in_(list(event_ids)))
    pending = dead.values(state="pending", attempts=0, next_at=now, error=None)
    return rowcount(session, pending.execution_options(synchronize_session=False))


def pull(session: Session, tenant_id: str, *, cursor: int, limit: int) -> list[OutboundRecord]:
    """Return the events after a sequence number (0: from the start), in order; the last number is the next cursor."""
    query = select(*_COLUMNS).where(OutboundEvent.tenant_id == tenant_id, OutboundEvent.sequence > cursor)
    rows = session.execute(query.order_by(OutboundEvent.sequence).limit(limit)).mappings()
    return [OutboundRecord(**dict(row)) for row in rows]


def dead_letters(session: Session, tenant_id: str, *, limit: int) -> list[DeadLetter]:
    """Return events whose delivery was abandoned, oldest first."""
    query = (
        select(*_COLUMNS, OutboundDelivery.attempts, OutboundDelivery.error)
        .join(OutboundDelivery, _same_event())
        .where(OutboundDelivery.tenant_id == tenant_id, OutboundDelivery.state == "dead")
        .order_by(OutboundDelivery.sequence)
    )
    rows = session.execute(query.limit(limit)).mappings()
    return [DeadLetter(event=_record(row), attempts=row["attempts"], error=row["error"]) for row in rows]


def counts(session: Session) -> dict[str, int]:
    """Count how many deliveries of all tenants are pending and how many are dead."""
    query = select(OutboundDelivery.state, func.count()).where(OutboundDelivery.state.in_(("pending", "dead")))
    numbers = {state: number for state, number in session.execute(query.group_by(OutboundDelivery.state))}  # noqa: C416 - rows are no pairs to a type checker
    return {"pending": 0, "dead": 0} | numbers


def _advance_sequence(session: Session, tenant_id: str, number: int) -> int:
    advanced = session.connection().execute(_ADVANCE[on_postgresql(session)], {"tenant": tenant_id, "number": number})
    return int(advanced.scalar_one())


def _delivery(record: OutboundRecord) -> NewRow:
    return {
        "tenant_id": record.tenant_id,
        "event_id": record.event_id,
        "sequence": record.sequence,
        "lead_id": record.lead_id,
        "state": "pending",
        "attempts": 0,
        "next_at": _AT_ONCE,
    }


def _claim(
    session: Session, tenant_id: str, now: datetime, limit: int, until: datetime
) -> list[tuple[OutboundRecord, int]]:
    earlier = aliased(OutboundDelivery)
    before = select(earlier.event_id).where(
        earlier.tenant_id == OutboundDelivery.tenant_id,
        earlier.lead_id == OutboundDelivery.lead_id,
        earlier.sequence < OutboundDelivery.sequence,
        earlier.state == "pending",
    )
    query = (
        select(*_COLUMNS, OutboundDelivery.attempts)
        .join(OutboundDelivery, _same_event())
        .where(OutboundDelivery.tenant_id == tenant_id, _PENDING, OutboundDelivery.next_at <= now, ~before.exists())
        .order_by(OutboundDelivery.sequence)
    )
    rows = session.execute(query.limit(limit).with_for_update(skip_locked=True, of=OutboundDelivery)).mappings().all()
    event_ids = [row["event_id"] for row in rows]
    if event_ids:
        _change(session, tenant_id, event_ids, next_at=until, attempts=OutboundDelivery.attempts + 1)
    return [(_record(row), row["attempts"] + 1) for row in rows]


def _change(session: Session, tenant_id: str, event_ids: Sequence[str], **values: object) -> None:
    pending = update(OutboundDelivery).where(
        OutboundDelivery.tenant_id == tenant_id, OutboundDelivery.event_id.in_(list(event_ids)), _PENDING
    )
    rowcount(session, pending.values(**values).execution_options(synchronize_session=False))


def _same_event() -> ColumnElement[bool]:
    same_tenant = OutboundDelivery.tenant_id == OutboundEvent.tenant_id
    return same_tenant & (OutboundDelivery.sequence == OutboundEvent.sequence)


def _record(row: RowMapping) -> OutboundRecord:
    return OutboundRecord(**{name: row[name] for name in _NAMES})
