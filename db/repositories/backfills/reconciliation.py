"""Reconcile a file with the store: which leads are missing, changed or deleted.

The rows exist only while the import runs: `backfills.finish` deletes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from db.models import ComparedRow, Lead, LeadIdentity, RejectedEntry
from db.records import ComparedLead
from db.repositories.leads import archives
from db.repositories.leads.archives import ARCHIVED
from db.repositories.privacy.tombstones import FORGOTTEN
from db.repositories.sql import insert_new
from db.session import lock_tenant

_COLUMNS = tuple(field.name for field in fields(ComparedLead))
_STREAM = 500
#: leads compared in one statement
_RUN = 2_000


def save(session: Session, tenant_id: str, *, backfill_id: str, rows: Iterable[ComparedLead]) -> None:
    """Store the comparison of a file's rows; of several rows of one lead the first counts."""
    compared = [
        {
            **asdict(row),
            "tenant_id": tenant_id,
            "backfill_id": backfill_id,
            "key": _key(row),
            "columns": list(row.columns),
        }
        for row in rows
    ]
    # Concurrent chunks insert keys in one order, so that they cannot deadlock.
    insert_new(session, ComparedRow, sorted(compared, key=lambda row: str(row["key"])))


def find_deleted(
    session: Session,
    tenant_id: str,
    *,
    backfill_id: str,
    systems: Sequence[str],
    stored_before: datetime,
    created_before: datetime,
) -> None:
    """Record as deleted the leads of these systems that no row names and that are not archived.

    A lead stored at or after `stored_before`, or created at its source after `created_before`, is newer than the file.
    """
    of_lead = (LeadIdentity.tenant_id == Lead.tenant_id, LeadIdentity.lead_id == Lead.lead_id)
    has_identity = select(LeadIdentity.lead_id).where(*of_lead, LeadIdentity.source_system.in_(systems))
    query = select(Lead.lead_id, Lead.source_system).where(
        Lead.tenant_id == tenant_id,
        Lead.status != ARCHIVED,
        Lead.stored_at < stored_before,
        or_(Lead.created_at.is_(None), Lead.created_at <= created_before),
        or_(Lead.source_system.in_(systems), has_identity.exists()),
    )
    after = ""
    # In runs: one statement over all leads may exceed the statement timeout, and is planned badly where much is new.
    while run := session.execute(query.where(Lead.lead_id > after).order_by(Lead.lead_id).limit(_RUN)).all():
        after = run[-1][0]
        in_file = _in_file(session, tenant_id, backfill_id, [lead_id for lead_id, _ in run])
        missing = {lead_id: system for lead_id, system in run if lead_id not in in_file}
        rows = _deleted(session, tenant_id, missing, systems)
        save(session, tenant_id, backfill_id=backfill_id, rows=rows)


def counts(session: Session, tenant_id: str, *, backfill_id: str) -> dict[str, int]:
    """Count the leads that are missing, changed, deleted and unchanged."""
    counted = select(ComparedRow.what, func.count().label("number")).where(*_rows(tenant_id, backfill_id))
    numbers = {row.what: row.number for row in session.execute(counted.group_by(ComparedRow.what))}
    return {what: numbers.get(what, 0) for what in ("missing", "changed", "deleted", "unchanged")}


def differences(session: Session, tenant_id: str, *, backfill_id: str) -> Iterator[ComparedLead]:
    """Stream all leads but the unchanged: rows of the file by line, then deleted leads; the session stays open."""
    columns = tuple(getattr(ComparedRow, name) for name in _COLUMNS)
    query = select(*columns).where(*_rows(tenant_id, backfill_id), ComparedRow.what != "unchanged")
    ordered = query.order_by(ComparedRow.what == "deleted", ComparedRow.line, ComparedRow.external_id, ComparedRow.key)
    for row in session.execute(ordered.execution_options(yield_per=_STREAM)).mappings():
        yield ComparedLead(**{**row, "columns": tuple(row["columns"])})


