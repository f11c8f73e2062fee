"""Leads: merging what sources say, and reading them back opened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from db.encryption import DataKey
from db.errors import UnknownLead
from db.models import Event, Lead, LeadIdentity
from db.records import LeadDraft, LeadRecord, LeadSight, Policy, UpsertResult
from db.repositories.leads import lead_mapper, lead_upsert
from db.repositories.privacy.restrictions import named
from db.repositories.sql.bulk import core
from db.repositories.sql.clauses import among, in_batches, ring_of, rowcount

#: lead types that are stored and never scored
UNSCORED = ("agent", "vendor")

_LEAD = core(Lead).c
_OWN = (_LEAD.tenant_id == bindparam("tenant"), among(_LEAD.lead_id, "leads"))
_WHOLE = select(core(Lead)).where(*_OWN)
_RESTRICTIONS = select(_LEAD.lead_id, _LEAD.restricted_at, _LEAD.objected_at).where(*_OWN)
_KEYS = select(_LEAD.tenant_id, _LEAD.lead_id, _LEAD.data_key).where(*_OWN)
_SIGHTS = select(
    *(_LEAD[name] for name in ("tenant_id", "lead_id", "version", "lead_type", "stage", "status", "created_at")),
    *(_LEAD[name] for name in ("observed_at", "fields", "custom", "data_key", "restricted_at", "objected_at")),
    *(_LEAD[name] for name in ("label", "contactable")),
).where(*_OWN)

_IDENTITY = core(LeadIdentity).c
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
    policy: Policy,
    now: datetime,
    import_ref: str | None = None,
) -> list[UpsertResult]:
    """Merge drafts into the tenant's leads and add their events; one result each, in the order given.

    Identity: (source system, external id), else e-mail, else phone with last name; a phone alone never merges. A draft
    without any of them is rejected (`row.no_identity`), one that fits several leads too (`row.ambiguous_identity`), and
    one of a person who was forgotten (`privacy.forgotten`, see `db.repositories.privacy.tombstones`).
    A lead that the same `import_ref` met before counts as `duplicate` and is merged. The version grows by one where
    something changed, new events included. Rules of merging: `db.merging`. Writers of one tenant wait for each other.

    Raises:
        UnknownTenant: not configured.
        NaiveTime, UnstorableValue: a draft holds what cannot be stored; nothing is written.

    """
    job = lead_upsert.Import(tenant_id=tenant_id, policy=policy, now=now, ref=import_ref)
    return lead_upsert.upsert(session, drafts, job)


def get(session: Session, tenant_id: str, *, lead_ids: Sequence[str]) -> list[LeadRecord]:
    """Give leads in the order asked.

    Raises:
        UnknownLead: some are not there for this tenant; names their positions.
        SealBroken: a stored lead was changed or moved.

    """
    ring = ring_of(session)
    rows = _rows(session, tenant_id, lead_ids, _WHOLE)
    return [lead_mapper.record_of(rows[lead_id], ring) for lead_id in lead_ids]


def find(session: Session, tenant_id: str, *, external_id: str, source_system: str | None = None) -> str | None:
    """Give the lead known by an external id; None when there is none, or when systems disagree and none is named."""
    found = select(LeadIdentity.lead_id).where(
        LeadIdentity.tenant_id == tenant_id, LeadIdentity.external_id == external_id.strip()
    )
    if source_system is not None:
        found = found.where(LeadIdentity.source_system == source_system)
    lead_ids = set(session.scalars(found))
    return lead_ids.pop() if len(lead_ids) == 1 else None


def ids(
    session: Session, tenant_id: str, *, status: str | None = None, after: str | None = None, limit: int | None = None
) -> list[str]:
    """Give ids in ascending order, those above `after`; status `open` leaves out what is never scored."""
    wanted = select(Lead.lead_id).where(Lead.tenant_id == tenant_id)
    if status is not None:
        wanted = wanted.where(Lead.status == status)
    if status == "open":
        wanted = wanted.where(or_(Lead.lead_type.is_(None), Lead.lead_type.not_in(UNSCORED)))
    if after is not None:
        wanted = wanted.where(Lead.lead_id > after)
    return list(session.scalars(wanted.order_by(Lead.lead_id).limit(limit)))


def with_events(session: Session, tenant_id: str) -> list[str]:
    """Give the ids of leads, open or not, that something is known to have happened to; without what is never scored."""
    happened = select(Event.event_id).where(Event.tenant_id == Lead.tenant_id, Event.lead_id == Lead.lead_id)
    wanted = select(Lead.lead_id).where(Lead.tenant_id == tenant_id, happened.exists())
    wanted = wanted.where(or_(Lead.lead_type.is_(None), Lead.lead_type.not_in(UNSCORED)))
    return list(session.scalars(wanted.order_by(Lead.lead_id)))


def exists(session: Session, tenant_id: str, *, lead_id: str) -> bool:
    """Whether the tenant has this lead."""
    own = (Lead.tenant_id == tenant_id, Lead.lead_id == lead_id)
    return session.scalar(select(Lead.lead_id).where(*own)) is not None


def callable_leads(session: Session, tenant_id: str, *, assigned_to: str | None = None) -> dict[str, str | None]:
    """Give the external ids of open leads that may be contacted, of one agent or of all.

    A lead that is labelled lost while nobody closed it ("not converted yet") stays on; one labelled won does not, nor
    one that is restricted or objected to being scored.
    """
    wanted = select(Lead.lead_id, Lead.external_id).where(
        Lead.tenant_id == tenant_id, Lead.status == "open", Lead.contactable.is_(True), Lead.label.is_not(True)
    )
    wanted = wanted.where(Lead.restricted_at.is_(None), Lead.objected_at.is_(None))
    wanted = wanted.where(or_(Lead.lead_type.is_(None), Lead.lead_type.not_in(UNSCORED)))
    if assigned_to is not None:
        wanted = wanted.where(Lead.assigned_to == assigned_to)
    return {row.lead_id: row.external_id for row in session.execute(wanted)}


def agents(session: Session, tenant_id: str) -> dict[str, str]:
    """Give who calls each open lead; those that nobody was given are left out."""
    wanted = select(Lead.lead_id, Lead.assigned_to).where(Lead.tenant_id == tenant_id, Lead.status == "open")
    return {lead_id: agent for lead_id, agent in session.execute(wanted) if agent is not None}


def labelled(session: Session, tenant_id: str) -> list[LeadRecord]:
    """Give all leads whose outcome is known, by id."""
    ring = ring_of(session)
    rows = select(Lead.__table__).where(Lead.tenant_id == tenant_id, Lead.label.is_not(None)).order_by(Lead.lead_id)
    return [lead_mapper.record_of(row, ring) for row in session.execute(rows).mappings()]


def label_counts(session: Session, tenant_id: str) -> dict[str, int]:
    """Count leads by label: won, lost, open (without label) and total."""
    counted = select(Lead.label, func.count().label("number")).where(Lead.tenant_id == tenant_id).group_by(Lead.label)
    by_label = {row.label: row.number for row in session.execute(counted)}
    won, lost, unknown = (by_label.get(label, 0) for label in (True, False, None))
    return {"won": won, "lost": lost, "open": unknown, "total": won + lost + unknown}


def set_label(
    session: Session, tenant_id: str, *, lead_id: str, label: bool | None, label_at: datetime | None, status: str
) -> bool:
    """Set a lead's outcome; False when it was so already, else its version grows by one.

    Raises:
        UnknownLead: not there for this tenant.

    """
    own = (Lead.tenant_id == tenant_id, Lead.lead_id == lead_id)
    row = session.execute(
        select(Lead.label, Lead.label_at, Lead.status, Lead.fields).where(*own).with_for_update()
    ).one_or_none()
    if row is None:
        raise UnknownLead((0,))
    if (row.label, row.label_at, row.status) == (label, label_at, status):
        return False
    news: dict[str, Any] = {
        "label": label,
        "label_at": label_at,
        "status": status,
        "fields": {**row.fields, "opportunity_status": status},
        "version": Lead.version + 1,
    }
    rowcount(session, update(Lead).where(*own).values(news).execution_options(synchronize_session=False))
    return True


def external_ids(session: Session, tenant_id: str, *, lead_ids: Sequence[str]) -> dict[str, str | None]:
    """Give the external ids of leads; those that are not there are left out."""
    found: dict[str, str | None] = {}
    for batch in in_batches(lead_ids):
        rows = select(Lead.lead_id, Lead.external_id).where(Lead.tenant_id == tenant_id, Lead.lead_id.in_(batch))
        found.update((lead_id, external_id) for lead_id, external_id in session.execute(rows))
    return found


def identities(session: Session, tenant_id: str, *, source_system: str, lead_ids: Sequence[str]) -> dict[str, str]:
    """Give the ids under which a source system knows leads, the first by order where it has several."""
    found: dict[str, str] = {}
    for batch in in_batches(lead_ids):
        asked = {"tenant": tenant_id, "system": source_system, "leads": batch}
        found.update((lead_id, known_as) for lead_id, known_as in session.connection().execute(_IDENTITIES, asked))
    return found


def restricted(session: Session, tenant_id: str, *, lead_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Give those of some leads of whom nothing may be computed, and why: restricted, objected.

    Raises:
        UnknownLead: some are not there for this tenant; names their positions.

    """
    rows = _rows(session, tenant_id, lead_ids, _RESTRICTIONS)
    why = {lead_id: named(row["restricted_at"], row["objected_at"]) for lead_id, row in rows.items()}
    return {lead_id: reasons for lead_id, reasons in why.items() if reasons}


