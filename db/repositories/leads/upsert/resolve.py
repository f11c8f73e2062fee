"""Step 1 of an upsert: how each draft names its lead, what is stored of the leads that are named, and who is meant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from db.encryption import KeyRing
from db.models import Lead, LeadIdentity
from db.records import LeadDraft
from db.repositories import sql
from db.repositories.consent import consent_mapper
from db.repositories.events import event_mapper
from db.repositories.leads import lead_mapper
from db.repositories.leads.lead_mapper import email_key, phone_key
from db.repositories.privacy import tombstones
from domain.leads import MergePolicy

#: source system and the lead's id in it
Identity = tuple[str, str]
#: lead, source and the source's id of the event
EventKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpsertContext:
    """The parameters that all drafts of one call share."""

    tenant_id: str
    policy: MergePolicy
    now: datetime
    #: the import that brings the drafts; a lead that it brought before is a duplicate
    import_ref: str | None
    ring: KeyRing


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupKeys:
    """The keys by which a draft's lead is looked up: the source's id, then e-mail, then phone with last name."""

    identity: Identity | None
    email: bytes | None
    phone: bytes | None

    def any(self) -> bool:
        """Return whether the draft can be assigned to a lead at all."""
        return any((self.identity, self.email, self.phone))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLeads:
    """Everything stored of the leads that a batch may mean."""

    #: positions of drafts of people who were forgotten
    forgotten: Collection[int]
    identities: Mapping[Identity, str]
    #: rows of `leads`, locked
    rows: Sequence[lead_mapper.LeadRow]
    event_keys: Collection[EventKey]
    #: ids of entries of the consent ledger
    consent_ids: Collection[str]


class LeadIndex:
    """The leads of a batch by what drafts name them by; leads that the batch creates are added."""

    def __init__(self, identities: Mapping[Identity, str]) -> None:
        self._by_identity = dict(identities)
        self._by_hash: defaultdict[bytes, set[str]] = defaultdict(set)

    def find(self, keys: LookupKeys) -> set[str]:
        """Return the leads that a draft means: none, one, or several where e-mail or phone is shared."""
        if keys.identity in self._by_identity:
            return {self._by_identity[keys.identity]}
        for value in (keys.email, keys.phone):
            if value is not None and self._by_hash.get(value):
                return self._by_hash[value]
        return set()

    def add_hashes(self, lead_id: str, *hashes: bytes | None) -> None:
        """Make a lead found by these hashes too."""
        for value in hashes:
            if value is not None:
                self._by_hash[value].add(lead_id)

    def add_identity(self, lead_id: str, identity: Identity | None) -> bool:
        """Make a lead found by a source's id too; False where there is none or it names a lead already."""
        if identity is None or identity in self._by_identity:
            return False
        self._by_identity[identity] = lead_id
        return True


def lookup_keys(draft: LeadDraft, context: UpsertContext) -> LookupKeys:
    """Return what a draft's lead is looked up by."""
    external = (draft.external_id or "").strip()
    return LookupKeys(
        identity=(draft.source_system, external) if external else None,
        email=lead_mapper.lookup_hash(context.ring, context.tenant_id, email_key(draft.contact)),
        phone=lead_mapper.lookup_hash(context.ring, context.tenant_id, phone_key(draft.contact)),
    )


def load_stored(
    session: Session, context: UpsertContext, drafts: Sequence[LeadDraft], keys: Sequence[LookupKeys]
) -> StoredLeads:
    """Read what is stored of the leads that drafts may mean. Call it under the tenant's lock."""
    forgotten = _forgotten(session, context, keys)
    identities = stored_identities(session, context, keys)
    rows = _lead_rows(session, context, keys, identities)
    lead_ids = [row["lead_id"] for row in rows]
    events = [event for draft in drafts for event in draft.events]
    event_keys = event_mapper.stored_keys(session, context.tenant_id, lead_ids=lead_ids, drafts=events)
    consent_ids: set[str] = set()
    if lead_ids and any(draft.consent or draft.statements for draft in drafts):
        consent_ids = consent_mapper.stored_entry_ids(session, context.tenant_id, lead_ids=lead_ids)
    return StoredLeads(
        forgotten=forgotten, identities=identities, rows=rows, event_keys=event_keys, consent_ids=consent_ids
    )


def stored_identities(session: Session, context: UpsertContext, keys: Sequence[LookupKeys]) -> dict[Identity, str]:
    """Return the leads that the sources' ids of drafts name, by id."""
    wanted = {key.identity for key in keys if key.identity}
    if not wanted:
        return {}
    named = sql.column_in(session, LeadIdentity.external_id, {external for _, external in wanted})
    stored = select(LeadIdentity.source_system, LeadIdentity.external_id, LeadIdentity.lead_id).where(
        LeadIdentity.tenant_id == context.tenant_id, named
    )
    rows = session.execute(stored)
    return {(system, external): lead_id for system, external, lead_id in rows if (system, external) in wanted}


def _lead_rows(
    session: Session, context: UpsertContext, keys: Sequence[LookupKeys], identities: Mapping[Identity, str]
) -> list[lead_mapper.LeadRow]:
    # The rows are locked, so that a label set at the same time is not written over (SQLite has one writer anyway).
    named = _named(session, keys, identities)
    rows = select(Lead.__table__).where(Lead.tenant_id == context.tenant_id, named).with_for_update()
    return [dict(row) for row in session.execute(rows.order_by(Lead.lead_id)).mappings()]


def _named(session: Session, keys: Sequence[LookupKeys], identities: Mapping[Identity, str]) -> ColumnElement[bool]:
    lead_ids = set(identities.values())
    emails = {key.email for key in keys if key.email}
    phones = {key.phone for key in keys if key.phone}
    return or_(
        sql.column_in(session, Lead.lead_id, lead_ids),
        sql.column_in(session, Lead.email_hash, emails),
        sql.column_in(session, Lead.phone_hash, phones),
    )


def _forgotten(session: Session, context: UpsertContext, keys: Sequence[LookupKeys]) -> set[int]:
    if not tombstones.any_exist(session, context.tenant_id):
        return set()
    hashes = [_identity_hashes(session, context.tenant_id, key) for key in keys]
    refused = tombstones.match(session, context.tenant_id, hashes=sorted(set().union(*hashes)))
    return {position for position, key_hashes in enumerate(hashes) if not refused.isdisjoint(key_hashes)}


def _identity_hashes(session: Session, tenant_id: str, keys: LookupKeys) -> set[bytes]:
    hashes = {value for value in (keys.email, keys.phone) if value is not None}
    if keys.identity:
        hashes.add(tombstones.identity_hash(session, tenant_id, *keys.identity))
    return hashes
