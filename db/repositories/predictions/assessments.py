"""Runs of the assess pipeline: stages are completed one by one, and a run ends once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from db.base import new_id, utc
from db.errors import UnknownAssessment
from db.models import Assessment
from db.records import AssessmentRecord
from db.repositories.sql import insert_many, table_of

_NAMES = tuple(column.name for column in fields(AssessmentRecord))
_RUN = table_of(Assessment)
_THIS = (_RUN.c.tenant_id == bindparam("tenant"), _RUN.c.assessment_id == bindparam("run"))
_STORED = select(*(_RUN.c[name] for name in _NAMES)).where(*_THIS)
_LOCKED = _STORED.with_for_update()
_COMPLETE = update(_RUN).where(*_THIS)
_COMPLETE = _COMPLETE.values(
    stages=bindparam("now_stages"), snapshot_ids=bindparam("now_snapshots"), landed_at=bindparam("at")
)
_FINISH = update(_RUN).where(*_THIS)
_FINISH = _FINISH.values(stages=bindparam("now_stages"), state=bindparam("now_state"), finished_at=bindparam("at"))
_RUNNING = (
    select(func.count()).select_from(_RUN).where(_RUN.c.tenant_id == bindparam("tenant"), _RUN.c.state == "running")
)


def create(
    session: Session,
    tenant_id: str,
    *,
    lead_ids: Sequence[str],
    as_of: datetime,
    due_at: datetime,
    stages: Sequence[str],
    now: datetime,
) -> AssessmentRecord:
    """Start a run with all its stages pending; the tenant must exist."""
    record = AssessmentRecord(
        assessment_id=new_id(),
        state="running",
        lead_ids=tuple(lead_ids),
        snapshot_ids=(),
        as_of=utc(as_of),
        due_at=utc(due_at),
        stages=dict.fromkeys(stages, "pending"),
        finished_at=None,
    )
    row = {name: getattr(record, name) for name in _NAMES if name != "finished_at"}
    row |= {"tenant_id": tenant_id, "lead_ids": list(lead_ids), "snapshot_ids": [], "created_at": now}
    insert_many(session, Assessment, [row])
    return record


def get(session: Session, tenant_id: str, *, assessment_id: str) -> AssessmentRecord | None:
    """Return a run, or None."""
    return _find(session, tenant_id, assessment_id, lock=False)


def complete_stage(
    session: Session,
    tenant_id: str,
    *,
    assessment_id: str,
    stage: str,
    state: str,
    now: datetime,
    snapshot_ids: Sequence[str] | None = None,
) -> None:
    """Record how a stage ended (ok or failed), and the snapshots for later stages where it took them.

    After the end of the run no stage changes any more; stages that still run read the snapshots all the same.

    Raises:
        UnknownAssessment: no such run for this tenant, or no such stage of it.

    """
    record = _require(session, tenant_id, assessment_id, lock=True)
    if stage not in record.stages:
        raise UnknownAssessment(f"the assessment has no stage {stage}")
    stages = record.stages if record.finished_at else {**record.stages, stage: state}
    snapshots = record.snapshot_ids if snapshot_ids is None else snapshot_ids
    if (stages, snapshots) != (record.stages, record.snapshot_ids):
        values = {"now_stages": stages, "now_snapshots": list(snapshots), "at": now}
        session.connection().execute(_COMPLETE, {**_key(tenant_id, assessment_id), **values})


def finish(session: Session, tenant_id: str, *, assessment_id: str, now: datetime) -> AssessmentRecord | None:
    """End a run: pending stages become late; it is ok when every stage is, else partial. None when it ended before.

    Raises:
        UnknownAssessment: not there for this tenant.

    """
    record = _require(session, tenant_id, assessment_id, lock=True)
    if record.finished_at is not None:
        return None
    stages = {stage: "late" if state == "pending" else state for stage, state in record.stages.items()}
    state = "ok" if set(stages.values()) <= {"ok"} else "partial"
    values = {"now_stages": stages, "now_state": state, "at": now}
    session.connection().execute(_FINISH, {**_key(tenant_id, assessment_id), **values})
    return replace(record, stages=stages, state=state, finished_at=utc(now))


def running(session: Session, tenant_id: str) -> int:
    """Count the tenant's runs that have not ended."""
    return session.connection().scalar(_RUNNING, {"tenant": tenant_id}) or 0


def overdue(session: Session, *, now: datetime, limit: int) -> list[tuple[str, str]]:
    """Return (tenant, run) of runs that have not ended in time, of all tenants, longest due first."""
    query = select(Assessment.tenant_id, Assessment.assessment_id).where(
        Assessment.state == "running", Assessment.due_at <= now
    )
    rows = session.execute(query.order_by(Assessment.due_at, Assessment.assessment_id).limit(limit))
    return [(tenant_id, assessment_id) for tenant_id, assessment_id in rows]


def _require(session: Session, tenant_id: str, assessment_id: str, *, lock: bool = False) -> AssessmentRecord:
    record = _find(session, tenant_id, assessment_id, lock=lock)
    if record is None:
        raise _unknown()
    return record


def _find(session: Session, tenant_id: str, assessment_id: str, *, lock: bool) -> AssessmentRecord | None:
    key = _key(tenant_id, assessment_id)
    row = session.connection().execute(_LOCKED if lock else _STORED, key).mappings().one_or_none()
    if row is None:
        return None
    lists = {"lead_ids": tuple(row["lead_ids"]), "snapshot_ids": tuple(row["snapshot_ids"])}
    return AssessmentRecord(**{**row, **lists})


def _key(tenant_id: str, assessment_id: str) -> dict[str, str]:
    return {"tenant": tenant_id, "run": assessment_id}


def _unknown() -> UnknownAssessment:
    return UnknownAssessment("unknown assessment; start it anew")
