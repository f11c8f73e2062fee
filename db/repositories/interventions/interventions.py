"""Actions for leads at risk: one row per action id, moved from state to state by compare-and-set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import datetime

from sqlalchemy import ColumnElement, Executable, bindparam, func, literal_column, select, update
from sqlalchemy.orm import Session

from db.base import NewRow
from db.models import Intervention, Lead, PlanRelease
from db.records import InterventionDraft, InterventionRecord
from db.repositories.sql import among, distribute, in_batches, insert_new_returning, table_of, tenants_where
from db.session import lock_name
from domain.action_states import (
    NO_PART,
    READY,
    REPORTED,
    REVIEWED,
    RUNNING,
    UNREVIEWED,
    UNSPENT,
    ActionState,
    check_move,
)
from domain.documents import JsonMapping

_TABLE, _LEAD = table_of(Intervention), table_of(Lead)
_C = _TABLE.c
_DRAFT = tuple(column.name for column in fields(InterventionDraft))
#: of an InterventionRecord
COLUMNS = tuple(_C[column.name] for column in fields(InterventionRecord))
_OWN = _C.tenant_id == bindparam("tenant")
_LEADS = among(_C.lead_id, "leads")


def in_states(*states: ActionState) -> ColumnElement[bool]:
    """Return the condition that an action is in one of some states."""
    # literals as in the partial index, which serves only statements that name the same states themselves
    named: list[ColumnElement[str]] = [literal_column(f"'{state}'") for state in sorted(states)]
    return _C.state.in_(named) if len(named) > 1 else _C.state == named[0]


_RUNNING, _PLANNED = in_states(*RUNNING), in_states(*READY)
_NEWEST = (_C.planned_at.desc(), _C.action_id.desc())
_THESE = select(*COLUMNS).where(_OWN, among(_C.action_id, "actions"))
_OF_LEAD = select(*COLUMNS).where(_OWN, _C.lead_id == bindparam("lead")).order_by(*_NEWEST).limit(bindparam("limit"))
# without ORDER BY, for which SQLite would read all rows of the tenant
_ACTIVE = select(*COLUMNS).where(_OWN, _LEADS, _RUNNING)
_RECENT = select(*COLUMNS).where(_OWN, _LEADS, _C.planned_at >= bindparam("since"))
_WAITING = select(*COLUMNS).where(_OWN).order_by(_C.planned_at, _C.action_id)
_PLAN_WAITS = _C.awaits.is_not(None)
_KEY = select(_C.tenant_id, _C.action_id).where(_OWN).limit(bindparam("limit"))
_DUE = _KEY.where(_PLANNED, _C.not_before <= bindparam("now"), _C.expires_at > bindparam("now")).order_by(
    _C.not_before, _C.action_id
)
_EXPIRED = _KEY.where(_RUNNING, _C.expires_at <= bindparam("now")).order_by(_C.expires_at, _C.action_id)
_COUNTS = select(_C.intervention, _C.state, func.count()).where(_OWN).group_by(_C.intervention, _C.state)
_COUNTS_SINCE = _COUNTS.where(_C.planned_at >= bindparam("since"))
# three sums that count no action twice: an OR of them would read all rows of the tenant
_BEFORE = _C.planned_at < bindparam("since")
_RELEASED_SINCE = select(table_of(PlanRelease).c.release_id).where(
    table_of(PlanRelease).c.tenant_id == bindparam("tenant"), table_of(PlanRelease).c.decided_at >= bindparam("since")
)
_SPENT = [
    select(func.coalesce(func.sum(_C.cost), 0.0)).where(_OWN, _C.state.not_in(sorted(UNSPENT)), *which)
    for which in (
        (_C.planned_at >= bindparam("since"),),
        (_BEFORE, _PLAN_WAITS, in_states(*UNREVIEWED)),
        (_BEFORE, _C.release_id.in_(_RELEASED_SINCE)),
    )
]
_BY_AGENT = (
    select(_LEAD.c.assigned_to, _C.state, func.count())
    .join(_LEAD, (_LEAD.c.tenant_id == _C.tenant_id) & (_LEAD.c.lead_id == _C.lead_id))
    .where(_OWN, _C.planned_at >= bindparam("since"))
    .group_by(_LEAD.c.assigned_to, _C.state)
)
#: columns that a new decision replaces: all but the action's identity and the time of its first plan
_REPLACEABLE = tuple(
    name
    for name in _DRAFT
    if name not in {"action_id", "lead_id", "intervention", "action", "channel", "state", "policy", "planned_at"}
)


def save(session: Session, tenant_id: str, *, drafts: Sequence[InterventionDraft]) -> list[tuple[str, bool]]:
    """Store actions; return the id of each and whether it is new: one row per action id, the first stays.

    Raises:
        UnstorableValue: a figure is not finite.
        ReferenceGone: a lead is not there for this tenant.

    """
    # by id, so that two that plan the same cannot deadlock; of drafts with the same id the first
    first = sorted({draft.action_id: draft for draft in reversed(drafts)}.items())
    fresh: set[str] = set()
    for batch in in_batches([draft for _, draft in first]):
        fresh |= insert_new_returning(session, Intervention, [_row(tenant_id, draft) for draft in batch], "action_id")
    saved = []
    for draft in drafts:
        saved.append((draft.action_id, draft.action_id in fresh))
        fresh.discard(draft.action_id)
    return saved


def get(session: Session, tenant_id: str, *, action_ids: Sequence[str]) -> list[InterventionRecord]:
    """Return actions in the order requested; those that do not exist for this tenant are left out."""
    by_id: dict[str, InterventionRecord] = {}
    for batch in in_batches(action_ids):
        records = records_of(session, _THESE, tenant=tenant_id, actions=batch)
        by_id |= {record.action_id: record for record in records}
    return [by_id[action_id] for action_id in action_ids if action_id in by_id]


def for_lead(session: Session, tenant_id: str, *, lead_id: str, limit: int = 20) -> list[InterventionRecord]:
    """Return a lead's actions, newest first."""
    return records_of(session, _OF_LEAD, tenant=tenant_id, lead=lead_id, limit=limit)


