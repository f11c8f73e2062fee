"""A file compared with what is stored: who is missing, changed or deleted.

The rows stand only while the import runs: `backfills.finish` removes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from db.models import ComparedRow, Lead, LeadIdentity, RejectedEntry
from db.records import Compared
from db.repositories.leads import archives
from db.repositories.leads.archives import ARCHIVED
from db.repositories.privacy.tombstones import FORGOTTEN
from db.repositories.sql.clauses import insert_new, lock_tenant

_COLUMNS = tuple(field.name for field in fields(Compared))
_STREAM = 500
#: leads looked at in one statement
_RUN = 2_000


def note(session: Session, tenant_id: str, *, backfill_id: str, rows: Iterable[Compared]) -> None:
    """Keep what became of a file's rows; who was met before keeps what the first row said."""
    own = {"tenant_id": tenant_id, "backfill_id": backfill_id}
    told = [{**own, "key": _key(row), **asdict(row), "columns": list(row.columns)} for row in rows]
    # Chunks that run at once take keys in one order, so that none waits for another in a ring.
    insert_new(session, ComparedRow, sorted(told, key=lambda row: str(row["key"])))


def find_deleted(
    session: Session,
    tenant_id: str,
    *,
    backfill_id: str,
    systems: Sequence[str],
    stored_before: datetime,
    created_before: datetime,
) -> None:
    """Note leads of these systems that no row has met, but those already archived.

    A lead that was stored since `stored_before`, or made at its source after `created_before`, is newer than the file.
    """
    of_lead = (LeadIdentity.tenant_id == Lead.tenant_id, LeadIdentity.lead_id == Lead.lead_id)
    known = select(LeadIdentity.lead_id).where(*of_lead, LeadIdentity.source_system.in_(systems))
    wanted = select(Lead.lead_id, Lead.source_system).where(
        Lead.tenant_id == tenant_id,
        Lead.status != ARCHIVED,
        Lead.stored_at < stored_before,
        or_(Lead.created_at.is_(None), Lead.created_at <= created_before),
        or_(Lead.source_system.in_(systems), known.exists()),
    )
    after = ""
    # In runs: one statement over all leads may run into the time limit, and is planned badly where much is new.
    while found := session.execute(wanted.where(Lead.lead_id > after).order_by(Lead.lead_id).limit(_RUN)).all():
        after = found[-1][0]
        met = _met(session, tenant_id, backfill_id, [lead_id for lead_id, _ in found])
        gone = {lead_id: system for lead_id, system in found if lead_id not in met}
        rows = _deleted(session, tenant_id, gone, systems)
        note(session, tenant_id, backfill_id=backfill_id, rows=rows)


def counts(session: Session, tenant_id: str, *, backfill_id: str) -> dict[str, int]:
    """Give how many leads are missing, changed, deleted and unchanged."""
    own = select(ComparedRow.what, func.count().label("number")).where(*_rows(tenant_id, backfill_id))
    found = {row.what: row.number for row in session.execute(own.group_by(ComparedRow.what))}
    return {what: found.get(what, 0) for what in ("missing", "changed", "deleted", "unchanged")}


def differing(session: Session, tenant_id: str, *, backfill_id: str) -> Iterator[Compared]:
    """Stream all but the unchanged: rows of the file by line, then the deleted; the session stays open meanwhile."""
    columns = tuple(getattr(ComparedRow, name) for name in _COLUMNS)
    wanted = select(*columns).where(*_rows(tenant_id, backfill_id), ComparedRow.what != "unchanged")
    ordered = wanted.order_by(ComparedRow.what == "deleted", ComparedRow.line, ComparedRow.external_id, ComparedRow.key)
    for row in session.execute(ordered.execution_options(yield_per=_STREAM)).mappings():
        yield Compared(**{**row, "columns": tuple(row["columns"])})


def any_rejected(session: Session, tenant_id: str, *, backfill_id: str) -> bool:
    """Whether rows of the import were not taken, other than those of forgotten people, who are not stored."""
    own = (RejectedEntry.tenant_id == tenant_id, RejectedEntry.backfill_id == backfill_id)
    refused = (RejectedEntry.severity == "error", RejectedEntry.code != FORGOTTEN)
    return session.execute(select(RejectedEntry.number).where(*own, *refused).limit(1)).first() is not None


def archive(session: Session, tenant_id: str, *, backfill_id: str, at: datetime | None = None) -> int:
    """Archive the deleted leads that no other system knows; gives their number. Writers of the tenant wait."""
    lock_tenant(session, tenant_id)
    count, after = 0, ""
    deleted = select(ComparedRow.key, ComparedRow.source_system).where(
        *_rows(tenant_id, backfill_id), ComparedRow.what == "deleted"
    )
    while found := session.execute(deleted.where(ComparedRow.key > after).order_by(ComparedRow.key).limit(_RUN)).all():
        after = found[-1][0]
        alone = _known_once(session, tenant_id, {row.key: row.source_system for row in found})
        count += len(archives.archive(session, tenant_id, lead_ids=alone, at=at))
    return count


def _known_once(session: Session, tenant_id: str, systems: Mapping[str, str]) -> list[str]:
    """The leads that are not archived and have no id of another system than the one that deleted them."""
    own = (Lead.tenant_id == tenant_id, Lead.lead_id.in_(list(systems)), Lead.status != ARCHIVED)
    there = session.scalars(select(Lead.lead_id).where(*own).order_by(Lead.lead_id).with_for_update()).all()
    ids = select(LeadIdentity.lead_id, LeadIdentity.source_system).where(
        LeadIdentity.tenant_id == tenant_id, LeadIdentity.lead_id.in_(list(systems))
    )
    elsewhere = {lead_id for lead_id, system in session.execute(ids) if system != systems[lead_id]}
    return [lead_id for lead_id in there if lead_id not in elsewhere]


def _met(session: Session, tenant_id: str, backfill_id: str, lead_ids: Sequence[str]) -> set[str]:
    keys = select(ComparedRow.key).where(*_rows(tenant_id, backfill_id), ComparedRow.key.in_(lead_ids))
    return set(session.scalars(keys))


def _deleted(session: Session, tenant_id: str, own: Mapping[str, str], systems: Sequence[str]) -> list[Compared]:
    """Leads under the id by which one of the systems knows them; without one, under their own system."""
    ids = select(LeadIdentity.lead_id, LeadIdentity.source_system, LeadIdentity.external_id).where(
        LeadIdentity.tenant_id == tenant_id,
        LeadIdentity.lead_id.in_(list(own)),
        LeadIdentity.source_system.in_(systems),
    )
    named: dict[str, tuple[str, str]] = {}
    for lead_id, system, external_id in session.execute(ids):
        named[lead_id] = min(named.get(lead_id, (system, external_id)), (system, external_id))
    told: dict[str, tuple[str, str | None]] = {
        lead_id: named.get(lead_id, (system, None)) for lead_id, system in own.items()
    }
    return [
        Compared(what="deleted", lead_id=lead_id, source_system=system, external_id=external_id, line=None)
        for lead_id, (system, external_id) in told.items()
    ]


def _rows(tenant_id: str, backfill_id: str) -> tuple[ColumnElement[bool], ...]:
    return (ComparedRow.tenant_id == tenant_id, ComparedRow.backfill_id == backfill_id)


def _key(row: Compared) -> str:
    named = f"{row.source_system}:{row.external_id}" if row.external_id else f"line:{row.line}"
    return row.lead_id or named
