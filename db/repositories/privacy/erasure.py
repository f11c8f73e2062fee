"""Erasure: find a person's leads, refuse their data from then on, and delete their rows in the tables of `db.privacy`.

The order of an erasure is `begin`, then `add_tombstones` again where more is known, `erase`, `save`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime

from sqlalchemy import RowMapping, Table, delete, insert, select
from sqlalchemy.orm import Session

from db.base import Base, new_id
from db.data_subject import DataSubject, first_and_last_names, phone_digits
from db.models import Backfill, Erasure, Lead, LeadIdentity
from db.privacy import STORES
from db.records import BackfillFiles, ErasureRecord, ErasureResult, LeadRecord
from db.repositories.leads import leads
from db.repositories.leads.lead_mapper import email_key, phone_key
from db.repositories.models import lineage
from db.repositories.online import checkpoints
from db.repositories.privacy import erasure_stores, tombstones
from db.repositories.sql import rowcount
from db.session import keyring_of, lock_tenant
from domain.documents import JsonMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureStart:
    """An erasure that begins, or is resumed."""

    erasure_id: str
    subject: DataSubject
    #: whether tombstones were added, so that imports of these identities are rejected
    tombstoned: bool
    #: the ids of the request, in its order
    requested: tuple[RequestedIdentity, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedIdentity:
    """One of the ids of the request: whether a lead has it now, or an earlier erasure had it."""

    exists: bool
    #: the newest finished erasure of this id, where no lead has it now
    earlier: ErasureRecord | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonHashes:
    """Keyed hashes of a person."""

    #: of our own and the sources' ids, to find the same erasure again
    leads: frozenset[bytes]
    #: for which imports are rejected
    identities: frozenset[bytes]


_ERASURE = tuple(getattr(Erasure, column.name) for column in fields(ErasureRecord))
Identity = tuple[str | None, str]


def begin(
    session: Session,
    tenant_id: str,
    *,
    lead_id: str | None,
    identities: Sequence[Identity],
    tombstone: bool,
    now: datetime,
) -> ErasureStart:
    """Find the person and, with `tombstone`, reject imports of them from now on; resume an unfinished erasure.

    It locks the tenant, so that two that begin at once begin the same erasure.
    """
    lock_tenant(session, tenant_id)
    subject = find(session, tenant_id, lead_id=lead_id, identities=identities)
    tombstoned = bool(subject.lead_ids) and tombstone
    # A finished erasure of a person who exists again was lifted since, so this is another erasure.
    erasure_id = _unfinished(session, tenant_id, lead_id=lead_id, identities=identities) or new_id()
    requested = resolve_requested(session, tenant_id, lead_id=lead_id, identities=identities)
    if tombstoned:
        hashes = person_hashes(session, tenant_id, subject=subject)
        add_tombstones(session, tenant_id, erasure_id=erasure_id, hashes=hashes, now=now)
    return ErasureStart(erasure_id=erasure_id, subject=subject, tombstoned=tombstoned, requested=requested)


def resolve_requested(
    session: Session, tenant_id: str, *, lead_id: str | None, identities: Sequence[Identity]
) -> tuple[RequestedIdentity, ...]:
    """Return for each id of a request whether a lead has it, or which earlier erasure had it."""
    by_lead_id = [] if lead_id is None else [find(session, tenant_id, lead_id=lead_id, identities=()).lead_ids]
    lead_ids = [
        *by_lead_id,
        *(_leads_with(session, tenant_id, system, external_id) for system, external_id in identities),
    ]
    hashes = _hashes(session, tenant_id, lead_id=lead_id, identities=identities)
    return tuple(
        RequestedIdentity(exists=bool(leads), earlier=None if leads else _finished(session, tenant_id, value))
        for leads, value in zip(lead_ids, hashes, strict=True)
    )


def refresh(session: Session, tenant_id: str, *, subject: DataSubject) -> DataSubject:
    """Return the person as stored now, with what was known of them before. It locks the tenant."""
    lock_tenant(session, tenant_id)
    current = for_leads(session, tenant_id, lead_ids=sorted(subject.lead_ids), identities=subject.identities)
    return replace(
        current,
        emails=current.emails | subject.emails,
        phones=current.phones | subject.phones,
        names=current.names | subject.names,
    )


def find(session: Session, tenant_id: str, *, lead_id: str | None, identities: Sequence[Identity]) -> DataSubject:
    """Return the person with a lead id or with these ids: of every lead that has one of them, else the ids alone."""
    lead_ids = {lead_id} if lead_id and leads.exists(session, tenant_id, lead_id=lead_id) else set()
    for system, external_id in identities:
        lead_ids |= _leads_with(session, tenant_id, system, external_id)
    return for_leads(session, tenant_id, lead_ids=sorted(lead_ids), identities=identities)


def for_leads(
    session: Session, tenant_id: str, *, lead_ids: Sequence[str], identities: Iterable[Identity] = ()
) -> DataSubject:
    """Return the person that these leads are; leads that do not exist any more are left out."""
    existing = session.scalars(select(Lead.lead_id).where(Lead.tenant_id == tenant_id, Lead.lead_id.in_(lead_ids)))
    records = leads.get(session, tenant_id, lead_ids=sorted(existing))
    contacts = [record.contact for record in records]
    numbers = (phone_digits(contact.get("phone", "")) for contact in contacts)
    return DataSubject(
        lead_ids=frozenset(record.lead_id for record in records),
        identities=frozenset({*_identities(session, tenant_id, records), *identities}),
        emails=frozenset(contact["email"].strip().lower() for contact in contacts if contact.get("email", "").strip()),
        phones=frozenset(number for number in numbers if len(number) >= 7),
        names=frozenset(name for contact in contacts for name in first_and_last_names(contact)),
    )


def person_hashes(session: Session, tenant_id: str, *, subject: DataSubject) -> PersonHashes:
    """Return the hashes by which a person is recognised; call it while their leads exist."""
    ids = {tombstones.lead_hash(session, tenant_id, lead_id) for lead_id in subject.lead_ids}
    ids |= {tombstones.identity_hash(session, tenant_id, "", external_id) for external_id in subject.external_ids}
    return PersonHashes(leads=frozenset(ids), identities=frozenset(identity_hashes(session, tenant_id, subject)))


def add_tombstones(session: Session, tenant_id: str, *, erasure_id: str, hashes: PersonHashes, now: datetime) -> None:
    """Add tombstones: from the commit on imports of these identities are rejected, also those waiting in queues."""
    lock_tenant(session, tenant_id)
    tombstones.add(session, tenant_id, erasure_id=erasure_id, leads=hashes.leads, identities=hashes.identities, now=now)


def identity_hashes(session: Session, tenant_id: str, subject: DataSubject) -> set[bytes]:
    """Return the hashes by which an import would recognise the person."""
    ring = keyring_of(session)
    of_ids = {
        tombstones.identity_hash(session, tenant_id, system, external_id)
        for system, external_id in subject.identities
        if system is not None
    }
    contacts = [record.contact for record in leads.get(session, tenant_id, lead_ids=sorted(subject.lead_ids))]
    keys = [(email_key(contact), phone_key(contact)) for contact in contacts]
    of_contacts = {ring.lookup(tenant_id, key) for pair in keys for key in pair if key}
    apart = {
        tombstones.apart_hash(ring, tenant_id, ring.lookup(tenant_id, phone))
        for email, phone in keys
        if email and phone
    }
    return of_ids | of_contacts | apart


def get(session: Session, tenant_id: str, *, erasure_id: str) -> ErasureRecord | None:
    """Return a finished erasure, or None."""
    query = select(*_ERASURE).where(Erasure.tenant_id == tenant_id, Erasure.erasure_id == erasure_id)
    row = session.execute(query).mappings().one_or_none()
    return None if row is None else ErasureRecord(**dict(row))


def erase(session: Session, tenant_id: str, *, subject: DataSubject, now: datetime) -> ErasureResult:
    """Delete or anonymise everything about a person, in every table. It locks the tenant.

    The leads' rows are deleted with their data keys. Counts are of rows, by table; the audit chain stays as it is.
    """
    lock_tenant(session, tenant_id)
    learners = checkpoints.forget(session, tenant_id, lead_ids=subject.lead_ids, now=now)
    # Wait for transactions that write to these leads now; later ones find that the leads are gone.
    conditions = (Lead.tenant_id == tenant_id, Lead.lead_id.in_(sorted(subject.lead_ids)))
    session.execute(select(Lead.lead_id).where(*conditions).with_for_update())
    models = lineage.forget(session, tenant_id, lead_ids=subject.lead_ids, now=now)
    scrubbed = erasure_stores.scrub(session, tenant_id, subject=subject, now=now)
    deleted = {table.name: _delete(session, tenant_id, table, column, subject) for table, column in subject_tables()}
    stores = {**scrubbed.stores, "model_versions": len(models), "model_lineages": len(models), "online_heads": learners}
    for name, count in deleted.items():
        stores[name] = stores.get(name, 0) + count
    return ErasureResult(stores=dict(sorted(stores.items())), models=models, task_ids=scrubbed.task_ids)


def save(session: Session, tenant_id: str, *, record: ErasureRecord) -> None:
    """Store a finished erasure."""
    values = {column.name: getattr(record, column.name) for column in fields(ErasureRecord)}
    session.execute(insert(Erasure), [{**values, "result": dict(record.result), "tenant_id": tenant_id}])


def backfill_files(session: Session, tenant_id: str, *, ended_before: datetime | None = None) -> list[BackfillFiles]:
    """Return the files that imports keep: of all imports, or of those that ended before a time."""
    query = select(
        Backfill.backfill_id,
        Backfill.state,
        Backfill.spool,
        Backfill.error_file,
        Backfill.source,
        Backfill.finished_at,
    ).where(Backfill.tenant_id == tenant_id)
    if ended_before is not None:
        query = query.where(Backfill.finished_at < ended_before)
    return [_files(row) for row in session.execute(query.order_by(Backfill.backfill_id)).mappings()]


def spool_paths(session: Session) -> set[str]:
    """Return the paths of the spooled copies of all tenants' imports."""
    return set(session.scalars(select(Backfill.spool)))