def active(
    session: Session, tenant_id: str, *, lead_ids: Sequence[str], now: datetime
) -> dict[str, list[InterventionRecord]]:
    """Return the actions that wait, are planned or dispatched and have not expired, by lead, oldest first."""
    # no condition on the expiry, which SQLite would use instead of the lead ids
    by_lead = _for_leads(session, _ACTIVE, lead_ids, tenant=tenant_id)
    unexpired = {
        lead_id: [action for action in actions if action.expires_at > now] for lead_id, actions in by_lead.items()
    }
    return {lead_id: actions for lead_id, actions in unexpired.items() if actions}


def recent(
    session: Session, tenant_id: str, *, lead_ids: Sequence[str], since: datetime
) -> dict[str, list[InterventionRecord]]:
    """Return the actions in any state that were planned since a time, by lead, oldest first."""
    return _for_leads(session, _RECENT, lead_ids, tenant=tenant_id, since=since)


def lock(session: Session, tenant_id: str) -> None:
    """Lock planning for a tenant until this transaction ends, so that two planners make one plan."""
    lock_name(session, f"interventions:{tenant_id}")


def waiting(
    session: Session,
    tenant_id: str,
    *,
    limit: int = 100,
    states: Collection[ActionState] = UNREVIEWED,
    with_plan: bool | None = None,
) -> list[InterventionRecord]:
    """Return the actions that wait for a person, or are in other states that are not final; oldest first.

    `with_plan` True: only those that wait for a yes to their plan; False: none of those; None: both.
    """
    query = _WAITING.where(in_states(*states)).limit(bindparam("limit"))
    if with_plan is not None:
        query = query.where(_PLAN_WAITS if with_plan else _C.awaits.is_(None))
    return records_of(session, query, tenant=tenant_id, limit=limit)


def due(session: Session, *, now: datetime, limit: int) -> list[tuple[str, str]]:
    """Return planned actions whose time has come as (tenant, action id), earliest first; tenants share `limit`."""
    tenants = tenants_where(session, Intervention.tenant_id, _PLANNED)
    return distribute(tenants, limit, lambda tenant_id, share: _keys(session, _DUE, tenant_id, now, share))


def expired(session: Session, *, now: datetime, limit: int) -> list[tuple[str, str]]:
    """Return active actions whose time is over, as `due` does."""
    tenants = tenants_where(session, Intervention.tenant_id, _RUNNING)
    return distribute(tenants, limit, lambda tenant_id, share: _keys(session, _EXPIRED, tenant_id, now, share))


