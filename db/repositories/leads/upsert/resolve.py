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
from domain.leads import MergePolicy, is_row_id

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
    #: whether a file is loaded: what changes is no news of a single lead
    loading: bool = False
    #: `email`, `phone`: a person of the tenant said that those who share it are one lead, whatever else differs
    merge_on: frozenset[str] = frozenset()


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
    #: all ids of the leads that share an e-mail address or a phone with a draft
    ids_of: Mapping[str, Collection[Identity]]
    #: rows of `leads`, locked
    rows: Sequence[lead_mapper.LeadRow]
    event_keys: Collection[EventKey]
    #: ids of entries of the consent ledger
    consent_ids: Collection[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The leads that a draft may mean."""

    #: none: it is new; several: nobody can say which
    lead_ids: frozenset[str] = frozenset()
    #: whether others share its e-mail address, or its phone and last name, and are kept apart from it
    apart: bool = False


class LeadIndex:
    """The leads of a batch by what drafts name them by; leads that the batch creates are added.

    Who has another id of the same system, or shares a phone but has another e-mail address, is another person until
    somebody of the tenant says otherwise (setting `merge_on`): couples share a phone and a last name.
    """

    def __init__(self, stored: StoredLeads, merge_on: frozenset[str]) -> None:
        self._by_identity = dict(stored.identities)
        self._by_hash: defaultdict[bytes, set[str]] = defaultdict(set)
        self._emails: defaultdict[str, set[bytes]] = defaultdict(set)
        self._ids = defaultdict(set, {lead_id: set(ids) for lead_id, ids in stored.ids_of.items()})
        self._merge_on = merge_on

    def find(self, keys: LookupKeys) -> Found:
        """Return the leads that a draft means: by its id, else by e-mail address, else by phone and last name."""
        if keys.identity in self._by_identity:
            return Found(lead_ids=frozenset({self._by_identity[keys.identity]}))
        apart = False
        for kind, value in (("email", keys.email), ("phone", keys.phone)):
            sharing = self._by_hash.get(value, set()) if value is not None else set()
            same = frozenset(lead_id for lead_id in sharing if not self._is_other(lead_id, keys, kind))
            if same:
                return Found(lead_ids=same)
            apart = apart or bool(sharing)
        return Found(apart=apart)

    def _is_other(self, lead_id: str, keys: LookupKeys, kind: str) -> bool:
        if kind in self._merge_on:
            return False
        if kind == "phone" and keys.email is not None and self._emails[lead_id] - {keys.email}:
            return True
        return keys.identity is not None and any(
            system == keys.identity[0] and not (is_row_id(external) or is_row_id(keys.identity[1]))
            for system, external in self._ids[lead_id]
        )

    def add_hashes(self, lead_id: str, *, email: bytes | None, phone: bytes | None) -> None:
        """Make a lead found by these hashes too."""
        for value in (email, phone):
            if value is not None:
                self._by_hash[value].add(lead_id)
        if email is not None:
            self._emails[lead_id].add(email)

    def add_identity(self, lead_id: str, identity: Identity | None) -> bool:
        """Make a lead found by a source's id too; False where there is none or it names a lead already."""
        if identity is None or identity in self._by_identity:
            return False
        self._by_identity[identity] = lead_id
        self._ids[lead_id].add(identity)
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
    identities = stored_identities(session, context, keys)
    forgotten = _forgotten(session, context, keys, identities)
    rows = _lead_rows(session, context, keys, identities)
    lead_ids = [row["lead_id"] for row in rows]
    events = [event for draft in drafts for event in draft.events]
    event_keys = event_mapper.stored_keys(session, context.tenant_id, lead_ids=lead_ids, drafts=events)
    consent_ids: set[str] = set()
    if lead_ids and any(draft.consent or draft.statements for draft in drafts):
        wrapped = {row["lead_id"]: row for row in rows}
        consent_ids = consent_mapper.stored_entry_ids(
            session,
            context.tenant_id,
            lead_ids=lead_ids,
            key_of=lambda lead_id: lead_mapper.unwrap_data_key(context.ring, wrapped[lead_id]),
        )
    return StoredLeads(
        forgotten=forgotten,
        identities=identities,
        ids_of=_ids_of(session, context, keys, rows),
        rows=rows,
        event_keys=event_keys,
        consent_ids=consent_ids,
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


def _ids_of(
    session: Session, context: UpsertContext, keys: Sequence[LookupKeys], rows: Sequence[lead_mapper.LeadRow]
) -> dict[str, set[Identity]]:
    """Return all ids of the leads that a draft with an id of its own may mean by e-mail address or phone."""
    shared = {value for key in keys if key.identity for value in (key.email, key.phone) if value is not None}
    lead_ids = {row["lead_id"] for row in rows if not shared.isdisjoint({row["email_hash"], row["phone_hash"]})}
    if not lead_ids:
        return {}
    stored = select(LeadIdentity.source_system, LeadIdentity.external_id, LeadIdentity.lead_id).where(
        LeadIdentity.tenant_id == context.tenant_id, sql.column_in(session, LeadIdentity.lead_id, lead_ids)
    )
    ids: defaultdict[str, set[Identity]] = defaultdict(set)
    for system, external, lead_id in session.execute(stored):
        ids[lead_id].add((system, external))
    return ids


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


def _forgotten(
    session: Session, context: UpsertContext, keys: Sequence[LookupKeys], identities: Mapping[Identity, str]
) -> set[int]:
    """Return the positions of drafts of people who were erased."""
    if not tombstones.any_exist(session, context.tenant_id):
        return set()
    of_ids = [
        tombstones.identity_hash(session, context.tenant_id, *key.identity) if key.identity else None for key in keys
    ]
    apart = [tombstones.apart_hash(context.ring, context.tenant_id, key.phone) if key.phone else None for key in keys]
    emails, phones = [key.email for key in keys], [key.phone for key in keys]
    hashes = {value for value in (*of_ids, *emails, *phones, *apart) if value is not None}
    matched = tombstones.match(session, context.tenant_id, hashes=sorted(hashes))
    return {
        position
        for position, key in enumerate(keys)
        if tombstones.is_person(
            matched,
            identity=of_ids[position],
            email=key.email,
            phone=key.phone,
            apart=apart[position],
            known=key.identity in identities,
        )
    }
