"""What a relay takes from the outbox: a fair share of each tenant, for a short time, so that two are harmless."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, bindparam, column, func, literal, or_, select, true, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import InstrumentedAttribute, Session

from db import clock
from db.models import OutboxEntry
from db.records import OutboxRecord
from db.repositories.sql.bulk import core, folded, on_postgresql, recordset
from db.repositories.sql.clauses import in_batches, tenants_where

_COLUMNS = tuple(getattr(OutboxEntry, column.name) for column in fields(OutboxRecord))
#: a row this far in the future was written by a worker whose clock is wrong: no reason to wait for it
_SKEW = timedelta(seconds=60)
_WAITING = OutboxEntry.published_at.is_(None)
_UNDONE = and_(OutboxEntry.done_at.is_(None), OutboxEntry.published_at.is_not(None))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """One kind of rows that a relay looks for."""

    #: a partial index knows it
    kind: ColumnElement[bool]
    #: oldest first
    age: InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None]
    #: what else must hold
    ready: ColumnElement[bool]
    per_tenant: int
    now: datetime
    #: until when what is taken is out of other relays' reach
    until: datetime


def claim(
    session: Session,
    *,
    limit: int,
    per_tenant: int,
    older_than: float,
    exclude_queues: Collection[str] = (),
    redo_after: float | None = None,
    hold: float = 30.0,
    after: str = "",
) -> list[OutboxRecord]:
    """Take tasks to publish, tenants in turn, at most `per_tenant` of each; commit, publish, then confirm or fail.

    Those written more than `older_than` seconds ago and not confirmed come first; with `redo_after` then those
    published more than so many seconds ago whose task has not ended (a broker that lost its data). For `hold`
    seconds no other relay takes them. `after` names the last tenant of the call before, for more tenants than `limit`.
    """
    now = clock.now(session)
    free = or_(OutboxEntry.taken_until.is_(None), OutboxEntry.taken_until <= now)
    if exclude_queues:
        free = and_(free, OutboxEntry.queue.not_in(list(exclude_queues)))
    common = {"per_tenant": per_tenant, "now": now, "until": now + timedelta(seconds=hold)}
    old = or_(OutboxEntry.created_at <= now - timedelta(seconds=older_than), OutboxEntry.created_at > now + _SKEW)
    waiting = _Search(kind=_WAITING, age=OutboxEntry.created_at, ready=and_(free, old), **common)  # type: ignore[arg-type]
    found = _take_fairly(session, waiting, limit, after)
    if redo_after is not None and len(found) < limit:
        long_ago = OutboxEntry.published_at <= now - timedelta(seconds=redo_after)
        undone = _Search(kind=_UNDONE, age=OutboxEntry.published_at, ready=and_(free, long_ago), **common)  # type: ignore[arg-type]
        found += _take_fairly(session, undone, limit - len(found), after)
    return found


def _take_fairly(session: Session, search: _Search, limit: int, after: str) -> list[OutboxRecord]:
    """First an equal share for each tenant, then what is left of `limit` for those that have more."""
    tenants = tenants_where(session, OutboxEntry.tenant_id, search.kind)
    hungry = [t for t in tenants if t > after] + [t for t in tenants if t <= after]
    found: dict[str, list[OutboxRecord]] = {tenant_id: [] for tenant_id in hungry}
    left, served = limit, 0
    while left > 0 and hungry and served < search.per_tenant:
        share = min(max(1, left // len(hungry)), search.per_tenant - served)
        for asked in in_batches(hungry, left):
            taken = _take_of(session, asked[:left], search, share) if left else []
            left -= len(taken)
            for record in taken:
                found[record.tenant_id].append(record)
        served += share
        hungry = [t for t in hungry if len(found[t]) == served]
    return list(_in_turn(list(found.values())))


def _take_of(session: Session, tenants: Sequence[str], search: _Search, share: int) -> list[OutboxRecord]:
    """Take the share of each tenant that has as many; on PostgreSQL of all of them in one statement."""
    found: list[OutboxRecord] = []
    if on_postgresql(session):
        listed = func.unnest(bindparam("tenants", list(tenants), type_=postgresql.ARRAY(String)))
        each = listed.table_valued(column("tenant_id", String)).render_derived(name="each")
        own = _oldest(search, each.c.tenant_id, share).with_for_update(skip_locked=True).lateral("own")
        found = _records(session, select(own).select_from(each.join(own, true())))
    else:
        for tenant_id in tenants:
            found += _records(session, _oldest(search, literal(tenant_id), share))
    mark(session, found, taken_until=search.until, attempts=OutboxEntry.attempts + 1)
    return [replace(record, attempts=record.attempts + 1) for record in found]


def mark(session: Session, records: Sequence[OutboxRecord], **values: Any) -> None:
    """Change rows of many tenants; those that another transaction has locked are left as they are."""
    keys = [{"tenant_id": record.tenant_id, "outbox_id": record.outbox_id} for record in records]
    table = core(OutboxEntry)
    for batch in in_batches(keys):
        if on_postgresql(session):
            given = recordset(OutboxEntry, ("tenant_id", "outbox_id"))
            same = and_(OutboxEntry.tenant_id == given.c.tenant_id, OutboxEntry.outbox_id == given.c.outbox_id)
            locked = select(OutboxEntry.tenant_id, OutboxEntry.outbox_id).join(given, same)
            free = locked.with_for_update(skip_locked=True, of=OutboxEntry).subquery("free")
            own = (table.c.tenant_id == free.c.tenant_id, table.c.outbox_id == free.c.outbox_id)
            session.connection().execute(update(table).where(*own).values(**values), folded(batch))
        else:
            own = (table.c.tenant_id == bindparam("own_tenant"), table.c.outbox_id == bindparam("own_id"))
            named = [{"own_tenant": key["tenant_id"], "own_id": key["outbox_id"]} for key in batch]
            session.connection().execute(update(table).where(*own).values(**values), named)


def _oldest(search: _Search, tenant_id: ColumnElement[str], limit: int) -> Select[Any]:
    wanted = select(*_COLUMNS).where(OutboxEntry.tenant_id == tenant_id, search.kind, search.ready)
    return wanted.order_by(search.age, OutboxEntry.outbox_id).limit(limit)


def _records(session: Session, wanted: Select[Any]) -> list[OutboxRecord]:
    return [OutboxRecord(**dict(row)) for row in session.execute(wanted).mappings()]


def _in_turn(shares: Sequence[Sequence[OutboxRecord]]) -> Iterator[OutboxRecord]:
    for turn in zip_longest(*shares):
        yield from (record for record in turn if record is not None)
