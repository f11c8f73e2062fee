"""Leads: merge drafts into the store, and read leads back, decrypted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Executable, RowMapping, bindparam, case, func, or_, select, update
from sqlalchemy.orm import Session

from db.encryption import DataKey
from db.errors import UnknownLead
from db.models import Event, Lead, LeadIdentity
from db.records import LeadDraft, LeadRecord, LeadState, ScoringView, UpsertResult
from db.repositories.leads import lead_mapper
from db.repositories.leads.lead_status import IS_OPEN, STATUS
from db.repositories.leads.upsert import run
from db.repositories.leads.upsert.resolve import UpsertContext
from db.repositories.privacy.restrictions import restriction_names
from db.repositories.sql import among, in_batches, rowcount, table_of
from db.session import keyring_of
from domain.leads import UNSCORED_LEAD_TYPES, MergePolicy

_LEAD = table_of(Lead).c
_THESE = (_LEAD.tenant_id == bindparam("tenant"), among(_LEAD.lead_id, "leads"))
_WHOLE = select(table_of(Lead)).where(*_THESE)
_RESTRICTIONS = select(_LEAD.lead_id, _LEAD.restricted_at, _LEAD.objected_at).where(*_THESE)
_STATES = select(
    *(_LEAD[name] for name in ("lead_id", "version", "label", "stage", "contactable")),
    *(_LEAD[name] for name in ("restricted_at", "objected_at")),
    STATUS.label("status"),
).where(*_THESE)
_STATES_WITH_KEYS = _STATES.add_columns(_LEAD.tenant_id, _LEAD.data_key)
_KEYS = select(_LEAD.tenant_id, _LEAD.lead_id, _LEAD.data_key).where(*_THESE)
_SCORING_VIEWS = select(
    *(_LEAD[name] for name in ("tenant_id", "lead_id", "version", "lead_type", "stage", "status", "created_at")),
    *(_LEAD[name] for name in ("observed_at", "fields", "custom", "data_key", "restricted_at", "objected_at")),
    *(_LEAD[name] for name in ("label", "contactable")),
).where(*_THESE)

_IDENTITY = table_of(LeadIdentity).c
_IDENTITIES = (
    select(_IDENTITY.lead_id, func.min(_IDENTITY.external_id))
    .where(_IDENTITY.tenant_id == bindparam("tenant"), _IDENTITY.source_system == bindparam("system"))
    .where(among(_IDENTITY.lead_id, "leads"))
    .group_by(_IDENTITY.lead_id)
)


def upsert(
    session: Session,
    tenant_id: str,
    *,
    drafts: Sequence[LeadDraft],
    policy: MergePolicy,
    now: datetime,
    import_ref: str | None = None,
    loading: bool = False,
) -> list[UpsertResult]:
    """Merge drafts into the tenant's leads and add their events; return one result each, in the order given.

    Identity: (source system, external id), else e-mail, else phone with last name; a phone alone never merges, nor do
    two with different ids of one system, or with one phone and different e-mail addresses, unless the tenant's setting
    `merge_on` says so: both are kept (`row.possible_duplicate`). A draft without any of them is rejected
    (`row.no_identity`), as is one that fits several leads (`row.ambiguous_identity`),
    and one of an erased person (`privacy.forgotten`, see `db.repositories.privacy.tombstones`). A lead that the same
    `import_ref` brought before counts as `duplicate` and is merged. The version increases by one where anything
    changed, new events included; with `loading` the lead is marked with it. The rules of merging are in `db.merging`.
    It locks the tenant for other writers.

    Raises:
        UnknownTenant: not configured.
        NaiveTime, UnstorableValue: a draft contains a value that cannot be stored; nothing is written.

    """
    context = UpsertContext(
        tenant_id=tenant_id,
        policy=policy,
        now=now,
        import_ref=import_ref,
        ring=keyring_of(session),
        loading=loading,
    )
    return run.upsert(session, drafts, context)


def get(session: Session, tenant_id: str, *, lead_ids: Sequence[str]) -> list[LeadRecord]:
    """Return leads in the order requested.

    Raises:
        UnknownLead: some are not there for this tenant; names their positions.
        SealBroken: a stored lead was changed or moved.

    """
    ring = keyring_of(session)
    rows = _rows(session, tenant_id, lead_ids, _WHOLE)
    return [lead_mapper.to_record(rows[lead_id], ring) for lead_id in lead_ids]


def find(session: Session, tenant_id: str, *, external_id: str, source_system: str | None = None) -> str | None:
    """Return the lead with an external id; None without one, or when systems disagree and none is named."""
    matching = select(LeadIdentity.lead_id).where(
        LeadIdentity.tenant_id == tenant_id, LeadIdentity.external_id == external_id.strip()
    )
    if source_system is not None:
        matching = matching.where(LeadIdentity.source_system == source_system)
    lead_ids = set(session.scalars(matching))
    return lead_ids.pop() if len(lead_ids) == 1 else None


def ids(
    session: Session, tenant_id: str, *, status: str | None = None, after: str | None = None, limit: int | None = None
) -> list[str]:
    """Return ids in ascending order, those above `after`; status `open` leaves out lead types that are never scored.

    A label closes a lead, see `lead_status`.
    """
    query = select(Lead.lead_id).where(Lead.tenant_id == tenant_id)
    if status is not None:
        query = query.where(IS_OPEN if status == "open" else STATUS.in_([status]))
    if status == "open":
        query = query.where(or_(Lead.lead_type.is_(None), Lead.lead_type.not_in(UNSCORED_LEAD_TYPES)))
    if after is not None:
        query = query.where(Lead.lead_id > after)
    return list(session.scalars(query.order_by(Lead.lead_id).limit(limit)))


def with_events(session: Session, tenant_id: str) -> list[str]:
    """Return the ids of leads with events, open or not; lead types that are never scored are left out."""
    any_event = select(Event.event_id).where(Event.tenant_id == Lead.tenant_id, Event.lead_id == Lead.lead_id)
    query = select(Lead.lead_id).where(Lead.tenant_id == tenant_id, any_event.exists())
    query = query.where(or_(Lead.lead_type.is_(None), Lead.lead_type.not_in(UNSCORED_LEAD_TYPES)))
    return list(session.scalars(query.order_by(Lead.lead_id)))


def exists(session: Session, tenant_id: str, *, lead_id: str) -> bool:
    """Return whether the tenant has this lead."""
    stored = select(Lead.lead_id).where(Lead.tenant_id == tenant_id, Lead.lead_id == lead_id)
    return session.scalar(stored) is not None


def callable_leads(session: Session, tenant_id: str, *, assigned_to: str | None = None) -> dict[str, str | None]:
    """Return the external ids of open leads that may be contacted, of one agent or of all.

    A lead that is labelled, restricted, or objects to being scored is not among them; a labelled one is where its own
    source calls it open (see `lead_status`).
    """
    query = select(Lead.lead_id, Lead.external_id).where(
        Lead.tenant_id == tenant_id, IS_OPEN, Lead.contactable.is_(True)
    )
    query = query.where(Lead.restricted_at.is_(None), Lead.objected_at.is_(None))
    query = query.where(or_(Lead.lead_type.is_(None), Lead.lead_type.not_in(UNSCORED_LEAD_TYPES)))
    if assigned_to is not None:
        query = query.where(Lead.assigned_to == assigned_to)
    return {row.lead_id: row.external_id for row in session.execute(query)}


def assigned_agents(session: Session, tenant_id: str) -> dict[str, str]:
    """Return the assigned agent of each open lead; leads that are assigned to nobody are left out."""
    query = select(Lead.lead_id, Lead.assigned_to).where(Lead.tenant_id == tenant_id, IS_OPEN)
    return {lead_id: agent for lead_id, agent in session.execute(query) if agent is not None}


def labelled(session: Session, tenant_id: str) -> list[LeadRecord]:
    """Return all leads whose outcome is known, by id."""
    ring = keyring_of(session)
    rows = select(Lead.__table__).where(Lead.tenant_id == tenant_id, Lead.label.is_not(None)).order_by(Lead.lead_id)
    return [lead_mapper.to_record(row, ring) for row in session.execute(rows).mappings()]


def label_counts(session: Session, tenant_id: str) -> dict[str, int]:
    """Count leads labelled won and lost, those that are open, and all.

    A lead that is labelled and open all the same counts twice; one that is deleted at its source and has no label only
    in the total.
    """
    numbers = (func.count(case((condition, 1))) for condition in (Lead.label.is_(True), Lead.label.is_(False), IS_OPEN))
    row = session.execute(select(*numbers, func.count()).where(Lead.tenant_id == tenant_id)).one()
    return dict(zip(("won", "lost", "open", "total"), row, strict=True))


def stage_outcomes(session: Session, tenant_id: str, *, limit: int = 100) -> dict[str, dict[str, int]]:
    """Count leads by stage and status, the commonest stages first: it shows which stages were taken for which end."""
    ends = (
        select(Lead.stage, STATUS.label("status"))
        .where(Lead.tenant_id == tenant_id, Lead.stage.is_not(None))
        .subquery("ends")
    )
    number = func.count().label("number")
    counted = (
        select(ends.c.stage, ends.c.status, number)
        .group_by(ends.c.stage, ends.c.status)
        .order_by(number.desc(), ends.c.stage, ends.c.status)
    )
    outcomes: dict[str, dict[str, int]] = {}
    for row in session.execute(counted):
        if row.stage in outcomes or len(outcomes) < limit:
            outcomes.setdefault(row.stage, {})[row.status] = row.number
    return outcomes


def set_label(
    session: Session, tenant_id: str, *, lead_id: str, label: bool | None, label_at: datetime | None, status: str
) -> bool:
    """Set a lead's outcome and raise its version by one; False when the outcome was set already.

    Raises:
        UnknownLead: not there for this tenant.

    """
    this = (Lead.tenant_id == tenant_id, Lead.lead_id == lead_id)
    row = session.execute(
        select(Lead.label, Lead.label_at, Lead.status, Lead.fields).where(*this).with_for_update()
    ).one_or_none()
    if row is None:
        raise UnknownLead((0,))
    if (row.label, row.label_at, row.status) == (label, label_at, status):
        return False
    changes = {
        "label": label,
        "label_at": label_at,
        "status": status,
        "fields": {**row.fields, "opportunity_status": status},
        "version": Lead.version + 1,
    }
    rowcount(session, update(Lead).where(*this).values(changes).execution_options(synchronize_session=False))
    return True


def external_ids(session: Session, tenant_id: str, *, lead_ids: Sequence[str]) -> dict[str, str | None]:
    """Return the external ids of leads; those that are not there are left out."""
    ids_by_lead: dict[str, str | None] = {}
    for batch in in_batches(lead_ids):
        rows = select(Lead.lead_id, Lead.external_id).where(Lead.tenant_id == tenant_id, Lead.lead_id.in_(batch))
        ids_by_lead.update((lead_id, external_id) for lead_id, external_id in session.execute(rows))
    return ids_by_lead


def identities(session: Session, tenant_id: str, *, source_system: str, lead_ids: Sequence[str]) -> dict[str, str]:
    """Return the ids under which a source system knows leads; the smallest where it has several for one lead."""
    ids_by_lead: dict[str, str] = {}
    for batch in in_batches(lead_ids):
        parameters = {"tenant": tenant_id, "system": source_system, "leads": batch}
        rows = session.connection().execute(_IDENTITIES, parameters)
        ids_by_lead.update((lead_id, external_id) for lead_id, external_id in rows)
    return ids_by_lead


def restricted(session: Session, tenant_id: str, *, lead_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return those leads for which nothing may be computed, and why: restricted, objected.

    Raises:
        UnknownLead: some are not there for this tenant; names their positions.

    """
    rows = _rows(session, tenant_id, lead_ids, _RESTRICTIONS)
    reasons_by_lead = {
        lead_id: restriction_names(row["restricted_at"], row["objected_at"]) for lead_id, row in rows.items()
    }
    return {lead_id: reasons for lead_id, reasons in reasons_by_lead.items() if reasons}


