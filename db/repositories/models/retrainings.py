"""Runs of retraining: challengers land one by one, a run of a kind runs alone, and it ends once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime

from sqlalchemy import RowMapping, func, insert, select, update
from sqlalchemy.orm import Session

from db.base import new_id
from db.errors import UnknownRetraining
from db.models import Retraining
from db.records import ChallengerRecord, RetrainingRecord
from db.repositories import tenants
from db.repositories.sql import rowcount, table_of
from db.session import lock_tenant
from domain.promotions import Promoting
from domain.retraining import LONGEST, Challenger, RetrainingCause, RetrainingState

_C = table_of(Retraining).c
_COLUMNS = tuple(_C[column.name] for column in fields(RetrainingRecord))


def start(
    session: Session,
    tenant_id: str,
    *,
    kind: str,
    cause: RetrainingCause,
    promote: Promoting,
    since: datetime,
    now: datetime,
) -> tuple[RetrainingRecord, bool]:
    """Start a run of a kind, or return the one that is running; True when it is new.

    A run whose time is over is closed first, so that a lost one does not hold up the next.

    Raises:
        UnknownTenant: not configured.

    """
    tenants.require(session, tenant_id)
    lock_tenant(session, tenant_id)
    before = running(session, tenant_id, kind=kind)
    if before is not None:
        if before.due_at > now:
            return before, False
        close_late(session, tenant_id, retraining_id=before.retraining_id, now=now)
    retraining_id = new_id()
    row = {
        "tenant_id": tenant_id,
        "retraining_id": retraining_id,
        "kind": kind,
        "cause": cause,
        "promote": promote,
        "as_of": now,
        "since": since,
        "state": "running",
        "challengers": {},
        "created_at": now,
        "due_at": now + LONGEST,
    }
    session.execute(insert(Retraining), [row])
    return require(session, tenant_id, retraining_id=retraining_id), True


def require(session: Session, tenant_id: str, *, retraining_id: str, lock: bool = False) -> RetrainingRecord:
    """Return a run; with `lock`, other writers of it wait until this transaction ends.

    Raises:
        UnknownRetraining: no such run of this tenant.

    """
    query = select(*_COLUMNS).where(_C.tenant_id == tenant_id, _C.retraining_id == retraining_id)
    row = session.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    if row is None:
        raise UnknownRetraining("unknown retraining; it belongs to another tenant, or never was")
    return _record(row)


def running(session: Session, tenant_id: str, *, kind: str) -> RetrainingRecord | None:
    """Return the run of a kind that has not ended, or None."""
    query = select(*_COLUMNS).where(_C.tenant_id == tenant_id, _C.kind == kind, _C.state == "running")
    row = session.execute(query).mappings().one_or_none()
    return None if row is None else _record(row)


def newest(session: Session, tenant_id: str, *, kind: str | None = None, limit: int = 20) -> list[RetrainingRecord]:
    """Return the newest runs, of one kind or of all, newest first."""
    query = select(*_COLUMNS).where(_C.tenant_id == tenant_id)
    if kind is not None:
        query = query.where(_C.kind == kind)
    rows = session.execute(query.order_by(_C.created_at.desc(), _C.retraining_id.desc()).limit(limit)).mappings()
    return [_record(row) for row in rows]


def expect(session: Session, tenant_id: str, *, retraining_id: str, challengers: Sequence[Challenger]) -> None:
    """Record which challengers a run trains; those that have landed stay as they are."""
    run = require(session, tenant_id, retraining_id=retraining_id, lock=True)
    pending = {name: ChallengerRecord(state="pending") for name in challengers}
    _store(session, tenant_id, retraining_id, {**pending, **run.challengers})


def land(
    session: Session, tenant_id: str, *, retraining_id: str, challenger: Challenger, record: ChallengerRecord
) -> bool:
    """Record how a challenger ended; the first end stays, and False is returned where the run has ended."""
    run = require(session, tenant_id, retraining_id=retraining_id, lock=True)
    if run.state != "running":
        return False
    before = run.challengers.get(challenger)
    if before is None or before.state == "pending":
        _store(session, tenant_id, retraining_id, {**run.challengers, challenger: record})
    return True


def choose(session: Session, tenant_id: str, *, retraining_id: str, version: str | None, reason: str) -> None:
    """Record which challenger is judged, or why none is."""
    running_run = _running(tenant_id, retraining_id)
    _set(session, running_run, {"version": version, "reason": reason})


def end(
    session: Session, tenant_id: str, *, retraining_id: str, state: RetrainingState, reason: str, now: datetime
) -> bool:
    """End a running run; False when it has ended."""
    return _set(session, _running(tenant_id, retraining_id), {"state": state, "reason": reason, "ended_at": now})


def close_late(session: Session, tenant_id: str, *, retraining_id: str, now: datetime) -> bool:
    """End a running run whose time is over; the champion stays."""
    reason = "its time was over before every stage had landed; the champion stays"
    return end(session, tenant_id, retraining_id=retraining_id, state="late", reason=reason, now=now)


def last_begun(session: Session) -> dict[tuple[str, str], datetime]:
    """Return when the newest run of each tenant and kind began, of all tenants."""
    query = select(_C.tenant_id, _C.kind, func.max(_C.created_at)).group_by(_C.tenant_id, _C.kind)
    return {(tenant_id, kind): begun for tenant_id, kind, begun in session.execute(query)}


def overdue(session: Session, *, now: datetime, limit: int) -> list[tuple[str, str]]:
    """Return tenant and id of the runs of all tenants whose time is over."""
    query = select(_C.tenant_id, _C.retraining_id).where(_C.state == "running", _C.due_at <= now)
    return [(row.tenant_id, row.retraining_id) for row in session.execute(query.order_by(_C.due_at).limit(limit))]


def _store(
    session: Session, tenant_id: str, retraining_id: str, challengers: Mapping[Challenger, ChallengerRecord]
) -> None:
    stored = {name: asdict(record) for name, record in challengers.items()}
    _set(session, _running(tenant_id, retraining_id), {"challengers": stored})


def _running(tenant_id: str, retraining_id: str) -> tuple[object, ...]:
    return (
        Retraining.tenant_id == tenant_id,
        Retraining.retraining_id == retraining_id,
        Retraining.state == "running",
    )


def _set(session: Session, run: tuple[object, ...], values: Mapping[str, object]) -> bool:
    statement = update(Retraining).where(*run).values(**values)  # type: ignore[arg-type]  # columns compared
    return rowcount(session, statement.execution_options(synchronize_session=False)) > 0


def _record(row: RowMapping) -> RetrainingRecord:
    challengers = {name: ChallengerRecord.from_json(stored) for name, stored in row["challengers"].items()}
    return RetrainingRecord(**{**row, "challengers": challengers})
