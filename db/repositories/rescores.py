"""Which leads are to be scored again, and when: one row a lead, soonest wins; nothing is lost with the broker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, case, func, or_, select, update
from sqlalchemy.orm import Session

from db import clock
from db.models import RescoreDue
from db.records import Taken
from db.repositories.bulk import core, folded, on_postgresql, unfolded
from db.repositories.statements import upsert

#: seconds in which events score a lead once
WINDOW = 30.0
#: seconds after which leads that somebody took and did not settle are due again
LEASE = 120.0
_KEY: list[Any] = [RescoreDue.tenant_id, RescoreDue.lead_id]


def touch(session: Session, tenant_id: str, *, lead_ids: Sequence[str]) -> None:
    """Something happened to these leads: due now, or when the window since their last score ends."""
    if not lead_ids:
        return
    now = clock.now(session)
    told: Any = upsert(session, RescoreDue).excluded.due_at
    free = case((RescoreDue.free_at > told, RescoreDue.free_at), else_=told)
    later = or_(RescoreDue.due_at.is_(None), RescoreDue.due_at > free)
    _upsert(session, tenant_id, dict.fromkeys(lead_ids, now), case((later, free), else_=RescoreDue.due_at))


def schedule(session: Session, tenant_id: str, *, due: Mapping[str, datetime]) -> None:
    """Score leads at some moment, or sooner where they are due sooner."""
    told: Any = upsert(session, RescoreDue).excluded.due_at
    later = or_(RescoreDue.due_at.is_(None), RescoreDue.due_at > told)
    _upsert(session, tenant_id, due, case((later, told), else_=RescoreDue.due_at))


def due(session: Session) -> dict[str, int]:
    """Tell how many leads of which tenant are due."""
    counted = select(RescoreDue.tenant_id, func.count()).where(RescoreDue.due_at <= clock.now(session))
    rows = session.execute(counted.group_by(RescoreDue.tenant_id).order_by(RescoreDue.tenant_id))
    return {tenant_id: count for tenant_id, count in rows}  # noqa: C416 - rows are no pairs to a type checker


def take(session: Session, tenant_id: str, *, limit: int) -> Taken:
    """Take leads that are due, longest due first; they are due again after `LEASE` unless `settle` says otherwise."""
    now = clock.now(session)
    until = now + timedelta(seconds=LEASE)
    wanted = select(RescoreDue.lead_id).where(RescoreDue.tenant_id == tenant_id, RescoreDue.due_at <= now)
    wanted = wanted.order_by(RescoreDue.due_at, RescoreDue.lead_id).limit(limit).with_for_update(skip_locked=True)
    lead_ids = tuple(session.scalars(wanted))
    taken = update(RescoreDue).where(RescoreDue.tenant_id == tenant_id, RescoreDue.lead_id.in_(lead_ids))
    taken = taken.values(due_at=until, free_at=now + timedelta(seconds=WINDOW))
    if lead_ids:
        session.execute(taken.execution_options(synchronize_session=False))
    return Taken(lead_ids=lead_ids, until=until)


def settle(session: Session, tenant_id: str, *, taken: Taken, due: Mapping[str, datetime | None]) -> None:
    """Say when leads that were taken are due next (None: not by themselves); those touched meanwhile stay due."""
    table = core(RescoreDue)
    own = (table.c.tenant_id == tenant_id, table.c.lead_id == bindparam("lead"), table.c.due_at == taken.until)
    rows = [{"lead": lead_id, "next": due.get(lead_id)} for lead_id in sorted(taken.lead_ids)]
    if rows:
        session.connection().execute(update(table).where(*own).values(due_at=bindparam("next")), rows)


def _upsert(session: Session, tenant_id: str, due: Mapping[str, datetime], then: Any) -> None:
    # by id, so that two that touch the same leads do not wait for each other
    rows = [{"tenant_id": tenant_id, "lead_id": lead_id, "due_at": due[lead_id]} for lead_id in sorted(due)]
    if not rows:
        return
    # the text of the statement stays the same however many rows there are, so that it is compiled once
    first = unfolded(RescoreDue, list(rows[0])) if on_postgresql(session) else upsert(session, RescoreDue)
    told = first.on_conflict_do_update(index_elements=_KEY, set_={"due_at": then})
    session.connection().execute(told, folded(rows) if on_postgresql(session) else rows)
