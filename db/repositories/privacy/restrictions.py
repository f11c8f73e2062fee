"""Leads for which nothing may be computed until a person decides: restriction (Art. 18), objection (Art. 21, 22)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Row, bindparam, or_, select, update
from sqlalchemy.orm import Session

from db.errors import UnknownLead
from db.models import Lead
from db.repositories.sql import among, in_batches, rowcount, table_of

_LEAD = table_of(Lead).c
_BLOCKED = (
    select(_LEAD.lead_id, _LEAD.restricted_at, _LEAD.objected_at)
    .where(
        _LEAD.tenant_id == bindparam("tenant"), or_(_LEAD.restricted_at.is_not(None), _LEAD.objected_at.is_not(None))
    )
    .order_by(_LEAD.lead_id)
)
_BLOCKED_AMONG = _BLOCKED.where(among(_LEAD.lead_id, "leads"))


def change(
    session: Session,
    tenant_id: str,
    *,
    lead_id: str,
    restricted: bool | None = None,
    objected: bool | None = None,
    now: datetime,
) -> tuple[str, ...]:
    """Set restrictions that are True, lift those that are False, keep those that are None; return the active ones.

    Raises:
        UnknownLead: not there for this tenant.

    """
    this = (Lead.tenant_id == tenant_id, Lead.lead_id == lead_id)
    row = session.execute(select(Lead.restricted_at, Lead.objected_at).where(*this).with_for_update()).one_or_none()
    if row is None:
        raise UnknownLead((0,))
    values = {
        "restricted_at": _since(row.restricted_at, restricted, now),
        "objected_at": _since(row.objected_at, objected, now),
    }
    rowcount(session, update(Lead).where(*this).values(values).execution_options(synchronize_session=False))
    return restriction_names(values["restricted_at"], values["objected_at"])


def blocked(session: Session, tenant_id: str, *, lead_ids: Sequence[str] | None = None) -> dict[str, tuple[str, ...]]:
    """Return those leads, of these or of all, for which nothing may be computed, and why: restricted, objected."""
    if lead_ids is None:
        return _reasons(session.connection().execute(_BLOCKED, {"tenant": tenant_id}))
    reasons: dict[str, tuple[str, ...]] = {}
    for batch in in_batches(lead_ids):
        reasons |= _reasons(session.connection().execute(_BLOCKED_AMONG, {"tenant": tenant_id, "leads": batch}))
    return reasons


def _reasons(rows: Iterable[Row[str, datetime | None, datetime | None]]) -> dict[str, tuple[str, ...]]:
    return {lead_id: restriction_names(restricted, objected) for lead_id, restricted, objected in rows}


def _since(before: datetime | None, wanted: bool | None, now: datetime) -> datetime | None:
    if wanted is None:
        return before
    return (before or now) if wanted else None


def restriction_names(restricted: datetime | None, objected: datetime | None) -> tuple[str, ...]:
    """Return the names of the active restrictions."""
    return tuple(name for name, at in (("restricted", restricted), ("objected", objected)) if at is not None)
