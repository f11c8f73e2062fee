"""Enrolments in an experiment: each lead counts once, from its first planned action on, and has one outcome."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from db.models import Enrolment
from db.records import EnrolmentDraft, EnrolmentRecord, EnrolmentTally
from db.repositories.sql import among, distribute, in_batches, insert_new_returning, table_of, tenants_where

_TABLE = table_of(Enrolment)
_C = _TABLE.c
_DRAFT = tuple(column.name for column in fields(EnrolmentDraft))
_COLUMNS = tuple(_C[column.name] for column in fields(EnrolmentRecord))
_EXPERIMENT = (_C.tenant_id == bindparam("tenant"), _C.experiment == bindparam("of"))
_THESE = (*_EXPERIMENT, among(_C.lead_id, "leads"))
_OF_LEADS = select(*_COLUMNS).where(*_THESE)
# by id, so that two that close the same enrolments do not wait for each other
_OPEN = select(_C.lead_id).where(*_THESE, _C.settled_at.is_(None)).order_by(_C.lead_id).with_for_update()
_DUE = (
    select(_C.tenant_id, _C.lead_id)
    .where(_C.tenant_id == bindparam("tenant"), _C.settled_at.is_(None), _C.due_at <= bindparam("now"))
    .order_by(_C.due_at, _C.lead_id)
    .limit(bindparam("limit"))
)
_BY = (_C.intervention, _C.held_out, _C.propensity, _C.outcome)
_TALLY = select(*_BY, func.count().label("count")).where(*_EXPERIMENT).group_by(*_BY).order_by(*_BY)
_SINCE = select(func.count()).where(*_EXPERIMENT, _C.enrolled_at >= bindparam("moment"))


def enrol(session: Session, tenant_id: str, *, drafts: Sequence[EnrolmentDraft]) -> dict[str, EnrolmentRecord]:
    """Enrol leads in experiments, each once; return the stored enrolments by lead: the first one stays.

    Raises:
        ReferenceGone: a lead is not there for this tenant.

    """
    # by id, so that two that enrol the same leads do not wait for each other
    first = sorted({(draft.experiment, draft.lead_id): draft for draft in reversed(drafts)}.items())
    for batch in in_batches([draft for _, draft in first]):
        rows = [{"tenant_id": tenant_id, **{name: getattr(draft, name) for name in _DRAFT}} for draft in batch]
        insert_new_returning(session, Enrolment, rows, "lead_id")
    by_experiment: dict[str, list[str]] = defaultdict(list)
    for experiment, lead_id in (key for key, _ in first):
        by_experiment[experiment].append(lead_id)
    records: dict[str, EnrolmentRecord] = {}
    for experiment, lead_ids in by_experiment.items():
        records |= for_leads(session, tenant_id, experiment=experiment, lead_ids=lead_ids)
    return records


def for_leads(
    session: Session, tenant_id: str, *, experiment: str, lead_ids: Sequence[str]
) -> dict[str, EnrolmentRecord]:
    """Return the enrolments of leads, by lead; those that are not enrolled are left out."""
    records: dict[str, EnrolmentRecord] = {}
    for batch in in_batches(lead_ids):
        parameters = {"tenant": tenant_id, "of": experiment, "leads": batch}
        rows = session.connection().execute(_OF_LEADS, parameters).mappings()
        records |= {row["lead_id"]: EnrolmentRecord(**dict(row)) for row in rows}
    return records


def due(session: Session, *, now: datetime, limit: int) -> dict[str, list[str]]:
    """Return leads with open enrolments whose time is over, by tenant, longest over first; tenants share `limit`."""

    def find(tenant_id: str, share: int) -> list[tuple[str, str]]:
        parameters = {"tenant": tenant_id, "now": now, "limit": share}
        return [(tenant, lead_id) for tenant, lead_id in session.connection().execute(_DUE, parameters)]

    lead_ids: dict[str, list[str]] = defaultdict(list)
    tenants = tenants_where(session, Enrolment.tenant_id, Enrolment.settled_at.is_(None))
    for tenant_id, lead_id in dict.fromkeys(distribute(tenants, limit, find)):
        lead_ids[tenant_id].append(lead_id)
    return dict(lead_ids)


def close(
    session: Session,
    tenant_id: str,
    *,
    experiment: str,
    outcomes: Mapping[str, tuple[str, str | None]],
    now: datetime,
) -> int:
    """Record outcomes of leads, as (outcome, reason); return the number of enrolments that were open before."""
    closed = 0
    for batch in in_batches(sorted(outcomes)):
        parameters = {"tenant": tenant_id, "of": experiment, "leads": batch}
        still_open = list(session.connection().scalars(_OPEN, parameters))
        by_outcome: dict[tuple[str, str | None], list[str]] = defaultdict(list)
        for lead_id in still_open:
            by_outcome[outcomes[lead_id]].append(lead_id)
        for (outcome, reason), lead_ids in by_outcome.items():
            statement = update(_TABLE).where(*_THESE).values(outcome=outcome, reason=reason, settled_at=now)
            session.connection().execute(statement, {**parameters, "leads": lead_ids})
        closed += len(still_open)
    return closed


def tally(session: Session, tenant_id: str, *, experiment: str) -> list[EnrolmentTally]:
    """Count the leads of an experiment by type, arm, probability and outcome."""
    rows = session.connection().execute(_TALLY, {"tenant": tenant_id, "of": experiment}).mappings()
    return [EnrolmentTally(**dict(row)) for row in rows]


def count_since(session: Session, tenant_id: str, *, experiment: str, moment: datetime) -> int:
    """Count the leads that were enrolled since a time."""
    parameters = {"tenant": tenant_id, "of": experiment, "moment": moment}
    return int(session.connection().execute(_SINCE, parameters).scalar_one())
