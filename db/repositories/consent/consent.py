"""The consent ledger: statements about contacting leads, entry by entry, and their view on the lead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db import consent as rules
from db.base import NewRow, new_id
from db.models import ConsentEntry, ConsentReading, Lead, Tenant
from db.records import ConsentReadingRecord, ConsentRecord, ConsentStatement
from db.repositories import sql
from db.repositories.consent import consent_mapper
from db.repositories.leads import lead_mapper, leads
from domain.channels import ConsentChannel
from domain.documents import JsonObject


def for_lead(session: Session, tenant_id: str, *, lead_id: str) -> list[ConsentRecord]:
    """Return the entries of a lead, oldest first, with the words decrypted.

    Raises:
        UnknownLead: there is none of this id.

    """
    key = leads.data_keys(session, tenant_id, lead_ids=[lead_id])[lead_id]
    entries = select(ConsentEntry.__table__).where(ConsentEntry.tenant_id == tenant_id, ConsentEntry.lead_id == lead_id)
    rows = session.execute(entries.order_by(ConsentEntry.recorded_at, ConsentEntry.entry_id))
    return [consent_mapper.to_record(row, key) for row in rows.mappings()]


def leads_with_entries(session: Session, tenant_id: str, *, lead_ids: Sequence[str]) -> set[str]:
    """Return those of some leads that have entries."""
    conditions = (ConsentEntry.tenant_id == tenant_id, sql.column_in(session, ConsentEntry.lead_id, lead_ids))
    return set(session.scalars(select(ConsentEntry.lead_id).where(*conditions).distinct()))


def record(
    session: Session,
    tenant_id: str,
    *,
    statements: Mapping[str, Sequence[ConsentStatement]],
    source: str,
    now: datetime,
) -> dict[str, tuple[ConsentStatement, ...]]:
    """Record statements about stored leads and update their views; return the new statements, by lead.

    Raises:
        UnknownLead: some leads do not exist.

    """
    by_lead = {lead_id: tuple(group) for lead_id, group in statements.items() if group}
    keys = leads.data_keys(session, tenant_id, lead_ids=list(by_lead))
    stored_ids = consent_mapper.stored_entry_ids(session, tenant_id, lead_ids=list(by_lead), key_of=keys.__getitem__)
    rows: list[NewRow] = []
    new: dict[str, tuple[ConsentStatement, ...]] = {}
    for lead_id, group in by_lead.items():
        entries = [(entry.id_of(lead_id, source), entry) for entry in rules.entries(group)]
        new_entries = [(entry_id, entry) for entry_id, entry in entries if entry_id not in stored_ids]
        rows += [
            consent_mapper.to_row(
                entry,
                key=keys[lead_id],
                tenant_id=tenant_id,
                entry_id=entry_id,
                lead_id=lead_id,
                source=source,
                now=now,
                import_ref=None,
            )
            for entry_id, entry in new_entries
        ]
        new[lead_id] = tuple(statement for _, entry in new_entries for statement in entry.statements)
    sql.insert_many(session, ConsentEntry, rows)
    _update_views(session, tenant_id, new, now)
    return {lead_id: group for lead_id, group in new.items() if group}


def _update_views(
    session: Session, tenant_id: str, new: Mapping[str, Sequence[ConsentStatement]], now: datetime
) -> None:
    conditions = (Lead.tenant_id == tenant_id, Lead.lead_id.in_([lead_id for lead_id, group in new.items() if group]))
    stored = session.execute(
        select(Lead.lead_id, Lead.consent, Lead.version).where(*conditions).with_for_update()
    ).all()
    for lead_id, consent, version in stored:
        before = lead_mapper.parse_times(consent)
        after = rules.view(new[lead_id], before)
        if after != before:
            values = {
                "consent": lead_mapper.format_times(after),
                "contactable": rules.contactable(after),
                "doubt_at": min(rules.doubts(after).values(), default=None),
                "version": version + 1,
                "changed_at": now,
            }
            row = (Lead.tenant_id == tenant_id, Lead.lead_id == lead_id)
            session.execute(update(Lead).where(*row).values(values), execution_options={"synchronize_session": False})


def decide(
    session: Session, tenant_id: str, *, lead_id: str, statements: Sequence[ConsentStatement], now: datetime
) -> JsonObject:
    """Record a person's decision about a lead's doubts; return the resulting view.

    Each decision is an entry of its own, even when the same decision is repeated.
    """
    key = leads.data_keys(session, tenant_id, lead_ids=[lead_id])[lead_id]
    rows = [
        consent_mapper.to_row(
            entry,
            key=key,
            tenant_id=tenant_id,
            entry_id=new_id(),
            lead_id=lead_id,
            source="person",
            now=now,
            import_ref=None,
        )
        for entry in rules.entries(tuple(statements))
    ]
    sql.insert_many(session, ConsentEntry, rows)
    _update_views(session, tenant_id, {lead_id: statements}, now)
    view = select(Lead.consent).where(Lead.tenant_id == tenant_id, Lead.lead_id == lead_id)
    return lead_mapper.parse_times(session.execute(view).scalar_one())


def in_doubt(
    session: Session, tenant_id: str, *, assigned_to: str | None = None, limit: int
) -> list[tuple[str, tuple[str, str] | None, str | None, dict[ConsentChannel, datetime]]]:
    """Return leads that wait for a person's decision.

    Of each: our id, its source system and id there (None without one), assigned agent, channels with the time of doubt.
    """
    query = select(Lead.lead_id, Lead.source_system, Lead.external_id, Lead.assigned_to, Lead.consent).where(
        Lead.tenant_id == tenant_id, Lead.contactable.is_(True), Lead.doubt_at.is_not(None)
    )
    if assigned_to is not None:
        query = query.where(Lead.assigned_to == assigned_to)
    rows = session.execute(query.order_by(Lead.doubt_at, Lead.lead_id).limit(limit))
    return [
        (
            row.lead_id,
            (row.source_system, row.external_id) if row.external_id else None,
            row.assigned_to,
            rules.doubts(lead_mapper.parse_times(row.consent)),
        )
        for row in rows
    ]


def start_reading(session: Session, tenant_id: str, *, version: str, now: datetime) -> ConsentReadingRecord:
    """Return the progress of a version of the readers through a tenant's stored leads; start it where there is none."""
    row = session.get(ConsentReading, (tenant_id, version), with_for_update=True)
    if row is None:
        row = ConsentReading(
            tenant_id=tenant_id, version=version, cursor="", leads=0, refused=0, doubtful=0, started_at=now
        )
        session.add(row)
        session.flush()
    return _reading(row)


