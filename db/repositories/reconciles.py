"""A file compared with what is stored: who is missing, changed or deleted, and leads that leave and come back.

The rows stand only while the import runs: `backfills.finish` removes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select, update
from sqlalchemy.orm import Session

from db.base import JsonType
from db.models import ComparedRow, Lead, LeadIdentity, RejectedEntry
from db.records import Compared
from db.repositories.statements import in_batches, insert_new, lock_tenant, upsert
from db.repositories.tombstones import FORGOTTEN

#: status of a lead that its source has deleted: nobody is to call it, and its label stays
ARCHIVED = "archived"
_COLUMNS = tuple(field.name for field in fields(Compared))
_STATUS = {True: "won", False: "lost", None: "open"}
_STREAM = 500
_UNIQUE_KEY: tuple[str, ...] = ("tenant_id", "backfill_id", "key")


def note(session: Session, tenant_id: str, *, backfill_id: str, rows: Iterable[Compared]) -> None:
    """Keep what became of a file's rows; who was met before keeps what the first row said."""
    own = {"tenant_id": tenant_id, "backfill_id": backfill_id}
    told = [{**own, "key": _key(row), **asdict(row), "columns": list(row.columns)} for row in rows]
    # Chunks that run at once take keys in one order, so that none waits for another in a ring.
    insert_new(session, ComparedRow, sorted(told, key=lambda row: str(row["key"])))


def restore(session: Session, tenant_id: str, *, lead_ids: Sequence[str]) -> set[str]:
    """Bring archived leads among these back, each as its label says; gives their ids."""
    back: set[str] = set()
    for batch in in_batches(lead_ids):
        own = (Lead.tenant_id == tenant_id, Lead.lead_id.in_(batch), Lead.status == ARCHIVED)
        rows = session.execute(select(Lead.lead_id, Lead.label).where(*own)).all()
        back |= _set_status(session, tenant_id, {lead_id: _STATUS[label] for lead_id, label in rows})
    return back


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
    own_system = Lead.source_system.in_(systems)
    known = _ids_of_lead().where(LeadIdentity.source_system.in_(systems))
    met = select(ComparedRow.key).where(*_rows(tenant_id, backfill_id), ComparedRow.key == Lead.lead_id)
    of_system = known.with_only_columns(func.min(LeadIdentity.source_system)).scalar_subquery()
    of_id = known.with_only_columns(func.min(LeadIdentity.external_id)).scalar_subquery()
    unmet = select(
        literal(tenant_id),
        literal(backfill_id),
        Lead.lead_id,
        literal("deleted"),
        Lead.lead_id,
        case((own_system, Lead.source_system), else_=of_system),
        case((own_system, Lead.external_id), else_=of_id),
        literal([], JsonType),
    ).where(
        Lead.tenant_id == tenant_id,
        Lead.status != ARCHIVED,
        Lead.stored_at < stored_before,
        or_(Lead.created_at.is_(None), Lead.created_at <= created_before),
        or_(own_system, known.exists()),
        ~met.exists(),
    )
    names = [*_UNIQUE_KEY, "what", "lead_id", "source_system", "external_id", "columns"]
    session.execute(upsert(session, ComparedRow).from_select(names, unmet).on_conflict_do_nothing())


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


def archive(session: Session, tenant_id: str, *, backfill_id: str) -> int:
    """Archive the deleted leads that no other system knows; gives their number. Writers of the tenant wait."""
    lock_tenant(session, tenant_id)
    count, after = 0, ""
    while batch := _to_archive(session, tenant_id, backfill_id, after):
        count += len(_set_status(session, tenant_id, dict.fromkeys(batch, ARCHIVED)))
        after = batch[-1]
    return count


def _to_archive(session: Session, tenant_id: str, backfill_id: str, after: str) -> list[str]:
    gone = and_(*_rows(tenant_id, backfill_id), ComparedRow.what == "deleted", ComparedRow.key == Lead.lead_id)
    elsewhere = _ids_of_lead().where(LeadIdentity.source_system != ComparedRow.source_system)
    wanted = select(Lead.lead_id).join(ComparedRow, gone).where(Lead.tenant_id == tenant_id, Lead.status != ARCHIVED)
    ordered = wanted.where(Lead.lead_id > after, ~elsewhere.exists()).order_by(Lead.lead_id).limit(_STREAM)
    return list(session.scalars(ordered.with_for_update(of=Lead)))


def _set_status(session: Session, tenant_id: str, statuses: Mapping[str, str]) -> set[str]:
    own = (Lead.tenant_id == tenant_id, Lead.lead_id.in_(list(statuses)))
    rows = session.execute(select(Lead.lead_id, Lead.fields, Lead.version).where(*own).with_for_update()).all()
    news: list[dict[str, Any]] = [
        {
            "tenant_id": tenant_id,
            "lead_id": lead_id,
            "status": statuses[lead_id],
            "fields": {**known, "opportunity_status": statuses[lead_id]},
            "version": version + 1,
        }
        for lead_id, known, version in rows
    ]
    if news:
        session.execute(update(Lead), news)
    return {row["lead_id"] for row in news}


def _ids_of_lead() -> Any:
    return (
        select(LeadIdentity.external_id)
        .where(LeadIdentity.tenant_id == Lead.tenant_id, LeadIdentity.lead_id == Lead.lead_id)
        .correlate(Lead, ComparedRow)
    )


def _rows(tenant_id: str, backfill_id: str) -> tuple[ColumnElement[bool], ...]:
    return (ComparedRow.tenant_id == tenant_id, ComparedRow.backfill_id == backfill_id)


def _key(row: Compared) -> str:
    named = f"{row.source_system}:{row.external_id}" if row.external_id else f"line:{row.line}"
    return row.lead_id or named
