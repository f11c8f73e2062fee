"""The queues of due leads: to be scored again, and to have their risk checked."""

from __future__ import annotations

from sqlalchemy import bindparam, literal, or_, select
from sqlalchemy.orm import Session

from db.models import Lead, RescoreDue, RiskCheck
from db.repositories.due_queues.due_queue import DueQueue
from db.repositories.leads.lead_status import IS_OPEN
from db.repositories.sql import table_of, upsert
from db.session import database_time, lock_name
from domain.leads import UNSCORED_LEAD_TYPES

_LEAD, _CHECK = table_of(Lead).c, table_of(RiskCheck).c
_UNCHECKED = (
    select(_LEAD.tenant_id, _LEAD.lead_id, bindparam("now", type_=_CHECK.due_at.type))
    .where(_LEAD.tenant_id == bindparam("tenant"), IS_OPEN)
    .where(or_(_LEAD.lead_type.is_(None), _LEAD.lead_type.not_in(UNSCORED_LEAD_TYPES)))
    .where(_LEAD.restricted_at.is_(None), _LEAD.objected_at.is_(None))
    .where(~select(1).where(_CHECK.tenant_id == _LEAD.tenant_id, _CHECK.lead_id == _LEAD.lead_id).exists())
    .order_by(_LEAD.lead_id)
    .limit(bindparam("limit"))
)


class RiskQueue(DueQueue):
    """The queue of risk checks, which every open lead that may be scored enters by itself."""

    __slots__ = ()

    def seed(self, session: Session, tenant_id: str, *, limit: int) -> int:
        """Make open leads due now that may be scored and were never checked, at most `limit`; return their number."""
        lock_name(session, f"risk_checks:{tenant_id}")  # else two that do so at once would find the same ones
        insert = upsert(session, RiskCheck).from_select(["tenant_id", "lead_id", "due_at"], _UNCHECKED)
        inserted = insert.on_conflict_do_nothing().returning(literal(1))
        parameters = {"tenant": tenant_id, "now": database_time(session), "limit": limit}
        return len(session.connection().execute(inserted, parameters).all())


#: leads to be scored again
rescore_queue = DueQueue(rows=RescoreDue, window=30.0, lease=120.0)
#: leads whose risk is to be checked
risk_queue = RiskQueue(rows=RiskCheck, window=300.0, lease=600.0)
