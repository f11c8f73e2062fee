"""A queue of leads in the database: each lead has a time at which it is due, and workers claim those that are.

One row per lead; of several times the soonest wins; nothing is lost with the broker. Times are the database's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from sqlalchemy import ColumnElement, bindparam, case, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from db.models import RescoreDue, RiskCheck
from db.records import ClaimedLeads
from db.repositories.sql import insert_from_json, json_rows, on_postgresql, table_of, tenants_walk, upsert
from db.session import database_time


@dataclass(frozen=True, slots=True, kw_only=True)
class DueQueue:
    """One table of due leads, with the times for which leads are left alone."""

    rows: type[RescoreDue | RiskCheck]
    #: seconds in which events of a lead make it due once; less than the lease, so that `complete` notices a touch
    window: float
    #: seconds after which leads that were claimed and not completed are due again
    lease: float

    def touch(self, session: Session, tenant_id: str, *, lead_ids: Sequence[str]) -> None:
        """Make leads due now, or when the window since their last claim ends."""
        if not lead_ids:
            return
        table, now = self.rows, database_time(session)
        new_due = _inserted_due_at(table, on_postgresql(session))
        free = case((table.free_at > new_due, table.free_at), else_=new_due)
        later = or_(table.due_at.is_(None), table.due_at > free)
        self._upsert(session, tenant_id, dict.fromkeys(lead_ids, now), case((later, free), else_=table.due_at))

    def schedule(self, session: Session, tenant_id: str, *, due: Mapping[str, datetime]) -> None:
        """Make leads due at a time; leads that are due sooner stay so."""
        table = self.rows
        new_due = _inserted_due_at(table, on_postgresql(session))
        later = or_(table.due_at.is_(None), table.due_at > new_due)
        self._upsert(session, tenant_id, due, case((later, new_due), else_=table.due_at))

    def reschedule(self, session: Session, tenant_id: str, *, due: Mapping[str, datetime]) -> None:
        """Make leads due at a time, whether they were due sooner or later."""
        self._upsert(session, tenant_id, due, _inserted_due_at(self.rows, on_postgresql(session)))

    def due(self, session: Session) -> dict[str, int]:
        """Count the leads that are due, by tenant. Leads that are due later are not read."""
        table = self.rows
        walk = tenants_walk(table.tenant_id, table.due_at.is_not(None))
        is_due = (table.tenant_id == walk.c.tenant_id, table.due_at <= database_time(session))
        counted = select(walk.c.tenant_id, select(func.count()).where(*is_due).scalar_subquery())
        rows = session.execute(counted.where(walk.c.tenant_id.is_not(None)))
        return {tenant_id: count for tenant_id, count in rows if count}

    def claim(self, session: Session, tenant_id: str, *, limit: int) -> ClaimedLeads:
        """Claim leads that are due, longest due first; they are due again after the lease unless completed before."""
        table, now = self.rows, database_time(session)
        until = now + timedelta(seconds=self.lease)
        query = select(table.lead_id).where(table.tenant_id == tenant_id, table.due_at <= now)
        query = query.order_by(table.due_at, table.lead_id).limit(limit).with_for_update(skip_locked=True)
        lead_ids = tuple(session.scalars(query))
        claimed = update(table).where(table.tenant_id == tenant_id, table.lead_id.in_(lead_ids))
        claimed = claimed.values(due_at=until, free_at=now + timedelta(seconds=self.window))
        if lead_ids:
            session.execute(claimed.execution_options(synchronize_session=False))
        return ClaimedLeads(lead_ids=lead_ids, until=until)

    def complete(
        self, session: Session, tenant_id: str, *, taken: ClaimedLeads, due: Mapping[str, datetime | None]
    ) -> None:
        """Set when claimed leads are due next (None: only after an event); leads touched since the claim stay due."""
        table = table_of(self.rows)
        # a lead that was touched since has another time than the end of its lease
        untouched = (
            table.c.tenant_id == tenant_id,
            table.c.lead_id == bindparam("lead"),
            table.c.due_at == taken.until,
        )
        rows = [{"lead": lead_id, "next": due.get(lead_id)} for lead_id in sorted(taken.lead_ids)]
        if rows:
            session.connection().execute(update(table).where(*untouched).values(due_at=bindparam("next")), rows)

    def _upsert(
        self, session: Session, tenant_id: str, due: Mapping[str, datetime], existing: ColumnElement[datetime]
    ) -> None:
        """Insert rows; a lead that has a row gets the time that `existing` computes."""
        # by id, so that two that touch the same leads do not wait for each other
        rows = [{"tenant_id": tenant_id, "lead_id": lead_id, "due_at": due[lead_id]} for lead_id in sorted(due)]
        if not rows:
            return
        # the text of the statement stays the same however many rows there are, so that it is compiled once
        many = on_postgresql(session)
        insert = insert_from_json(self.rows, list(rows[0])) if many else upsert(session, self.rows)
        statement = insert.on_conflict_do_update(index_elements=["tenant_id", "lead_id"], set_={"due_at": existing})
        session.connection().execute(statement, json_rows(rows) if many else rows)


@lru_cache
def _inserted_due_at(rows: type[RescoreDue | RiskCheck], many: bool) -> ColumnElement[datetime]:
    """Return the time that a row would have been inserted with; made once, since making it costs more than its use."""
    inserted: ColumnElement[datetime] = (postgresql if many else sqlite).insert(rows).excluded.due_at
    return inserted
