"""Leads of whom nothing may be computed until a person has looked: restriction (Art. 18), objection (Art. 21, 22)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.orm import Session

from db.errors import UnknownLead
from db.models import Lead
from db.repositories.sql.bulk import table_of
from db.repositories.sql.filters import among
from db.repositories.sql.statements import in_batches, rowcount

_LEAD = table_of(Lead).c
_HELD = (
    select(_LEAD.lead_id, _LEAD.restricted_at, _LEAD.objected_at)
    .where(
        _LEAD.tenant_id == bindparam("tenant"), or_(_LEAD.restricted_at.is_not(None), _LEAD.objected_at.is_not(None))
    )
    .order_by(_LEAD.lead_id)
)
_HELD_AMONG = _HELD.where(among(_LEAD.lead_id, "leads"))


def change(
    session: Session,
    tenant_id: str,
    *,
    lead_id: str,
    restricted: bool | None = None,
    objected: bool | None = None,
    now: datetime,
) -> tuple[str, ...]:
    """Set what is True, lift what is False, leave what is None; return the restrictions that hold then.

    Raises:
        UnknownLead: not there for this tenant.

    """
    own = (Lead.tenant_id == tenant_id, Lead.lead_id == lead_id)
    row = session.execute(select(Lead.restricted_at, Lead.objected_at).where(*own).with_for_update()).one_or_none()
    if row is None:
        raise UnknownLead((0,))
    values = {
        "restricted_at": _since(row.restricted_at, restricted, now),
        "objected_at": _since(row.objected_at, objected, now),
    }
    rowcount(session, update(Lead).where(*own).values(values).execution_options(synchronize_session=False))
    return restriction_names(values["restricted_at"], values["objected_at"])


def blocked(session: Session, tenant_id: str, *, lead_ids: Sequence[str] | None = None) -> dict[str, tuple[str, ...]]:
    """Return the leads among these, or of all, of whom nothing may be computed, and why: restricted, objected."""
    if lead_ids is None:
        return _blocked(session.connection().execute(_HELD, {"tenant": tenant_id}))
    found: dict[str, tuple[str, ...]] = {}
    for batch in in_batches(lead_ids):
        found |= _blocked(session.connection().execute(_HELD_AMONG, {"tenant": tenant_id, "leads": batch}))
    return found


def _blocked(rows: Iterable[Any]) -> dict[str, tuple[str, ...]]:
    return {lead_id: restriction_names(restricted, objected) for lead_id, restricted, objected in rows}


def _since(known: datetime | None, told: bool | None, now: datetime) -> datetime | None:
    if told is None:
        return known
    return (known or now) if told else None


def restriction_names(restricted: datetime | None, objected: datetime | None) -> tuple[str, ...]:
    """Name the restrictions that hold."""
    return tuple(name for name, at in (("restricted", restricted), ("objected", objected)) if at is not None)