def states(session: Session, tenant_id: str, *, lead_ids: Sequence[str], open_keys: bool = False) -> list[LeadState]:
    """Return what the rows of leads say now of being scored and contacted, in the order requested; opens no content.

    With `open_keys` the session also caches their data keys, at the cost of no further statement.

    Raises:
        UnknownLead: some are not there for this tenant; names their positions.
        SealBroken: a data key was changed or moved, where keys are opened.

    """
    rows = _rows(session, tenant_id, lead_ids, _STATES_WITH_KEYS if open_keys else _STATES)
    if open_keys:
        _open_keys_of(session, tenant_id, rows)
    return [lead_mapper.to_state(rows[lead_id]) for lead_id in lead_ids]


def scoring_views(session: Session, tenant_id: str, *, lead_ids: Sequence[str]) -> list[ScoringView]:
    """Return what a model may read of leads, in the order requested. The session caches their data keys.

    Raises:
        UnknownLead: some are not there for this tenant; names their positions.
        SealBroken: a stored lead was changed or moved.

    """
    rows = _rows(session, tenant_id, lead_ids, _SCORING_VIEWS)
    keys = _open_keys_of(session, tenant_id, rows)
    return [lead_mapper.to_scoring_view(rows[lead_id], keys[tenant_id, lead_id]) for lead_id in lead_ids]


