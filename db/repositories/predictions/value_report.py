"""What scores came to and what people do with them: counts of a tenant since a moment.

Leads that are restricted or objected are left out.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, case, func, or_, select
from sqlalchemy.orm import Session

from db.models import Event, Lead, Prediction, ScoreFeedback, ScoreOverride
from db.records import ContactTally, RealisedRecord, ReviewerTally
from db.repositories.sql.bulk import table_of

_LEAD, _SAID, _EVENT = table_of(Lead).c, table_of(Prediction).c, table_of(Event).c
_MARK, _OVERRIDE = table_of(ScoreFeedback).c, table_of(ScoreOverride).c
_SCORE = "lead_score"
#: outbound events in which nobody was reached
_ENDED, _FAILED = "outcome.", "email_failed"


def _since(column: ColumnElement[datetime]) -> ColumnElement[bool]:
    return column >= bindparam("since", type_=_LEAD.label_at.type)


_OWN = (
    _LEAD.tenant_id == bindparam("tenant"),
    _LEAD.restricted_at.is_(None),
    _LEAD.objected_at.is_(None),
)
_BAND = (
    select(_SAID.band)
    .where(_SAID.tenant_id == _LEAD.tenant_id, _SAID.kind == _SCORE, _SAID.lead_id == _LEAD.lead_id)
    .where(_SAID.as_of < _LEAD.label_at)
    .order_by(_SAID.as_of.desc(), _SAID.computed_at.desc(), _SAID.prediction_id.desc())
    .limit(1)
    .scalar_subquery()
)
_REALISED = (
    select(_LEAD.lead_id, _BAND.label("band"), _LEAD.label, _LEAD.fields["deal_value"].label("deal_value"))
    .where(*_OWN, _LEAD.label.is_not(None), _since(_LEAD.label_at))
    .order_by(_LEAD.lead_id)
)
_REACHED = (
    select(1)
    .where(_EVENT.tenant_id == _LEAD.tenant_id, _EVENT.lead_id == _LEAD.lead_id, _since(_EVENT.occurred_at))
    .where(_EVENT.direction == "outbound", _EVENT.kind.not_like(f"{_ENDED}%"), _EVENT.kind != _FAILED)
    .exists()
)
_CONTACTS = (
    select(_LEAD.assigned_to, func.count(), func.sum(case((_REACHED, 1), else_=0)))
    .where(*_OWN, or_(_LEAD.status == "open", _since(_LEAD.label_at)))
    .group_by(_LEAD.assigned_to)
)
_OVERRIDES = (
    select(_OVERRIDE.actor, func.count())
    .where(_OVERRIDE.tenant_id == bindparam("tenant"), _since(_OVERRIDE.set_at))
    .group_by(_OVERRIDE.actor)
)
_MARKS = (
    select(_MARK.actor, func.count())
    .where(_MARK.tenant_id == bindparam("tenant"), _since(_MARK.marked_at))
    .group_by(_MARK.actor)
)


def realised(session: Session, tenant_id: str, *, since: datetime) -> list[RealisedRecord]:
    """Return the leads that ended since a moment, with the band of what was last said of each before, by id."""
    rows = session.connection().execute(_REALISED, {"tenant": tenant_id, "since": since})
    return [
        RealisedRecord(lead_id=lead_id, band=band, label=label, deal_value=_amount(value))
        for lead_id, band, label, value in rows
    ]


def contacts(session: Session, tenant_id: str, *, since: datetime) -> list[ContactTally]:
    """Count the leads of each agent that are open or ended since a moment, and those contacted since; nobody's last."""
    rows = session.connection().execute(_CONTACTS, {"tenant": tenant_id, "since": since})
    found = [ContactTally(agent=agent, leads=number, contacted=int(reached)) for agent, number, reached in rows]
    return sorted(found, key=lambda one: (one.agent is None, one.agent or ""))


def reviewers(session: Session, tenant_id: str, *, since: datetime) -> list[ReviewerTally]:
    """Count judgements and marks that each person gave since a moment, by person."""
    overrides, marks = (_counted(session, wanted, tenant_id, since) for wanted in (_OVERRIDES, _MARKS))
    return [
        ReviewerTally(actor=actor, overrides=overrides[actor], marks=marks[actor])
        for actor in sorted(overrides | marks)
    ]


def _counted(session: Session, wanted: Any, tenant_id: str, since: datetime) -> Counter[str]:
    rows = session.connection().execute(wanted, {"tenant": tenant_id, "since": since})
    return Counter({actor: number for actor, number in rows})  # noqa: C416 - rows are no pairs to a type checker


def _amount(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None