def any_rejected(session: Session, tenant_id: str, *, backfill_id: str) -> bool:
    """Return whether rows of the import were rejected, other than those of erased people, who are not stored anyway."""
    of_import = (RejectedEntry.tenant_id == tenant_id, RejectedEntry.backfill_id == backfill_id)
    errors = (RejectedEntry.severity == "error", RejectedEntry.code != FORGOTTEN)
    return session.execute(select(RejectedEntry.number).where(*of_import, *errors).limit(1)).first() is not None


def archive(session: Session, tenant_id: str, *, backfill_id: str, at: datetime | None = None) -> int:
    """Archive the deleted leads that no other system knows; return their number. It locks the tenant."""
    lock_tenant(session, tenant_id)
    count, after = 0, ""
    deleted = select(ComparedRow.key, ComparedRow.source_system).where(
        *_rows(tenant_id, backfill_id), ComparedRow.what == "deleted"
    )
    while run := session.execute(deleted.where(ComparedRow.key > after).order_by(ComparedRow.key).limit(_RUN)).all():
        after = run[-1][0]
        lead_ids = _known_once(session, tenant_id, {row.key: row.source_system for row in run})
        count += len(archives.archive(session, tenant_id, lead_ids=lead_ids, at=at))
    return count


def _known_once(session: Session, tenant_id: str, systems: Mapping[str, str]) -> list[str]:
    """Return the leads that are not archived and have no id of another system than the one that deleted them."""
    stored = select(Lead.lead_id).where(
        Lead.tenant_id == tenant_id, Lead.lead_id.in_(list(systems)), Lead.status != ARCHIVED
    )
    lead_ids = session.scalars(stored.order_by(Lead.lead_id).with_for_update()).all()
    ids = select(LeadIdentity.lead_id, LeadIdentity.source_system).where(
        LeadIdentity.tenant_id == tenant_id, LeadIdentity.lead_id.in_(list(systems))
    )
    elsewhere = {lead_id for lead_id, system in session.execute(ids) if system != systems[lead_id]}
    return [lead_id for lead_id in lead_ids if lead_id not in elsewhere]


def _in_file(session: Session, tenant_id: str, backfill_id: str, lead_ids: Sequence[str]) -> set[str]:
    keys = select(ComparedRow.key).where(*_rows(tenant_id, backfill_id), ComparedRow.key.in_(lead_ids))
    return set(session.scalars(keys))


def _deleted(
    session: Session, tenant_id: str, missing: Mapping[str, str], systems: Sequence[str]
) -> list[ComparedLead]:
    """Return deleted leads with the id by which one of the systems knows them; without one, with their own system."""
    ids = select(LeadIdentity.lead_id, LeadIdentity.source_system, LeadIdentity.external_id).where(
        LeadIdentity.tenant_id == tenant_id,
        LeadIdentity.lead_id.in_(list(missing)),
        LeadIdentity.source_system.in_(systems),
    )
    first_ids: dict[str, tuple[str, str]] = {}
    for lead_id, system, external_id in session.execute(ids):
        first_ids[lead_id] = min(first_ids.get(lead_id, (system, external_id)), (system, external_id))
    identities: dict[str, tuple[str, str | None]] = {
        lead_id: first_ids.get(lead_id, (system, None)) for lead_id, system in missing.items()
    }
    return [
        ComparedLead(what="deleted", lead_id=lead_id, source_system=system, external_id=external_id, line=None)
        for lead_id, (system, external_id) in identities.items()
    ]


def _rows(tenant_id: str, backfill_id: str) -> tuple[ColumnElement[bool], ...]:
    return (ComparedRow.tenant_id == tenant_id, ComparedRow.backfill_id == backfill_id)


def _key(row: ComparedLead) -> str:
    file_key = f"{row.source_system}:{row.external_id}" if row.external_id else f"line:{row.line}"
    return row.lead_id or file_key
