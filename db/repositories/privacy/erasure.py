"""Erasure: who is meant, their rows in every table, and what stays. The tables are those of `db.privacy`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, insert, select
from sqlalchemy.orm import Session

from db.base import Base, new_id
from db.data_subject import DataSubject, first_and_last_names, strip_country_code
from db.identity import email_key, phone_key
from db.models import Backfill, Erasure, Lead, LeadIdentity
from db.privacy import STORES
from db.records import BackfillFiles, ErasureRecord, ErasureResult, Json, LeadRecord
from db.repositories.leads import leads
from db.repositories.models import lineage
from db.repositories.privacy import erasure_stores, tombstones
from db.repositories.sql.locks import lock_tenant
from db.repositories.sql.statements import rowcount
from db.session import keyring_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureStart:
    """An erasure that begins, or goes on."""

    erasure_id: str
    subject: DataSubject
    #: whether nobody of these identities is taken in any more
    laid: bool
    #: of each id that was given, in that order: whether a lead has it, or the erasure that it went with before
    asked: tuple[RequestedIdentity, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedIdentity:
    """What stands behind one of the ids that were given."""

    there: bool
    #: the newest erasure that has ended and meant this id, where no lead has it now
    before: ErasureRecord | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonHashes:
    """Keyed hashes of a person."""

    #: of our own ids and the sources', by which the same erasure is found again
    leads: frozenset[bytes]
    #: by which imports are refused
    identities: frozenset[bytes]


_ERASURE = tuple(getattr(Erasure, column.name) for column in fields(ErasureRecord))
Identity = tuple[str | None, str]


def begin(
    session: Session,
    tenant_id: str,
    *,
    lead_id: str | None,
    identities: Sequence[Identity],
    lay: bool,
    now: datetime,
) -> ErasureStart:
    """Say who is meant and, with `lay`, take nobody of them in any more; one that was begun before is gone on with.

    Writers of the tenant wait for each other, so that two that begin at once begin the same.
    """
    lock_tenant(session, tenant_id)
    subject = find(session, tenant_id, lead_id=lead_id, identities=identities)
    known = subject.lead_ids and lay
    # Ended, and somebody of these ids is there again: they were let in, and this is another erasure.
    erasure_id = _broken_off(session, tenant_id, lead_id=lead_id, identities=identities) or new_id()
    asked = resolve_requested(session, tenant_id, lead_id=lead_id, identities=identities)
    if known:
        own = person_hashes(session, tenant_id, subject=subject)
        add_tombstones(session, tenant_id, erasure_id=erasure_id, door=own, now=now)
    return ErasureStart(erasure_id=erasure_id, subject=subject, laid=bool(known), asked=asked)


def resolve_requested(
    session: Session, tenant_id: str, *, lead_id: str | None, identities: Sequence[Identity]
) -> tuple[RequestedIdentity, ...]:
    """Say of each id by itself whether a lead has it, and which erasure it went with before."""
    own = [] if lead_id is None else [find(session, tenant_id, lead_id=lead_id, identities=()).lead_ids]
    there = [*own, *(_meant(session, tenant_id, system, external_id) for system, external_id in identities)]
    hashes = _hashes(session, tenant_id, lead_id=lead_id, identities=identities)
    return tuple(
        RequestedIdentity(there=bool(leads), before=None if leads else _ended(session, tenant_id, value))
        for leads, value in zip(there, hashes, strict=True)
    )


def refresh(session: Session, tenant_id: str, *, subject: DataSubject) -> DataSubject:
    """Return who is meant as of now, with what was known of them before; writers of the tenant wait from here on."""
    lock_tenant(session, tenant_id)
    now = for_leads(session, tenant_id, lead_ids=sorted(subject.lead_ids), identities=subject.identities)
    return replace(
        now, emails=now.emails | subject.emails, phones=now.phones | subject.phones, names=now.names | subject.names
    )


def find(session: Session, tenant_id: str, *, lead_id: str | None, identities: Sequence[Identity]) -> DataSubject:
    """Return all by which stores may name a person: the lead, or every lead that these ids mean; none: the ids alone."""
    lead_ids = {lead_id} if lead_id and leads.exists(session, tenant_id, lead_id=lead_id) else set()
    for system, external_id in identities:
        lead_ids |= _meant(session, tenant_id, system, external_id)
    return for_leads(session, tenant_id, lead_ids=sorted(lead_ids), identities=identities)


def for_leads(
    session: Session, tenant_id: str, *, lead_ids: Sequence[str], identities: Iterable[Identity] = ()
) -> DataSubject:
    """Return all by which stores may name these leads; those that are gone are left out."""
    there = session.scalars(select(Lead.lead_id).where(Lead.tenant_id == tenant_id, Lead.lead_id.in_(lead_ids)))
    records = leads.get(session, tenant_id, lead_ids=sorted(there))
    contacts = [record.contact for record in records]
    digits = ("".join(filter(str.isdecimal, contact.get("phone", ""))) for contact in contacts)
    return DataSubject(
        lead_ids=frozenset(record.lead_id for record in records),
        identities=frozenset({*_identities(session, tenant_id, records), *identities}),
        emails=frozenset(contact["email"].strip().lower() for contact in contacts if contact.get("email", "").strip()),
        phones=frozenset(strip_country_code(number) for number in digits if len(number) >= 7),
        names=frozenset(name for contact in contacts for name in first_and_last_names(contact)),
    )


def person_hashes(session: Session, tenant_id: str, *, subject: DataSubject) -> PersonHashes:
    """Return the hashes by which a person is known again; ask while their leads are there."""
    own = {tombstones.lead_hash(session, tenant_id, lead_id) for lead_id in subject.lead_ids}
    own |= {tombstones.identity_hash(session, tenant_id, "", external_id) for external_id in subject.external_ids}
    return PersonHashes(leads=frozenset(own), identities=frozenset(identity_hashes(session, tenant_id, subject)))


def add_tombstones(session: Session, tenant_id: str, *, erasure_id: str, door: PersonHashes, now: datetime) -> None:
    """Lay tombstones: from the commit on nobody of these identities is taken in, whatever waits in a queue."""
    lock_tenant(session, tenant_id)
    told = {"leads": door.leads, "identities": door.identities}
    tombstones.add(session, tenant_id, erasure_id=erasure_id, **told, now=now)


def identity_hashes(session: Session, tenant_id: str, subject: DataSubject) -> set[bytes]:
    """Return the hashes by which an import would know the person."""
    ring = keyring_of(session)
    found = {
        tombstones.identity_hash(session, tenant_id, system, external_id)
        for system, external_id in subject.identities
        if system is not None
    }
    contacts = [record.contact for record in leads.get(session, tenant_id, lead_ids=sorted(subject.lead_ids))]
    keys = [key for contact in contacts for key in (email_key(contact), phone_key(contact)) if key]
    return found | {ring.lookup(tenant_id, key) for key in keys}


def get(session: Session, tenant_id: str, *, erasure_id: str) -> ErasureRecord | None:
    """Return an erasure that has ended, or None."""
    wanted = select(*_ERASURE).where(Erasure.tenant_id == tenant_id, Erasure.erasure_id == erasure_id)
    row = session.execute(wanted).mappings().one_or_none()
    return None if row is None else ErasureRecord(**dict(row))


def erase(session: Session, tenant_id: str, *, subject: DataSubject, now: datetime) -> ErasureResult:
    """Delete or anonymise everything of a person, in every table; writers of the tenant wait meanwhile.

    The leads' rows go with their data keys. Counts are of rows, by table; the audit chain stays as it is.
    """
    lock_tenant(session, tenant_id)
    # Whoever writes of these leads now is waited for, and whoever comes later finds that they are gone.
    own = (Lead.tenant_id == tenant_id, Lead.lead_id.in_(sorted(subject.lead_ids)))
    session.execute(select(Lead.lead_id).where(*own).with_for_update())
    models = lineage.forget(session, tenant_id, lead_ids=subject.lead_ids, now=now)
    scrubbed = erasure_stores.scrub(session, tenant_id, subject=subject, now=now)
    deleted = {table.name: _delete(session, tenant_id, table, column, subject) for table, column in subject_tables()}
    stores = {**scrubbed.stores, "model_versions": len(models), "model_lineages": len(models)}
    for name, count in deleted.items():
        stores[name] = stores.get(name, 0) + count
    return ErasureResult(stores=dict(sorted(stores.items())), models=models, task_ids=scrubbed.task_ids)


def save(session: Session, tenant_id: str, *, record: ErasureRecord) -> None:
    """Keep that an erasure has ended, with what it came to."""
    own = {column.name: getattr(record, column.name) for column in fields(ErasureRecord)}
    session.execute(insert(Erasure), [{**own, "result": dict(record.result), "tenant_id": tenant_id}])


def backfill_files(session: Session, tenant_id: str, *, ended_before: datetime | None = None) -> list[BackfillFiles]:
    """Return where imports keep files: of all, or of those that ended before a moment."""
    wanted = select(
        Backfill.backfill_id,
        Backfill.state,
        Backfill.spool,
        Backfill.error_file,
        Backfill.source,
        Backfill.finished_at,
    ).where(Backfill.tenant_id == tenant_id)
    if ended_before is not None:
        wanted = wanted.where(Backfill.finished_at < ended_before)
    return [_place(row) for row in session.execute(wanted.order_by(Backfill.backfill_id)).mappings()]


def spool_paths(session: Session) -> set[str]:
    """Return the paths of all copies that imports of any tenant know of."""
    return set(session.scalars(select(Backfill.spool)))


def subject_tables() -> list[tuple[Table, str]]:
    """Return every table with a column that names a lead, children first, and that column."""
    subjects = {store.table: store.subject for store in STORES if store.subject}
    return [(table, str(subjects[table.name])) for table in reversed(_tables()) if table.name in subjects]


def _hashes(session: Session, tenant_id: str, *, lead_id: str | None, identities: Sequence[Identity]) -> list[bytes]:
    own = [] if lead_id is None else [tombstones.lead_hash(session, tenant_id, lead_id)]
    return own + [
        tombstones.identity_hash(session, tenant_id, system or "", external_id) for system, external_id in identities
    ]


def _broken_off(session: Session, tenant_id: str, *, lead_id: str | None, identities: Sequence[Identity]) -> str | None:
    """The newest erasure of any of these ids that was begun and has not ended."""
    hashes = _hashes(session, tenant_id, lead_id=lead_id, identities=identities)
    begun = tombstones.erasures(session, tenant_id, hashes=hashes)
    return next((name for name in reversed(begun) if get(session, tenant_id, erasure_id=name) is None), None)


def _ended(session: Session, tenant_id: str, value: bytes) -> ErasureRecord | None:
    """The newest erasure that has ended and laid this hash."""
    begun = tombstones.erasures(session, tenant_id, hashes=[value])
    records = (get(session, tenant_id, erasure_id=name) for name in reversed(begun))
    return next((record for record in records if record is not None), None)


def _tables() -> list[Table]:
    return Base.metadata.sorted_tables


def _delete(session: Session, tenant_id: str, table: Table, column: str, subject: DataSubject) -> int:
    own = (table.c.tenant_id == tenant_id, table.c[column].in_(sorted(subject.lead_ids)))
    return rowcount(session, delete(table).where(*own))


def _meant(session: Session, tenant_id: str, system: str | None, external_id: str) -> set[str]:
    wanted = select(LeadIdentity.lead_id).where(
        LeadIdentity.tenant_id == tenant_id, LeadIdentity.external_id == external_id.strip()
    )
    if system is not None:
        wanted = wanted.where(LeadIdentity.source_system == system)
    return set(session.scalars(wanted))


def _identities(session: Session, tenant_id: str, records: Sequence[LeadRecord]) -> set[Identity]:
    own = [record.lead_id for record in records]
    rows = select(LeadIdentity.source_system, LeadIdentity.external_id).where(
        LeadIdentity.tenant_id == tenant_id, LeadIdentity.lead_id.in_(own)
    )
    return {(system, external_id) for system, external_id in session.execute(rows)}


def _place(row: Any) -> BackfillFiles:
    told: Json = row["source"].get("source") or {}
    return BackfillFiles(
        backfill_id=row["backfill_id"],
        state=row["state"],
        spool=row["spool"],
        error_file=row["error_file"],
        delimiter=told.get("delimiter", ","),
        header=tuple(told.get("header", ())),
        finished_at=row["finished_at"],
    )