def move(
    session: Session,
    tenant_id: str,
    *,
    action_id: str,
    to: ActionState,
    of: Collection[ActionState],
    now: datetime,
    by: str | None = None,
    reason: str | None = None,
    not_before: datetime | None = None,
    decision: JsonMapping | None = None,
    revised: InterventionDraft | None = None,
    dispatched: bool = False,
) -> InterventionRecord | None:
    """Move an action from one of some states to another and return it; None where it is in none of them.

    Of several concurrent moves one succeeds. The columns of the new state are set: who (`by`) approved, rejected or
    withdrew it and when, when it was dispatched, when the CRM reported its end; and `reason`, a code, where there is
    one. A new decision (`revised`) replaces the old one. With `dispatched`, move only an action that was dispatched to
    the CRM at some time.

    Raises:
        ForbiddenMoveError: no such move is drawn in `domain.action_states`.

    """
    check_move(of, to)
    optional = {
        "withdrawn_reason": reason,
        "not_before": not_before,
        "decision": None if decision is None else {**decision},
    }
    values = _times(to, now, by) | {name: value for name, value in optional.items() if value is not None}
    if revised is not None:
        row = _row(tenant_id, revised)
        values |= {name: row[name] for name in _REPLACEABLE}
    moved = update(_TABLE).where(
        _OWN, _C.action_id == bindparam("moved_id"), _C.state.in_(bindparam("of", expanding=True))
    )
    moved = moved.where(_C.dispatched_at.is_not(None)) if dispatched else moved
    moved = moved.values(state=to, **values).returning(*COLUMNS)
    records = records_of(session, moved, tenant=tenant_id, moved_id=action_id, of=sorted(of))
    return records[0] if records else None


def counts(session: Session, tenant_id: str, *, since: datetime | None = None) -> dict[tuple[str, str], int]:
    """Count actions, all or those planned since a time, by type and state."""
    parameters = {"tenant": tenant_id} if since is None else {"tenant": tenant_id, "since": since}
    rows = session.connection().execute(_COUNTS if since is None else _COUNTS_SINCE, parameters)
    return {(intervention, state): count for intervention, state, count in rows}


def spent(session: Session, tenant_id: str, *, since: datetime) -> float:
    """Return the total cost of actions planned since a time, without those that are not carried out.

    Older ones count too while their plan waits, and from the yes to it: however long it waits, no more is asked of
    people at once than the budget of one day.
    """
    parameters = {"tenant": tenant_id, "since": since}
    return float(sum(session.connection().execute(query, parameters).scalar_one() for query in _SPENT))


def by_agent(session: Session, tenant_id: str, *, since: datetime) -> dict[tuple[str | None, str], int]:
    """Count actions planned since a time, by the agent that the lead is assigned to, and state."""
    rows = session.connection().execute(_BY_AGENT, {"tenant": tenant_id, "since": since})
    return {(agent, state): count for agent, state, count in rows}


def _row(tenant_id: str, draft: InterventionDraft) -> NewRow:
    return {name: getattr(draft, name) for name in _DRAFT} | {
        "tenant_id": tenant_id,
        "reason_codes": list(draft.reason_codes),
        "decision": {**draft.decision},
        "detail": {**draft.detail},
    }


def _times(to: ActionState, now: datetime, by: str | None) -> NewRow:
    times: NewRow = {}
    if to == "dispatched":
        times["dispatched_at"] = now
    if to == "withdrawn":
        times["withdrawn_at"] = now
    if to in NO_PART:
        times["awaits"] = None
    if by is not None and to in REVIEWED:
        times |= {"reviewed_by": by, "reviewed_at": now}
    elif to in REPORTED:
        times["reported_at"] = now
    return times


def _for_leads(
    session: Session, query: Executable, lead_ids: Sequence[str], **parameters: object
) -> dict[str, list[InterventionRecord]]:
    by_lead: dict[str, list[InterventionRecord]] = defaultdict(list)
    for batch in in_batches(lead_ids):
        for record in sorted(records_of(session, query, **parameters, leads=batch), key=_age):
            by_lead[record.lead_id].append(record)
    return dict(by_lead)


def _age(record: InterventionRecord) -> tuple[datetime, str]:
    return record.planned_at, record.action_id


def _keys(session: Session, query: Executable, tenant_id: str, now: datetime, limit: int) -> list[tuple[str, str]]:
    parameters = {"tenant": tenant_id, "now": now, "limit": limit}
    return [(tenant, action_id) for tenant, action_id in session.connection().execute(query, parameters)]


def records_of(session: Session, query: Executable, **parameters: object) -> list[InterventionRecord]:
    """Return the actions that a query of `COLUMNS` finds."""
    rows = session.connection().execute(query, parameters).mappings()
    return [InterventionRecord(**{**row, "reason_codes": tuple(row["reason_codes"])}) for row in rows]
