"""The value report: outcomes of scored leads, contacts per agent, and what people do with scores, since a time.

Leads that are restricted or object to being scored are left out.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from sqlalchemy import ColumnElement, Executable, bindparam, case, func, or_, select
from sqlalchemy.orm import Session

from db.models import Event, Lead, Prediction, ScoreFeedback, ScoreOverride
from db.records import ContactTally, RealisedRecord, ReviewerTally
from db.repositories.leads.lead_status import IS_OPEN
from db.repositories.sql import table_of

_LEAD, _PREDICTION, _EVENT = table_of(Lead).c, table_of(Prediction).c, table_of(Event).c
_FEEDBACK, _OVERRIDE = table_of(ScoreFeedback).c, table_of(ScoreOverride).c
_SCORE = "lead_score"
#: outbound events in which nobody was reached: their prefix, and one kind
_ENDED, _FAILED = "outcome.", "email_failed"


def _since(column: ColumnElement[datetime]) -> ColumnElement[bool]:
    return column >= bindparam("since", type_=_LEAD.label_at.type)


_LEADS = (
    _LEAD.tenant_id == bindparam("tenant"),
    _LEAD.restricted_at.is_(None),
    _LEAD.objected_at.is_(None),
)
_BAND = (
    select(_PREDICTION.band)
    .where(_PREDICTION.tenant_id == _LEAD.tenant_id, _PREDICTION.kind == _SCORE, _PREDICTION.lead_id == _LEAD.lead_id)
    .where(_PREDICTION.as_of < _LEAD.label_at)
    .order_by(_PREDICTION.as_of.desc(), _PREDICTION.computed_at.desc(), _PREDICTION.prediction_id.desc())
    .limit(1)
    .scalar_subquery()
)
_REALISED = (
    select(_LEAD.lead_id, _BAND.label("band"), _LEAD.label, _LEAD.fields["deal_value"].label("deal_value"))
    .where(*_LEADS, _LEAD.label.is_not(None), _since(_LEAD.label_at))
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
    .where(*_LEADS, or_(IS_OPEN, _since(_LEAD.label_at)))
    .group_by(_LEAD.assigned_to)
)
_OVERRIDES = (
    select(_OVERRIDE.actor, func.count())
    .where(_OVERRIDE.tenant_id == bindparam("tenant"), _since(_OVERRIDE.set_at))
    .group_by(_OVERRIDE.actor)
)
_MARKS = (
    select(_FEEDBACK.actor, func.count())
    .where(_FEEDBACK.tenant_id == bindparam("tenant"), _since(_FEEDBACK.marked_at))
    .group_by(_FEEDBACK.actor)
)


def realised(session: Session, tenant_id: str, *, since: datetime) -> list[RealisedRecord]:
    """Return the leads that ended since a time, by id, each with the band of its last prediction before the end."""
    rows = session.connection().execute(_REALISED, {"tenant": tenant_id, "since": since})
    return [
        RealisedRecord(lead_id=lead_id, band=band, label=label, deal_value=_amount(value))
        for lead_id, band, label, value in rows
    ]


def contacts(session: Session, tenant_id: str, *, since: datetime) -> list[ContactTally]:
    """Count, by agent, the leads that are open or ended since a time, and those contacted since; unassigned last."""
    rows = session.connection().execute(_CONTACTS, {"tenant": tenant_id, "since": since})
    tallies = [ContactTally(agent=agent, leads=number, contacted=int(reached)) for agent, number, reached in rows]
    return sorted(tallies, key=lambda tally: (tally.agent is None, tally.agent or ""))


def reviewers(session: Session, tenant_id: str, *, since: datetime) -> list[ReviewerTally]:
    """Count the overrides and the feedback that people gave since a time, by person."""
    overrides, marks = (_counted(session, query, tenant_id, since) for query in (_OVERRIDES, _MARKS))
    return [
        ReviewerTally(actor=actor, overrides=overrides[actor], marks=marks[actor])
        for actor in sorted(overrides | marks)
    ]


def _counted(session: Session, query: Executable, tenant_id: str, since: datetime) -> Counter[str]:
    rows = session.connection().execute(query, {"tenant": tenant_id, "since": since})
    return Counter({actor: number for actor, number in rows})  # noqa: C416 - rows are no pairs to a type checker


def _amount(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
