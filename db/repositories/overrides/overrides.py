"""Overrides: people's own judgements of leads, which count instead of the score until they are withdrawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime

from sqlalchemy import Executable, insert, select, update
from sqlalchemy.orm import Session

from db.base import new_id
from db.errors import UnknownLead
from db.models import ScoreOverride
from db.records import OverrideDraft, OverrideRecord
from db.repositories.leads.leads import exists
from db.repositories.sql import in_batches, rowcount
from db.session import lock_tenant

_COLUMNS = tuple(getattr(ScoreOverride, column.name) for column in fields(OverrideRecord))
_ACTIVE = ScoreOverride.withdrawn_at.is_(None)


def save(session: Session, tenant_id: str, *, draft: OverrideDraft, now: datetime) -> OverrideRecord:
    """Store an override; the one before it is withdrawn in the name of this one's actor.

    Raises:
        UnknownLead: not there for this tenant.

    """
    lock_tenant(session, tenant_id)
    if not exists(session, tenant_id, lead_id=draft.lead_id):
        raise UnknownLead((0,))
    withdraw(session, tenant_id, lead_id=draft.lead_id, kind=draft.kind, actor=draft.actor, now=now)
    row = {**asdict(draft), "tenant_id": tenant_id, "override_id": new_id(), "set_at": now}
    session.execute(insert(ScoreOverride), [row])
    return active(session, tenant_id, kind=draft.kind, lead_ids=[draft.lead_id])[draft.lead_id]


def withdraw(session: Session, tenant_id: str, *, lead_id: str, kind: str, actor: str, now: datetime) -> bool:
    """Withdraw the active override; False when there is none."""
    of_lead = (ScoreOverride.tenant_id == tenant_id, ScoreOverride.lead_id == lead_id, ScoreOverride.kind == kind)
    withdrawn = update(ScoreOverride).where(*of_lead, _ACTIVE).values(withdrawn_at=now, withdrawn_by=actor)
    return rowcount(session, withdrawn.execution_options(synchronize_session=False)) > 0


def active(
    session: Session, tenant_id: str, *, kind: str, lead_ids: Sequence[str] | None = None
) -> dict[str, OverrideRecord]:
    """Return the active overrides, by lead: of these leads, or of all."""
    query = select(*_COLUMNS).where(ScoreOverride.tenant_id == tenant_id, ScoreOverride.kind == kind, _ACTIVE)
    if lead_ids is None:
        return _by_lead(session, query)
    overrides: dict[str, OverrideRecord] = {}
    for batch in in_batches(lead_ids):
        overrides |= _by_lead(session, query.where(ScoreOverride.lead_id.in_(batch)))
    return overrides


def for_lead(session: Session, tenant_id: str, *, lead_id: str, kind: str) -> list[OverrideRecord]:
    """Return all overrides of a lead, newest first."""
    of_lead = (ScoreOverride.tenant_id == tenant_id, ScoreOverride.lead_id == lead_id, ScoreOverride.kind == kind)
    newest = (ScoreOverride.set_at.desc(), ScoreOverride.override_id.desc())
    rows = session.execute(select(*_COLUMNS).where(*of_lead).order_by(*newest)).mappings()
    return [OverrideRecord(**dict(row)) for row in rows]


def _by_lead(session: Session, query: Executable) -> dict[str, OverrideRecord]:
    return {row["lead_id"]: OverrideRecord(**dict(row)) for row in session.execute(query).mappings()}