def subject_tables() -> list[tuple[Table, str]]:
    """Return every table that has a column with the lead's id, children first, and that column."""
    subjects = {store.table: store.subject for store in STORES if store.subject}
    return [(table, str(subjects[table.name])) for table in reversed(_tables()) if table.name in subjects]


def _hashes(session: Session, tenant_id: str, *, lead_id: str | None, identities: Sequence[Identity]) -> list[bytes]:
    of_lead_id = [] if lead_id is None else [tombstones.lead_hash(session, tenant_id, lead_id)]
    return of_lead_id + [
        tombstones.identity_hash(session, tenant_id, system or "", external_id) for system, external_id in identities
    ]


def _unfinished(session: Session, tenant_id: str, *, lead_id: str | None, identities: Sequence[Identity]) -> str | None:
    """Return the newest erasure of any of these ids that was begun and is not finished."""
    hashes = _hashes(session, tenant_id, lead_id=lead_id, identities=identities)
    erasure_ids = tombstones.erasures(session, tenant_id, hashes=hashes)
    unfinished = (
        erasure_id for erasure_id in reversed(erasure_ids) if get(session, tenant_id, erasure_id=erasure_id) is None
    )
    return next(unfinished, None)


def _finished(session: Session, tenant_id: str, value: bytes) -> ErasureRecord | None:
    """Return the newest finished erasure with this tombstone."""
    erasure_ids = tombstones.erasures(session, tenant_id, hashes=[value])
    records = (get(session, tenant_id, erasure_id=erasure_id) for erasure_id in reversed(erasure_ids))
    return next((record for record in records if record is not None), None)


