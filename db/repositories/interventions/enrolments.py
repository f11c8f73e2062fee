"""Leads of an experiment: each counts once, from its first plan on, and ends on one outcome."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from db.models import Enrolment
from db.records import EnrolmentDraft, EnrolmentRecord, EnrolmentTally
from db.repositories.sql.bulk import core, insert_fresh
from db.repositories.sql.clauses import among, in_batches, tenants_where
from db.repositories.sql.fair_share import shared

_TABLE = core(Enrolment)
_C = _TABLE.c
_DRAFT = tuple(column.name for column in fields(EnrolmentDraft))
_COLUMNS = tuple(_C[column.name] for column in fields(EnrolmentRecord))
_OWN = (_C.tenant_id == bindparam("tenant"), _C.experiment == bindparam("of"))
_THESE = (*_OWN, among(_C.lead_id, "leads"))
_OF_LEADS = select(*_COLUMNS).where(*_THESE)
# by id, so that two that settle the same leads do not wait for each other
_OPEN = select(_C.lead_id).where(*_THESE, _C.settled_at.is_(None)).order_by(_C.lead_id).with_for_update()
_DUE = (
    select(_C.tenant_id, _C.lead_id)
    .where(_C.tenant_id == bindparam("tenant"), _C.settled_at.is_(None), _C.due_at <= bindparam("now"))
    .order_by(_C.due_at, _C.lead_id)
    .limit(bindparam("limit"))
)
_BY = (_C.intervention, _C.held_out, _C.propensity, _C.outcome)
_TALLY = select(*_BY, func.count().label("count")).where(*_OWN).group_by(*_BY).order_by(*_BY)
_SINCE = select(func.count()).where(*_OWN, _C.enrolled_at >= bindparam("moment"))


def enrol(session: Session, tenant_id: str, *, drafts: Sequence[EnrolmentDraft]) -> dict[str, EnrolmentRecord]:
    """Enrol leads in one experiment, each once; gives the row that stands by lead: the first one stays.

    Raises:
        ReferenceGone: a lead is not there for this tenant.

    """
    # by id, so that two that enrol the same leads do not wait for each other
    first = sorted({(draft.experiment, draft.lead_id): draft for draft in reversed(drafts)}.items())
    for batch in in_batches([draft for _, draft in first]):
        rows = [{"tenant_id": tenant_id, **{name: getattr(draft, name) for name in _DRAFT}} for draft in batch]
        insert_fresh(session, Enrolment, rows, "lead_id")
    by_experiment: dict[str, list[str]] = defaultdict(list)
    for experiment, lead_id in (key for key, _ in first):
        by_experiment[experiment].append(lead_id)
    found: dict[str, EnrolmentRecord] = {}
    for experiment, lead_ids in by_experiment.items():
        found |= for_leads(session, tenant_id, experiment=experiment, lead_ids=lead_ids)
    return found


def for_leads(
    session: Session, tenant_id: str, *, experiment: str, lead_ids: Sequence[str]
) -> dict[str, EnrolmentRecord]:
    """Give the enrolments of leads, by lead; those that are not enrolled are left out."""
    found: dict[str, EnrolmentRecord] = {}
    for batch in in_batches(lead_ids):
        asked = {"tenant": tenant_id, "of": experiment, "leads": batch}
        rows = session.connection().execute(_OF_LEADS, asked).mappings()
        found |= {row["lead_id"]: EnrolmentRecord(**dict(row)) for row in rows}
    return found


def due(session: Session, *, now: datetime, limit: int) -> dict[str, list[str]]:
    """Give leads whose time is over and that are not settled, by tenant, longest over first; tenants share `limit`."""

    def find(tenant_id: str, share: int) -> list[tuple[str, str]]:
        asked = {"tenant": tenant_id, "now": now, "limit": share}
        return [(tenant, lead_id) for tenant, lead_id in session.connection().execute(_DUE, asked)]

    found: dict[str, list[str]] = defaultdict(list)
    tenants = tenants_where(session, Enrolment.tenant_id, Enrolment.settled_at.is_(None))
    for tenant_id, lead_id in dict.fromkeys(shared(tenants, limit, find)):
        found[tenant_id].append(lead_id)
    return dict(found)


def close(
    session: Session,
    tenant_id: str,
    *,
    experiment: str,
    outcomes: Mapping[str, tuple[str, str | None]],
    now: datetime,
) -> int:
    """Note how leads ended, as (outcome, reason); gives the number of those that were not settled before."""
    settled = 0
    for batch in in_batches(sorted(outcomes)):
        asked = {"tenant": tenant_id, "of": experiment, "leads": batch}
        still = list(session.connection().scalars(_OPEN, asked))
        alike: dict[tuple[str, str | None], list[str]] = defaultdict(list)
        for lead_id in still:
            alike[outcomes[lead_id]].append(lead_id)
        for (outcome, reason), lead_ids in alike.items():
            noted = update(_TABLE).where(*_THESE).values(outcome=outcome, reason=reason, settled_at=now)
            session.connection().execute(noted, {**asked, "leads": lead_ids})
        settled += len(still)
    return settled


def tally(session: Session, tenant_id: str, *, experiment: str) -> list[EnrolmentTally]:
    """Count the leads of an experiment by type, arm, chance and outcome."""
    rows = session.connection().execute(_TALLY, {"tenant": tenant_id, "of": experiment}).mappings()
    return [EnrolmentTally(**dict(row)) for row in rows]


def since(session: Session, tenant_id: str, *, experiment: str, moment: datetime) -> int:
    """Count the leads that were enrolled since a moment."""
    asked = {"tenant": tenant_id, "of": experiment, "moment": moment}
    return int(session.connection().execute(_SINCE, asked).scalar_one())