def save_reading(session: Session, tenant_id: str, *, reading: ConsentReadingRecord) -> None:
    """Store the progress, in the transaction of the refusals that were found."""
    row = session.get_one(ConsentReading, (tenant_id, reading.version))
    for name in ("cursor", "leads", "refused", "doubtful", "finished_at"):
        setattr(row, name, getattr(reading, name))
    session.flush()


def tenants_to_read(session: Session, *, version: str, limit: int) -> list[str]:
    """Return tenants whose stored leads a version of the readers has not read completely."""
    done = select(ConsentReading.tenant_id).where(
        ConsentReading.version == version, ConsentReading.finished_at.is_not(None)
    )
    query = select(Tenant.tenant_id).where(Tenant.tenant_id.not_in(done)).order_by(Tenant.tenant_id)
    return list(session.scalars(query.limit(limit)))


def readings(session: Session, tenant_id: str) -> list[ConsentReadingRecord]:
    """Return all readings of a tenant's leads, newest last."""
    query = select(ConsentReading).where(ConsentReading.tenant_id == tenant_id)
    return [_reading(row) for row in session.scalars(query.order_by(ConsentReading.started_at))]


def _reading(row: ConsentReading) -> ConsentReadingRecord:
    return ConsentReadingRecord(**{field.name: getattr(row, field.name) for field in fields(ConsentReadingRecord)})
