"""Studies and their trials. A study is locked while its next trials are proposed, so that each is proposed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, RowMapping, and_, exists, insert, literal, or_, select, update
from sqlalchemy.orm import Session

from db.base import new_id
from db.errors import UnknownStudy
from db.models import Lease, TuningFold, TuningStudy, TuningTrial
from db.records import FoldRecord, StudyDraft, StudyRecord, TrialRecord
from db.repositories import tenants
from db.repositories.sql import rowcount
from db.session import database_time, lock_tenant
from domain.tuning import LIVE, TrialState

_STUDY = tuple(getattr(TuningStudy, column.name) for column in fields(StudyRecord))
_TRIAL = tuple(getattr(TuningTrial, column.name) for column in fields(TrialRecord) if column.name != "folds")
_FOLD = tuple(getattr(TuningFold, column.name) for column in fields(FoldRecord))


def create(session: Session, tenant_id: str, *, draft: StudyDraft, now: datetime) -> tuple[StudyRecord, bool]:
    """Start a study without trials, or return the one of its kind that has not ended; True when it is new.

    Raises:
        UnknownTenant: not configured.

    """
    tenants.require(session, tenant_id)
    lock_tenant(session, tenant_id)
    running = newest(session, tenant_id, kind=draft.kind)
    if running is not None and running.state in LIVE:
        return running, False
    study_id = new_id()
    row = {
        **asdict(draft),
        "space": list(draft.space),
        "tenant_id": tenant_id,
        "study_id": study_id,
        "state": "searching",
        "created_at": now,
        "deadline": database_time(session, ahead=draft.budget),
    }
    session.execute(insert(TuningStudy), [row])
    return require(session, tenant_id, study_id=study_id), True


def require(session: Session, tenant_id: str, *, study_id: str, lock: bool = False) -> StudyRecord:
    """Return a study; with `lock`, other writers of it wait until this transaction ends.

    Raises:
        UnknownStudy: no such study of this tenant.

    """
    query = select(*_STUDY).where(*_this(tenant_id, study_id))
    row = session.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    if row is None:
        raise UnknownStudy("unknown study; leave the id out for the newest of a kind")
    return _record(row)


def newest(session: Session, tenant_id: str, *, kind: str) -> StudyRecord | None:
    """Return the study of a kind that was started last, or None."""
    query = select(*_STUDY).where(TuningStudy.tenant_id == tenant_id, TuningStudy.kind == kind)
    last = query.order_by(TuningStudy.created_at.desc(), TuningStudy.study_id.desc()).limit(1)
    row = session.execute(last).mappings().one_or_none()
    return None if row is None else _record(row)


def add_trial(
    session: Session, tenant_id: str, *, study_id: str, number: int, params: Mapping[str, float], folds: int
) -> None:
    """Add a trial with its folds, all pending; the study must be locked by this transaction."""
    key, moment = {"tenant_id": tenant_id, "study_id": study_id}, database_time(session)
    trial = {**key, "number": number, "params": dict(params), "state": "open", "created_at": moment}
    session.execute(insert(TuningTrial), [trial])
    pending = {"trial": number, "state": "pending", "attempts": 0, "enqueued_at": moment}
    session.execute(insert(TuningFold), [{**key, **pending, "fold": fold} for fold in range(folds)])


def trials(session: Session, tenant_id: str, *, study_id: str) -> list[TrialRecord]:
    """Return the trials of a study by number, each with its folds."""
    folds: dict[int, list[FoldRecord]] = {}
    of_study = (TuningFold.tenant_id == tenant_id, TuningFold.study_id == study_id)
    for row in session.execute(select(*_FOLD).where(*of_study).order_by(TuningFold.trial, TuningFold.fold)).mappings():
        folds.setdefault(row["trial"], []).append(FoldRecord(**row))
    query = select(*_TRIAL).where(TuningTrial.tenant_id == tenant_id, TuningTrial.study_id == study_id)
    rows = session.execute(query.order_by(TuningTrial.number)).mappings()
    return [TrialRecord(**row, folds=tuple(folds.get(row["number"], ()))) for row in rows]


def end_trial(
    session: Session, tenant_id: str, *, study_id: str, number: int, state: TrialState, loss: float | None
) -> None:
    """End a trial; the study must be locked by this transaction."""
    trial = (TuningTrial.tenant_id == tenant_id, TuningTrial.study_id == study_id, TuningTrial.number == number)
    ended = update(TuningTrial).where(*trial).values(state=state, loss=loss, ended_at=database_time(session))
    rowcount(session, ended.execution_options(synchronize_session=False))


def stop(session: Session, tenant_id: str, *, study_id: str, reason: str) -> None:
    """Record why a study begins no further trial; the first reason stays."""
    searching = (*_this(tenant_id, study_id), TuningStudy.state == "searching", TuningStudy.stop.is_(None))
    _set(session, searching, {"stop": reason})


def begin_training(session: Session, tenant_id: str, *, study_id: str, best_trial: int) -> None:
    """Record the winner, which is trained next; the study must be locked by this transaction."""
    searching = (*_this(tenant_id, study_id), TuningStudy.state == "searching")
    _set(session, searching, {"state": "training", "best_trial": best_trial})


def finish(
    session: Session, tenant_id: str, *, study_id: str, version: str | None, promoted: bool, reason: str, now: datetime
) -> bool:
    """End a live study: with the model that the winner was trained to, or failed without; False when it has ended."""
    live = (*_this(tenant_id, study_id), TuningStudy.state.in_(LIVE))
    state = "failed" if version is None else "finished"
    ended = {"state": state, "version": version, "promoted": promoted, "reason": reason, "ended_at": now}
    return _set(session, live, ended) == 1


def due(session: Session, *, lease: str, older_than: float, limit: int) -> list[tuple[str, str]]:
    """Return (tenant, study) of studies of all tenants whose end is to be enqueued, the earliest deadline first.

    Their time is up, nothing is open, or the winner's training was begun and its worker was lost. `lease` is what the
    name of the lease of an end begins with: where one is held, somebody works on it. Left out is what was enqueued less
    than `older_than` seconds ago.
    """
    now = database_time(session)
    pending = exists().where(
        TuningFold.tenant_id == TuningStudy.tenant_id,
        TuningFold.study_id == TuningStudy.study_id,
        TuningFold.state == "pending",
    )
    held = exists().where(
        Lease.tenant_id == TuningStudy.tenant_id,
        Lease.name == literal(lease) + TuningStudy.study_id,
        Lease.expires_at > now,
    )
    over = or_(TuningStudy.deadline <= now, TuningStudy.stop.is_not(None), ~pending)
    before = or_(
        TuningStudy.end_enqueued_at.is_(None), TuningStudy.end_enqueued_at <= now - timedelta(seconds=older_than)
    )
    query = (
        select(TuningStudy.tenant_id, TuningStudy.study_id)
        .where(or_(and_(TuningStudy.state == "searching", over), TuningStudy.state == "training"), before, ~held)
        .order_by(TuningStudy.deadline)
    )
    return [(tenant_id, study_id) for tenant_id, study_id in session.execute(query.limit(limit))]


def mark_end_enqueued(session: Session, tenant_id: str, *, study_id: str) -> None:
    """Record that the end of a study was enqueued (again)."""
    _set(session, _this(tenant_id, study_id), {"end_enqueued_at": database_time(session)})


def _this(tenant_id: str, study_id: str) -> tuple[ColumnElement[bool], ...]:
    return (TuningStudy.tenant_id == tenant_id, TuningStudy.study_id == study_id)


def _set(session: Session, where: tuple[ColumnElement[bool], ...], values: Mapping[str, object]) -> int:
    changed = update(TuningStudy).where(*where).values(**values)
    return rowcount(session, changed.execution_options(synchronize_session=False))


def _record(row: RowMapping) -> StudyRecord:
    return StudyRecord(**{**row, "space": tuple(row["space"])})