def scoring_views(session: Session, tenant_id: str, *, lead_ids: Sequence[str]) -> list[LeadSight]:
    """Give what a model may read of leads, in the order asked. Their keys stay open while the session lasts.

    Raises:
        UnknownLead: some are not there for this tenant; names their positions.
        SealBroken: a stored lead was changed or moved.

    """
    ring, keys = ring_of(session), _open_keys(session)
    rows = _rows(session, tenant_id, lead_ids, _SIGHTS)
    for lead_id, row in rows.items():
        if (tenant_id, lead_id) not in keys:
            keys[tenant_id, lead_id] = lead_mapper.data_key_of(ring, row)
    return [lead_mapper.scoring_view_of(rows[lead_id], keys[tenant_id, lead_id]) for lead_id in lead_ids]


def keys_of(session: Session, tenant_id: str, *, lead_ids: Sequence[str]) -> dict[str, DataKey]:
    """Give the data keys of leads, for the repositories that seal with them; those that are open are not read again.

    Raises:
        UnknownLead: some are not there for this tenant; names their positions.

    """
    keys = _open_keys(session)
    if all((tenant_id, lead_id) in keys for lead_id in lead_ids):
        return {lead_id: keys[tenant_id, lead_id] for lead_id in lead_ids}
    ring = ring_of(session)
    rows = _rows(session, tenant_id, lead_ids, _KEYS)
    return {lead_id: lead_mapper.data_key_of(ring, row) for lead_id, row in rows.items()}


def _open_keys(session: Session) -> dict[tuple[str, str], DataKey]:
    keys: dict[tuple[str, str], DataKey] = session.info.setdefault("data_keys", {})
    return keys


def _rows(session: Session, tenant_id: str, lead_ids: Sequence[str], wanted: Select[Any]) -> dict[str, lead_mapper.Row]:
    rows: dict[str, lead_mapper.Row] = {}
    for batch in in_batches(list(dict.fromkeys(lead_ids))):
        found = session.connection().execute(wanted, {"tenant": tenant_id, "leads": batch}).mappings()
        rows |= {row["lead_id"]: row for row in found}
    missing = [position for position, lead_id in enumerate(lead_ids) if lead_id not in rows]
    if missing:
        raise UnknownLead(missing)
    return rows
