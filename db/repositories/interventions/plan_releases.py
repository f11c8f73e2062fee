"""Plans that wait for a person's yes: what waits, what went out unasked, and what the person said."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, fields
from datetime import datetime

from sqlalchemy import Update, bindparam, func, insert, or_, select, update
from sqlalchemy.orm import Session

from db.models import Intervention, Lead, PlanRelease
from db.records import InterventionRecord, PlanReleaseRecord, PlanWait
from db.repositories.interventions.interventions import COLUMNS, in_states, records_of
from db.repositories.leads.lead_status import IS_OPEN
from db.repositories.sql import among, in_batches, table_of
from domain.action_states import AWAITING, READY, UNREVIEWED, check_move

_TABLE, _SAID = table_of(Intervention), table_of(PlanRelease)
_C = _TABLE.c
_OWN = _C.tenant_id == bindparam("tenant")
_PART = _C.awaits.is_not(None)
_WAITS = (_OWN, _PART, in_states(*UNREVIEWED))
_KIND = (_C.intervention, _C.action, _C.channel, _C.awaits)
_KINDS = (
    select(
        *_KIND,
        func.count().label("actions"),
        func.count(_C.lead_id.distinct()).label("leads"),
        func.min(_C.planned_at).label("since"),
        func.max(_C.planned_at).label("until"),
        func.min(_C.expires_at).label("expires_at"),
    )
    .where(*_WAITS)
    .group_by(*_KIND)
    .order_by(func.count().desc(), *_KIND)
)
# by id, so that two that decide the same actions do not wait for each other
_PARTS = select(*COLUMNS).where(_OWN, _PART).order_by(_C.action_id).with_for_update()
_THESE = (_OWN, among(_C.action_id, "actions"))
_RECORDS = tuple(_SAID.c[column.name] for column in fields(PlanReleaseRecord))
_NEWEST = (
    select(*_RECORDS)
    .where(_SAID.c.tenant_id == bindparam("tenant"))
    .order_by(_SAID.c.decided_at.desc(), _SAID.c.release_id)
    .limit(1)
)
#: a yes to some types of intervention opens the way for nothing else
_OPENED = (
    select(_SAID.c.release_id)
    .where(_SAID.c.tenant_id == bindparam("tenant"), _SAID.c.decision == "yes", _SAID.c.scope.is_(None))
    .limit(1)
)


def waiting(session: Session, tenant_id: str) -> list[PlanWait]:
    """Return what waits for a person's yes, by intervention, action, channel and rule; most actions first."""
    rows = session.connection().execute(_KINDS, {"tenant": tenant_id}).mappings()
    return [PlanWait(**dict(row)) for row in rows]


def unasked(session: Session, tenant_id: str, *, since: datetime, leaving_out: Collection[str]) -> int:
    """Count the actions planned since a time that went, or will go, to the CRM without a person having looked.

    Actions named in `leaving_out` are not counted.
    """
    query = select(func.count()).where(
        _OWN,
        _C.planned_at >= since,
        or_(in_states(*READY), _C.dispatched_at.is_not(None)),
        _C.reviewed_at.is_(None),
        _C.release_id.is_(None),
        _C.action.not_in(sorted(leaving_out)),
    )
    return int(session.connection().execute(query, {"tenant": tenant_id}).scalar_one())


def open_leads(session: Session, tenant_id: str) -> int:
    """Count the leads that are still to be won."""
    query = select(func.count()).where(Lead.tenant_id == tenant_id, IS_OPEN)
    return int(session.scalar(query) or 0)


def opened(session: Session, tenant_id: str) -> bool:
    """Return whether a person ever said yes to a whole plan of the tenant."""
    return session.connection().execute(_OPENED, {"tenant": tenant_id}).first() is not None


def newest(session: Session, tenant_id: str) -> PlanReleaseRecord | None:
    """Return what a person said last; None: nothing yet."""
    row = session.connection().execute(_NEWEST, {"tenant": tenant_id}).mappings().first()
    if row is None:
        return None
    return PlanReleaseRecord(**{**row, "scope": None if row["scope"] is None else tuple(row["scope"])})


def add(session: Session, tenant_id: str, *, said: PlanReleaseRecord) -> None:
    """Store what a person said."""
    scope = None if said.scope is None else list(said.scope)
    session.execute(insert(PlanRelease), [{"tenant_id": tenant_id, **asdict(said), "scope": scope}])


def parts(
    session: Session, tenant_id: str, *, scope: Iterable[str] | None = None, until: datetime | None = None
) -> list[InterventionRecord]:
    """Lock and return the actions that a yes or no is about, of leads of both arms, by id.

    Args:
        session: of the transaction in which they are decided.
        tenant_id: whose they are.
        scope: types of intervention; None: all.
        until: only those planned by then.

    """
    query = _PARTS if scope is None else _PARTS.where(_C.intervention.in_(sorted(scope)))
    query = query if until is None else query.where(_C.planned_at <= until)
    return records_of(session, query, tenant=tenant_id)


def release(
    session: Session, tenant_id: str, *, action_ids: Sequence[str], release_id: str | None
) -> list[InterventionRecord]:
    """Move actions that wait for a yes to `planned`; return those moved: another worker may have been quicker.

    `release_id` is None where one lead's was asked for by name. Nobody has reviewed their texts by that.
    """
    check_move(UNREVIEWED, "planned")
    moved = update(_TABLE).values(state="planned", awaits=None, release_id=release_id)
    return _moved(session, moved, tenant_id, action_ids)


def decline(
    session: Session, tenant_id: str, *, action_ids: Sequence[str], release_id: str, by: str, now: datetime
) -> list[InterventionRecord]:
    """Withdraw actions that wait for a yes, as somebody declined; return those withdrawn."""
    check_move(UNREVIEWED, "withdrawn")
    said = {"reviewed_by": by, "reviewed_at": now, "withdrawn_at": now, "withdrawn_reason": "declined"}
    moved = update(_TABLE).values(state="withdrawn", awaits=None, release_id=release_id, **said)
    return _moved(session, moved, tenant_id, action_ids)


def settle(session: Session, tenant_id: str, *, action_ids: Sequence[str], release_id: str | None) -> None:
    """Record by which yes or no the other actions of a plan wait no more; their states stay."""
    for batch in in_batches(action_ids):
        settled = update(_TABLE).where(*_THESE, _PART).values(awaits=None, release_id=release_id)
        session.connection().execute(settled, {"tenant": tenant_id, "actions": batch})


def leave(session: Session, tenant_id: str, *, lead_ids: Sequence[str] | None = None) -> None:
    """Take held-out actions out of the plan that waits, as those of the other arm are withdrawn; None: of all leads.

    So both arms hold the leads for which something was still to be done when a person said yes.
    """
    left = update(_TABLE).where(_OWN, _PART, in_states(*set(AWAITING) - set(UNREVIEWED))).values(awaits=None)
    if lead_ids is None:
        session.connection().execute(left, {"tenant": tenant_id})
        return
    for batch in in_batches(lead_ids):
        of_leads = left.where(among(_C.lead_id, "leads"))
        session.connection().execute(of_leads, {"tenant": tenant_id, "leads": batch})


def _moved(session: Session, moved: Update, tenant_id: str, action_ids: Sequence[str]) -> list[InterventionRecord]:
    query = moved.where(*_THESE, _PART, in_states(*UNREVIEWED)).returning(*COLUMNS)
    return [
        record
        for batch in in_batches(action_ids)
        for record in records_of(session, query, tenant=tenant_id, actions=batch)
    ]