def _tables() -> list[Table]:
    return Base.metadata.sorted_tables


def _delete(session: Session, tenant_id: str, table: Table, column: str, subject: DataSubject) -> int:
    conditions = (table.c.tenant_id == tenant_id, table.c[column].in_(sorted(subject.lead_ids)))
    return rowcount(session, delete(table).where(*conditions))


def _leads_with(session: Session, tenant_id: str, system: str | None, external_id: str) -> set[str]:
    query = select(LeadIdentity.lead_id).where(
        LeadIdentity.tenant_id == tenant_id, LeadIdentity.external_id == external_id.strip()
    )
    if system is not None:
        query = query.where(LeadIdentity.source_system == system)
    return set(session.scalars(query))


def _identities(session: Session, tenant_id: str, records: Sequence[LeadRecord]) -> set[Identity]:
    lead_ids = [record.lead_id for record in records]
    rows = select(LeadIdentity.source_system, LeadIdentity.external_id).where(
        LeadIdentity.tenant_id == tenant_id, LeadIdentity.lead_id.in_(lead_ids)
    )
    return {(system, external_id) for system, external_id in session.execute(rows)}


def _files(row: RowMapping) -> BackfillFiles:
    source: JsonMapping = row["source"].get("source") or {}
    return BackfillFiles(
        backfill_id=row["backfill_id"],
        state=row["state"],
        spool=row["spool"],
        error_file=row["error_file"],
        delimiter=source.get("delimiter", ","),
        header=tuple(source.get("header", ())),
        finished_at=row["finished_at"],
    )
