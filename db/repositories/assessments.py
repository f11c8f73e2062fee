"""Runs of the assess pipeline: stages land one by one, the end comes once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from db.base import new_id
from db.errors import UnknownAssessment
from db.models import Assessment
from db.records import AssessmentRecord
from db.repositories import tenants
from db.repositories.statements import changed

_COLUMNS = tuple(getattr(Assessment, column.name) for column in fields(AssessmentRecord))


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
    """Start a run with all its stages pending.

    Raises:
        UnknownTenant: not configured.

    """
    tenants.require(session, tenant_id)
    assessment_id = new_id()
    row = {
        "tenant_id": tenant_id,
        "assessment_id": assessment_id,
        "state": "running",
        "lead_ids": list(lead_ids),
        "snapshot_ids": [],
        "as_of": as_of,
        "due_at": due_at,
        "stages": dict.fromkeys(stages, "pending"),
        "created_at": now,
    }
    session.execute(insert(Assessment), [row])
    return _require(session, tenant_id, assessment_id)


def get(session: Session, tenant_id: str, *, assessment_id: str) -> AssessmentRecord | None:
    """Give a run, or None."""
    return _find(session, tenant_id, assessment_id, lock=False)


def attach(session: Session, tenant_id: str, *, assessment_id: str, snapshot_ids: Sequence[str]) -> None:
    """Note the snapshots that the stages work on.

    Raises:
        UnknownAssessment: not there for this tenant.

    """
    if _change(session, tenant_id, assessment_id, snapshot_ids=list(snapshot_ids)) == 0:
        raise _unknown()


def land(session: Session, tenant_id: str, *, assessment_id: str, stage: str, state: str, now: datetime) -> None:
    """Note how a stage ended (ok or failed); after the end of the run nothing changes any more.

    Raises:
        UnknownAssessment: no such run for this tenant, or no such stage of it.

    """
    record = _require(session, tenant_id, assessment_id, lock=True)
    if stage not in record.stages:
        raise UnknownAssessment(f"the assessment has no stage {stage}")
    if record.finished_at is None:
        _change(session, tenant_id, assessment_id, stages={**record.stages, stage: state}, landed_at=now)


def finish(session: Session, tenant_id: str, *, assessment_id: str, now: datetime) -> AssessmentRecord | None:
    """End a run: what is pending is late; ok when every stage is, else partial. None when it had ended already.

    Raises:
        UnknownAssessment: not there for this tenant.

    """
    record = _require(session, tenant_id, assessment_id, lock=True)
    if record.finished_at is not None:
        return None
    stages = {stage: "late" if state == "pending" else state for stage, state in record.stages.items()}
    state = "ok" if set(stages.values()) <= {"ok"} else "partial"
    _change(session, tenant_id, assessment_id, stages=stages, state=state, finished_at=now)
    return _require(session, tenant_id, assessment_id)


def running(session: Session, tenant_id: str) -> int:
    """How many runs of the tenant have not ended."""
    own = (Assessment.tenant_id == tenant_id, Assessment.state == "running")
    return session.scalar(select(func.count()).select_from(Assessment).where(*own)) or 0


def overdue(session: Session, *, now: datetime, limit: int) -> list[tuple[str, str]]:
    """Give (tenant, run) of those that still run after their time, of all tenants, longest due first."""
    wanted = select(Assessment.tenant_id, Assessment.assessment_id).where(
        Assessment.state == "running", Assessment.due_at <= now
    )
    rows = session.execute(wanted.order_by(Assessment.due_at, Assessment.assessment_id).limit(limit))
    return [(tenant_id, assessment_id) for tenant_id, assessment_id in rows]


def _require(session: Session, tenant_id: str, assessment_id: str, *, lock: bool = False) -> AssessmentRecord:
    record = _find(session, tenant_id, assessment_id, lock=lock)
    if record is None:
        raise _unknown()
    return record


def _find(session: Session, tenant_id: str, assessment_id: str, *, lock: bool) -> AssessmentRecord | None:
    wanted = select(*_COLUMNS).where(Assessment.tenant_id == tenant_id, Assessment.assessment_id == assessment_id)
    row = session.execute(wanted.with_for_update() if lock else wanted).mappings().one_or_none()
    if row is None:
        return None
    lists = {"lead_ids": tuple(row["lead_ids"]), "snapshot_ids": tuple(row["snapshot_ids"])}
    return AssessmentRecord(**{**row, **lists})


def _change(session: Session, tenant_id: str, assessment_id: str, **values: Any) -> int:
    own = (Assessment.tenant_id == tenant_id, Assessment.assessment_id == assessment_id)
    changes = update(Assessment).where(*own).values(**values)
    return changed(session, changes.execution_options(synchronize_session=False))


def _unknown() -> UnknownAssessment:
    return UnknownAssessment("unknown assessment; start it anew")
