"""What a relay takes from the outbox: a fair share of each tenant, for a short time, so that two are harmless."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from itertools import zip_longest

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from db import clock
from db.models import OutboxEntry
from db.records import OutboxRecord
from db.repositories.statements import changed, tenants_where

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


def take(
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
    left = limit
    while left > 0 and hungry:
        share = max(1, left // len(hungry))
        hungry = [t for t in hungry[:left] if _serve(session, t, search, share, found[t])]
        left = limit - sum(map(len, found.values()))
    return list(_in_turn(list(found.values())))


def _serve(session: Session, tenant_id: str, search: _Search, share: int, found: list[OutboxRecord]) -> bool:
    """Take a tenant's share; whether it may have more."""
    wanted = min(share, search.per_tenant - len(found))
    rows = _take_of(session, tenant_id, search, wanted) if wanted > 0 else []
    found += rows
    return wanted > 0 and len(rows) == wanted and len(found) < search.per_tenant


def _take_of(session: Session, tenant_id: str, search: _Search, limit: int) -> list[OutboxRecord]:
    own = OutboxEntry.tenant_id == tenant_id
    oldest = select(*_COLUMNS).where(own, search.kind, search.ready).order_by(search.age, OutboxEntry.outbox_id)
    rows = session.execute(oldest.limit(limit).with_for_update(skip_locked=True)).mappings().all()
    if rows:
        taken = update(OutboxEntry).where(own, OutboxEntry.outbox_id.in_([row["outbox_id"] for row in rows]))
        noted = taken.values(taken_until=search.until, attempts=OutboxEntry.attempts + 1)
        changed(session, noted.execution_options(synchronize_session=False))
    return [OutboxRecord(**{**row, "attempts": row["attempts"] + 1}) for row in rows]


def _in_turn(shares: Sequence[Sequence[OutboxRecord]]) -> Iterator[OutboxRecord]:
    for turn in zip_longest(*shares):
        yield from (record for record in turn if record is not None)
