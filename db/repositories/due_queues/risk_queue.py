"""Which leads' risk is to be looked at again, and when; see `db.repositories.due_queues.due_queue`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, literal, or_, select
from sqlalchemy.orm import Session

from db import clock
from db.models import Lead, RiskCheck
from db.records import Taken
from db.repositories.due_queues.due_queue import DueQueue
from db.repositories.leads.leads import UNSCORED
from db.repositories.sql.bulk import core
from db.repositories.sql.clauses import lock, upsert

#: seconds in which what happens to a lead has its risk looked at once
WINDOW = 300.0
#: seconds after which leads that somebody took and did not settle are due again
LEASE = 600.0
_AGENDA = DueQueue(rows=RiskCheck, window=WINDOW, lease=LEASE)
_LEAD, _CHECK = core(Lead).c, core(RiskCheck).c
_UNSEEN = (
    select(_LEAD.tenant_id, _LEAD.lead_id, bindparam("now", type_=_CHECK.due_at.type))
    .where(_LEAD.tenant_id == bindparam("tenant"), _LEAD.status == "open")
    .where(or_(_LEAD.lead_type.is_(None), _LEAD.lead_type.not_in(UNSCORED)))
    .where(_LEAD.restricted_at.is_(None), _LEAD.objected_at.is_(None))
    .where(~select(1).where(_CHECK.tenant_id == _LEAD.tenant_id, _CHECK.lead_id == _LEAD.lead_id).exists())
    .order_by(_LEAD.lead_id)
    .limit(bindparam("limit"))
)


def seed(session: Session, tenant_id: str, *, limit: int) -> int:
    """Make open leads that may be scored and were never looked at due now, at most `limit`; gives their number."""
    lock(session, f"risk_checks:{tenant_id}")  # else two that do so at once would find the same ones
    unseen: Any = upsert(session, RiskCheck).from_select(["tenant_id", "lead_id", "due_at"], _UNSEEN)
    asked = {"tenant": tenant_id, "now": clock.now(session), "limit": limit}
    return len(session.connection().execute(unseen.on_conflict_do_nothing().returning(literal(1)), asked).all())


def touch(session: Session, tenant_id: str, *, lead_ids: Sequence[str]) -> None:
    """Something happened to these leads: due now, or when the window since they were looked at ends."""
    _AGENDA.touch(session, tenant_id, lead_ids)


def schedule(session: Session, tenant_id: str, *, due: Mapping[str, datetime]) -> None:
    """Look at leads at some moment, whatever was said before."""
    _AGENDA.put(session, tenant_id, due)


def due(session: Session) -> dict[str, int]:
    """Tell how many leads of which tenant are due."""
    return _AGENDA.due(session)


def claim(session: Session, tenant_id: str, *, limit: int) -> Taken:
    """Take leads that are due, longest due first; they are due again after `LEASE` unless `complete` says otherwise."""
    return _AGENDA.claim(session, tenant_id, limit)


def complete(session: Session, tenant_id: str, *, taken: Taken, due: Mapping[str, datetime | None]) -> None:
    """Say when leads that were taken are due next (None: not by themselves); those touched meanwhile stay due."""
    _AGENDA.complete(session, tenant_id, taken, due)
