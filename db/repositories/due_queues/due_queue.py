"""Leads with a moment at which they are looked at again: one row a lead, soonest wins, nothing lost with the broker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, case, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from db import clock
from db.models import RescoreDue, RiskCheck
from db.records import Taken
from db.repositories.sql.bulk import core, folded, on_postgresql, unfolded
from db.repositories.sql.clauses import tenants_walk, upsert


@dataclass(frozen=True, slots=True, kw_only=True)
class DueQueue:
    """One table of due leads, and how long they are left alone."""

    rows: type[RescoreDue | RiskCheck]
    #: seconds in which what happens to a lead makes it due once; less than the lease, so that `settle` sees a touch
    window: float
    #: seconds after which leads that somebody took and did not settle are due again
    lease: float

    def touch(self, session: Session, tenant_id: str, lead_ids: Sequence[str]) -> None:
        """Make leads due now, or when the window since they were taken ends."""
        if not lead_ids:
            return
        own, now = self.rows, clock.now(session)
        told = _told(own, on_postgresql(session))
        free = case((own.free_at > told, own.free_at), else_=told)
        later = or_(own.due_at.is_(None), own.due_at > free)
        self._upsert(session, tenant_id, dict.fromkeys(lead_ids, now), case((later, free), else_=own.due_at))

    def schedule(self, session: Session, tenant_id: str, due: Mapping[str, datetime]) -> None:
        """Make leads due at some moment; those that are due sooner stay so."""
        own = self.rows
        told = _told(own, on_postgresql(session))
        later = or_(own.due_at.is_(None), own.due_at > told)
        self._upsert(session, tenant_id, due, case((later, told), else_=own.due_at))

    def put(self, session: Session, tenant_id: str, due: Mapping[str, datetime]) -> None:
        """Make leads due at some moment, no sooner."""
        self._upsert(session, tenant_id, due, _told(self.rows, on_postgresql(session)))

    def due(self, session: Session) -> dict[str, int]:
        """Tell how many leads of which tenant are due; those that are due later are not gone through."""
        own = self.rows
        walk = tenants_walk(own.tenant_id, own.due_at.is_not(None))
        these = (own.tenant_id == walk.c.tenant_id, own.due_at <= clock.now(session))
        counted = select(walk.c.tenant_id, select(func.count()).where(*these).scalar_subquery())
        rows = session.execute(counted.where(walk.c.tenant_id.is_not(None)))
        return {tenant_id: count for tenant_id, count in rows if count}

    def claim(self, session: Session, tenant_id: str, limit: int) -> Taken:
        """Take leads that are due, longest due first; they are due again after the lease unless settled otherwise."""
        own, now = self.rows, clock.now(session)
        until = now + timedelta(seconds=self.lease)
        wanted = select(own.lead_id).where(own.tenant_id == tenant_id, own.due_at <= now)
        wanted = wanted.order_by(own.due_at, own.lead_id).limit(limit).with_for_update(skip_locked=True)
        lead_ids = tuple(session.scalars(wanted))
        taken = update(own).where(own.tenant_id == tenant_id, own.lead_id.in_(lead_ids))
        taken = taken.values(due_at=until, free_at=now + timedelta(seconds=self.window))
        if lead_ids:
            session.execute(taken.execution_options(synchronize_session=False))
        return Taken(lead_ids=lead_ids, until=until)

    def complete(self, session: Session, tenant_id: str, taken: Taken, due: Mapping[str, datetime | None]) -> None:
        """Say when leads that were taken are due next (None: not by themselves); those touched meanwhile stay due."""
        table = core(self.rows)
        own = (table.c.tenant_id == tenant_id, table.c.lead_id == bindparam("lead"), table.c.due_at == taken.until)
        rows = [{"lead": lead_id, "next": due.get(lead_id)} for lead_id in sorted(taken.lead_ids)]
        if rows:
            session.connection().execute(update(table).where(*own).values(due_at=bindparam("next")), rows)

    def _upsert(self, session: Session, tenant_id: str, due: Mapping[str, datetime], then: Any) -> None:
        # by id, so that two that touch the same leads do not wait for each other
        rows = [{"tenant_id": tenant_id, "lead_id": lead_id, "due_at": due[lead_id]} for lead_id in sorted(due)]
        if not rows:
            return
        # the text of the statement stays the same however many rows there are, so that it is compiled once
        many = on_postgresql(session)
        first = unfolded(self.rows, list(rows[0])) if many else upsert(session, self.rows)
        told = first.on_conflict_do_update(index_elements=["tenant_id", "lead_id"], set_={"due_at": then})
        session.connection().execute(told, folded(rows) if many else rows)


@lru_cache
def _told(rows: type[RescoreDue | RiskCheck], many: bool) -> Any:
    """Give the moment that a row would have been inserted with; to put it together costs more than to use it."""
    return (postgresql if many else sqlite).insert(rows).excluded.due_at
