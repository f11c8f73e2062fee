"""When a tenant's leads answer, and on which channels: one row a tenant, and what it is counted from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import bindparam, exists, func, or_, select
from sqlalchemy.orm import Session

from db.models import Erasure, Event, Lead, ReplyClock, Tenant, TenantSettings
from db.records import EventRecord, LeadPlace, ReplyClockRecord
from db.repositories.events import event_mapper
from db.repositories.sql import among, in_batches, on_postgresql, table_of, upsert
from db.repositories.tenants import RESERVED

_CLOCK = table_of(ReplyClock).c
_OF_TENANT = select(
    *(_CLOCK[name] for name in ("counts", "strength", "channels", "leads", "computed_at")),
).where(_CLOCK.tenant_id == bindparam("tenant"))
_EVENT = table_of(Event).c
_TALKS = (
    select(*(_EVENT[name] for name in event_mapper.RECORD))
    .where(_EVENT.tenant_id == bindparam("tenant"), _EVENT.occurred_at >= bindparam("since"))
    .where(among(func.lower(_EVENT.kind), "kinds"))
    .order_by(_EVENT.occurred_at.desc(), _EVENT.event_id)
    .limit(bindparam("most"))
)
_TRY_LOCK = select(func.pg_try_advisory_xact_lock(func.hashtextextended(bindparam("name"), 0)))
_LEAD = table_of(Lead).c
_PLACES = select(_LEAD.lead_id, _LEAD.fields).where(
    _LEAD.tenant_id == bindparam("tenant"),
    among(_LEAD.lead_id, "leads"),
    _LEAD.restricted_at.is_(None),
    _LEAD.objected_at.is_(None),
)


def get(session: Session, tenant_id: str) -> ReplyClockRecord | None:
    """Return the clock of a tenant; None where it was never computed."""
    row = session.connection().execute(_OF_TENANT, {"tenant": tenant_id}).one_or_none()
    if row is None:
        return None
    return ReplyClockRecord(
        slots=tuple(row.counts["slots"]),
        strength=row.strength,
        channels=row.channels,
        leads=row.leads,
        computed_at=row.computed_at,
    )


def save(session: Session, tenant_id: str, *, clock: ReplyClockRecord) -> bool:
    """Store the clock of a tenant in place of the one before, and return whether it did.

    It does not where another transaction is storing one: batches of a tenant must not wait for each other.
    """
    if on_postgresql(session) and not session.scalar(_TRY_LOCK, {"name": f"hearth.reply_clocks:{tenant_id}"}):
        return False
    values = {
        "counts": {"slots": list(clock.slots)},
        "strength": clock.strength,
        "channels": {name: dict(channel) for name, channel in clock.channels.items()},
        "replies": clock.replies,
        "leads": clock.leads,
        "computed_at": clock.computed_at,
    }
    insert = upsert(session, ReplyClock).values(tenant_id=tenant_id, **values)
    session.execute(insert.on_conflict_do_update(index_elements=["tenant_id"], set_=values))
    return True


def stale(session: Session, *, before: datetime, enough: int, limit: int) -> list[str]:
    """Return tenants whose clock is to be counted anew, oldest first.

    It was never counted, or last before `before`, or had fewer than `enough` replies, or a lead was erased since.
    """
    erased_since = exists().where(Erasure.tenant_id == Tenant.tenant_id, Erasure.erased_at >= ReplyClock.computed_at)
    is_stale = or_(
        ReplyClock.computed_at.is_(None),
        ReplyClock.computed_at < before,
        ReplyClock.replies < enough,
        erased_since,
    )
    due = (
        select(Tenant.tenant_id)
        .join(ReplyClock, ReplyClock.tenant_id == Tenant.tenant_id, isouter=True)
        .where(exists().where(TenantSettings.tenant_id == Tenant.tenant_id), is_stale)
        .order_by(ReplyClock.computed_at.is_not(None), ReplyClock.computed_at, Tenant.tenant_id)
    )
    return [tenant_id for tenant_id in session.scalars(due.limit(limit)) if not tenant_id.startswith(RESERVED)]


def talks(
    session: Session, tenant_id: str, *, kinds: Collection[str], since: datetime, limit: int
) -> dict[str, list[EventRecord]]:
    """Return the newest events of some kinds (in lower case) since a moment, by lead."""
    asked = {"tenant": tenant_id, "kinds": sorted(kinds), "since": since, "most": limit}
    by_lead: dict[str, list[EventRecord]] = {}
    for row in session.connection().execute(_TALKS, asked).mappings():
        by_lead.setdefault(row["lead_id"], []).append(EventRecord(**row))
    return by_lead


def places(session: Session, tenant_id: str, *, lead_ids: Sequence[str]) -> dict[str, LeadPlace]:
    """Return where leads may be, by lead; those of whom nothing may be computed are left out."""
    found: dict[str, LeadPlace] = {}
    for batch in in_batches(lead_ids):
        for lead_id, fields in session.connection().execute(_PLACES, {"tenant": tenant_id, "leads": batch}):
            found[lead_id] = LeadPlace(timezone=fields.get("timezone"), state=fields.get("state"))
    return found
