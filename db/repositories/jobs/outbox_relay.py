"""Claims of a relay on the outbox: a fair share of each tenant, for a short time, so that two relays do no harm."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from itertools import zip_longest

from sqlalchemy import (
    ColumnElement,
    Executable,
    Select,
    String,
    and_,
    bindparam,
    column,
    func,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.models import OutboxEntry
from db.records import OutboxRecord
from db.repositories.jobs import sealed_outbox
from db.repositories.sql import in_batches, json_recordset, json_rows, on_postgresql, table_of, tenants_where
from db.session import database_time, keyring_of

_COLUMNS = tuple(getattr(OutboxEntry, column.name) for column in fields(OutboxRecord))
#: a row this far in the future was written by a worker with a wrong clock: do not wait for its time
_SKEW = timedelta(seconds=60)
_WAITING = OutboxEntry.published_at.is_(None)
_UNDONE = and_(OutboxEntry.done_at.is_(None), OutboxEntry.published_at.is_not(None))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """One kind of rows that a relay looks for."""

    #: the condition of a partial index
    kind: ColumnElement[bool]
    #: rows are claimed in the order of this column
    age: InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None]
    #: further conditions
    ready: ColumnElement[bool]
    per_tenant: int
    #: end of the claim
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
    """Claim tasks to publish, tenants in turn, at most `per_tenant` of each; commit, publish, then confirm or fail.

    First come tasks written more than `older_than` seconds ago and not confirmed; then, with `redo_after`, tasks
    published more than so many seconds ago that have not ended (the broker lost its data). For `hold` seconds no other
    relay claims them. `after` is the last tenant of the previous call, where there are more tenants than `limit`.
    Sealed arguments are opened; a row that does not open is left out, and claimed again after `hold` seconds.
    """
    now = database_time(session)
    free = or_(OutboxEntry.taken_until.is_(None), OutboxEntry.taken_until <= now)
    if exclude_queues:
        free = and_(free, OutboxEntry.queue.not_in(list(exclude_queues)))
    until = now + timedelta(seconds=hold)
    old = or_(OutboxEntry.created_at <= now - timedelta(seconds=older_than), OutboxEntry.created_at > now + _SKEW)
    waiting = _Search(
        kind=_WAITING, age=OutboxEntry.created_at, ready=and_(free, old), per_tenant=per_tenant, until=until
    )
    claimed = _claim_fairly(session, waiting, limit, after)
    if redo_after is not None and len(claimed) < limit:
        long_ago = OutboxEntry.published_at <= now - timedelta(seconds=redo_after)
        undone = _Search(
            kind=_UNDONE, age=OutboxEntry.published_at, ready=and_(free, long_ago), per_tenant=per_tenant, until=until
        )
        claimed += _claim_fairly(session, undone, limit - len(claimed), after)
    return _opened(session, claimed)


def _opened(session: Session, records: Sequence[OutboxRecord]) -> list[OutboxRecord]:
    pairs = [(record, sealed_outbox.opened(keyring_of(session), record)) for record in records]
    if closed := [record for record, opened in pairs if opened is None]:
        mark(session, closed, last_error="not_opened")
    return [opened for _, opened in pairs if opened is not None]


def _claim_fairly(session: Session, search: _Search, limit: int, after: str) -> list[OutboxRecord]:
    """Claim an equal share of each tenant first, then what is left of `limit` of those that have more."""
    tenants = tenants_where(session, OutboxEntry.tenant_id, search.kind)
    with_more = [t for t in tenants if t > after] + [t for t in tenants if t <= after]
    by_tenant: dict[str, list[OutboxRecord]] = {tenant_id: [] for tenant_id in with_more}
    left, served = limit, 0
    while left > 0 and with_more and served < search.per_tenant:
        share = min(max(1, left // len(with_more)), search.per_tenant - served)
        for batch in in_batches(with_more, left):
            claimed = _claim_share(session, batch[:left], search, share) if left else []
            left -= len(claimed)
            for record in claimed:
                by_tenant[record.tenant_id].append(record)
        served += share
        with_more = [t for t in with_more if len(by_tenant[t]) == served]
    return list(_in_turn(list(by_tenant.values())))


def _claim_share(session: Session, tenants: Sequence[str], search: _Search, share: int) -> list[OutboxRecord]:
    """Claim at most `share` tasks of each tenant; on PostgreSQL of all of them in one statement."""
    records: list[OutboxRecord] = []
    if on_postgresql(session):
        listed = func.unnest(bindparam("tenants", list(tenants), type_=postgresql.ARRAY(String)))
        each = listed.table_valued(column("tenant_id", String)).render_derived(name="each")
        oldest = _oldest(search, each.c.tenant_id, share).with_for_update(skip_locked=True).lateral("oldest")
        records = _records(session, select(oldest).select_from(each.join(oldest, true())))
    else:
        for tenant_id in tenants:
            records += _records(session, _oldest(search, literal(tenant_id), share))
    mark(session, records, taken_until=search.until, attempts=OutboxEntry.attempts + 1)
    return [replace(record, attempts=record.attempts + 1) for record in records]


def mark(session: Session, records: Sequence[OutboxRecord], **values: object) -> None:
    """Set columns of rows of many tenants; rows that another transaction has locked are skipped."""
    keys = [{"tenant_id": record.tenant_id, "outbox_id": record.outbox_id} for record in records]
    table = table_of(OutboxEntry)
    for batch in in_batches(keys):
        if on_postgresql(session):
            given = json_recordset(OutboxEntry, ("tenant_id", "outbox_id"))
            same = and_(OutboxEntry.tenant_id == given.c.tenant_id, OutboxEntry.outbox_id == given.c.outbox_id)
            locked = select(OutboxEntry.tenant_id, OutboxEntry.outbox_id).join(given, same)
            free = locked.with_for_update(skip_locked=True, of=OutboxEntry).subquery("free")
            this = (table.c.tenant_id == free.c.tenant_id, table.c.outbox_id == free.c.outbox_id)
            session.connection().execute(update(table).where(*this).values(**values), json_rows(batch))
        else:
            this = (table.c.tenant_id == bindparam("row_tenant"), table.c.outbox_id == bindparam("row_id"))
            parameters = [{"row_tenant": key["tenant_id"], "row_id": key["outbox_id"]} for key in batch]
            session.connection().execute(update(table).where(*this).values(**values), parameters)


def _oldest(search: _Search, tenant_id: ColumnElement[str], limit: int) -> Select[*tuple[object, ...]]:
    query = select(*_COLUMNS).where(OutboxEntry.tenant_id == tenant_id, search.kind, search.ready)
    return query.order_by(search.age, OutboxEntry.outbox_id).limit(limit)


def _records(session: Session, query: Executable) -> list[OutboxRecord]:
    return [OutboxRecord(**dict(row)) for row in session.execute(query).mappings()]


def _in_turn(shares: Sequence[Sequence[OutboxRecord]]) -> Iterator[OutboxRecord]:
    for turn in zip_longest(*shares):
        yield from (record for record in turn if record is not None)