def data_keys(session: Session, tenant_id: str, *, lead_ids: Sequence[str]) -> dict[str, DataKey]:
    """Return the data keys of leads, for repositories that seal with them; keys that the session caches are not read.

    Raises:
        UnknownLead: some are not there for this tenant; names their positions.

    """
    keys = _open_keys(session)
    if all((tenant_id, lead_id) in keys for lead_id in lead_ids):
        return {lead_id: keys[tenant_id, lead_id] for lead_id in lead_ids}
    ring = keyring_of(session)
    rows = _rows(session, tenant_id, lead_ids, _KEYS)
    return {lead_id: lead_mapper.unwrap_data_key(ring, row) for lead_id, row in rows.items()}


def _open_keys(session: Session) -> dict[tuple[str, str], DataKey]:
    keys: dict[tuple[str, str], DataKey] = session.info.setdefault("data_keys", {})
    return keys


def _open_keys_of(session: Session, tenant_id: str, rows: Mapping[str, RowMapping]) -> dict[tuple[str, str], DataKey]:
    """Open the data keys of rows that the session has not opened yet; return all that it has."""
    ring, keys = keyring_of(session), _open_keys(session)
    for lead_id, row in rows.items():
        if (tenant_id, lead_id) not in keys:
            keys[tenant_id, lead_id] = lead_mapper.unwrap_data_key(ring, row)
    return keys


def _rows(session: Session, tenant_id: str, lead_ids: Sequence[str], query: Executable) -> dict[str, RowMapping]:
    rows: dict[str, RowMapping] = {}
    for batch in in_batches(list(dict.fromkeys(lead_ids))):
        batch_rows = session.connection().execute(query, {"tenant": tenant_id, "leads": batch}).mappings()
        rows |= {row["lead_id"]: row for row in batch_rows}
    missing = [position for position, lead_id in enumerate(lead_ids) if lead_id not in rows]
    if missing:
        raise UnknownLead(missing)
    return rows
