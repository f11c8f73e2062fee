"""Folds of trials under leases with a fence: one worker does a fold at a time, and it is done once.

Times are the database's. The fence is the number of attempts: a result under an older one is not taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, or_, select, tuple_, update
from sqlalchemy.orm import Session, aliased

from db.models import TuningFold, TuningStudy
from db.records import FoldKey, FoldRecord
from db.repositories.sql import rowcount
from db.session import database_time

#: seconds for which a fold that was enqueued later must be done before another that was not begun counts as lost
OVERTAKEN = 3.0

_FOLD = tuple(getattr(TuningFold, column.name) for column in fields(FoldRecord))


def lease(session: Session, tenant_id: str, key: FoldKey, *, holder: str, seconds: float) -> FoldRecord | None:
    """Lease a pending fold and count the attempt; None when it is not pending or another holds it.

    The holder of a lease gets it again, since its message comes again only after its process has died.
    """
    now = database_time(session)
    free = or_(TuningFold.leased_until.is_(None), TuningFold.leased_until <= now, TuningFold.holder == holder)
    pending = (*_this(tenant_id, key), TuningFold.state == "pending", free)
    until = now + timedelta(seconds=seconds)
    leased = (
        update(TuningFold)
        .where(*pending)
        .values(attempts=TuningFold.attempts + 1, holder=holder, leased_until=until)
        .returning(*_FOLD)
    )
    row = session.execute(leased.execution_options(synchronize_session=False)).mappings().one_or_none()
    return None if row is None else FoldRecord(**row)


def renew(session: Session, tenant_id: str, key: FoldKey, *, fence: int, seconds: float) -> bool:
    """Extend a lease to some seconds from now; False when another took it over."""
    held = _held(tenant_id, key, fence)
    return _set(session, held, leased_until=database_time(session, ahead=seconds)) == 1


def release(session: Session, tenant_id: str, key: FoldKey, *, fence: int) -> None:
    """Give a lease back, where the work ended without a result and is to be done again."""
    _set(session, _held(tenant_id, key, fence), leased_until=None, holder=None)


def finish(
    session: Session,
    tenant_id: str,
    key: FoldKey,
    *,
    fence: int,
    loss: float,
    auc: float | None,
    rows: int,
    seconds: float,
) -> bool:
    """Store the result of a fold; False when another took its lease over, whose result counts."""
    held, ended_at = _held(tenant_id, key, fence), database_time(session)
    result = {"loss": loss, "auc": auc, "rows": rows, "seconds": seconds}
    return _set(session, held, state="done", leased_until=None, ended_at=ended_at, **result) == 1


def fail(session: Session, tenant_id: str, key: FoldKey, *, error: str) -> None:
    """End a pending fold for good, with the name of its error."""
    pending = (*_this(tenant_id, key), TuningFold.state == "pending")
    _set(session, pending, state="failed", error=error, leased_until=None, ended_at=database_time(session))


def cut(session: Session, tenant_id: str, *, study_id: str) -> None:
    """End the pending folds of a study that ends before them."""
    pending = (TuningFold.tenant_id == tenant_id, TuningFold.study_id == study_id, TuningFold.state == "pending")
    _set(session, pending, state="cut", leased_until=None, ended_at=database_time(session))


def stalled(
    session: Session, *, older_than: float, limit: int, study: tuple[str, str] | None = None
) -> list[tuple[str, str, int, int]]:
    """Return (tenant, study, trial, fold) of pending folds whose message was lost: of all studies, or of one.

    Those whose lease ran out; those never begun though a fold that was enqueued later is done, which a worker took and
    lost; and those enqueued more than `older_than` seconds ago. Rows that another transaction works on are left out;
    tell them `mark_enqueued` in the same transaction.
    """
    now = database_time(session)
    waits = TuningFold.leased_until.is_(None)
    old = TuningFold.enqueued_at <= now - timedelta(seconds=older_than)
    lost = or_(TuningFold.leased_until <= now, and_(waits, or_(old, _overtaken(now - timedelta(seconds=OVERTAKEN)))))
    query = (
        select(TuningFold.tenant_id, TuningFold.study_id, TuningFold.trial, TuningFold.fold)
        .join(TuningStudy, _same_study())
        .where(TuningStudy.state == "searching", TuningStudy.stop.is_(None), TuningStudy.deadline > now)
        .where(TuningFold.state == "pending", lost)
        .order_by(TuningFold.enqueued_at, TuningFold.study_id, TuningFold.trial, TuningFold.fold)
    )
    if study is not None:
        query = query.where(tuple_(TuningFold.tenant_id, TuningFold.study_id) == study)
    rows = session.execute(query.limit(limit).with_for_update(skip_locked=True, of=TuningFold))
    return [(tenant_id, study_id, trial, fold) for tenant_id, study_id, trial, fold in rows]


def _overtaken(since: datetime) -> ColumnElement[bool]:
    """Return whether a fold of the study that was enqueued later was done before a moment."""
    later = aliased(TuningFold)
    behind = or_(later.trial > TuningFold.trial, and_(later.trial == TuningFold.trial, later.fold > TuningFold.fold))
    enqueued_later = or_(
        later.enqueued_at > TuningFold.enqueued_at, and_(later.enqueued_at == TuningFold.enqueued_at, behind)
    )
    return exists().where(
        later.tenant_id == TuningFold.tenant_id,
        later.study_id == TuningFold.study_id,
        later.state == "done",
        later.ended_at <= since,
        enqueued_later,
    )


def mark_enqueued(session: Session, tenant_id: str, *, study_id: str, folds: Sequence[tuple[int, int]]) -> None:
    """Record that these folds, as (trial, fold), were enqueued again; a lease that ran out is removed."""
    moment = database_time(session)
    for trial, fold in folds:
        key = FoldKey(study_id=study_id, trial=trial, fold=fold)
        _set(session, _this(tenant_id, key), enqueued_at=moment, leased_until=None, holder=None)


def _same_study() -> ColumnElement[bool]:
    return and_(TuningStudy.tenant_id == TuningFold.tenant_id, TuningStudy.study_id == TuningFold.study_id)


def _this(tenant_id: str, key: FoldKey) -> tuple[ColumnElement[bool], ...]:
    return (
        TuningFold.tenant_id == tenant_id,
        TuningFold.study_id == key.study_id,
        TuningFold.trial == key.trial,
        TuningFold.fold == key.fold,
    )


def _held(tenant_id: str, key: FoldKey, fence: int) -> tuple[ColumnElement[bool], ...]:
    pending = TuningFold.state == "pending"
    return (*_this(tenant_id, key), pending, TuningFold.attempts == fence)


def _set(session: Session, where: tuple[ColumnElement[bool], ...], **values: object) -> int:
    changed = update(TuningFold).where(*where).values(**values)
    return rowcount(session, changed.execution_options(synchronize_session=False))
