"""`hearth.jobs.status`: how far an accepted job is, whichever table holds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from db.errors import UnknownStudy
from db.repositories.backfills import backfills
from db.repositories.jobs import idempotency_keys
from db.repositories.predictions import assessments
from db.repositories.tuning import studies
from db.session import Session
from tasks.contracts.jobs import JobStatus
from tasks.errors import InvalidPayload
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import query

Status = dict[str, Any]


@query("hearth.jobs.status", JobStatus, queue="inference", scope="read")
def status(session: Session, request: JobStatus, context: TaskContext) -> TaskResult:
    """State, progress, error and result of a job, by the id its task answered with or by its task id."""
    for look_up in LOOK_UPS:
        job = look_up(session, str(request.tenant_id), request.job_id)
        if job is not None:
            return TaskResult(data={"job_id": request.job_id, **job})
    raise InvalidPayload.at("unknown_value", "job_id", "no job of this tenant has this id")


def _backfill(session: Session, tenant_id: str, job_id: str) -> Status | None:
    record = backfills.get(session, tenant_id, backfill_id=job_id)
    if record is None:
        return None
    chunks = backfills.chunks(session, tenant_id, backfill_id=job_id)
    done = sum(chunk.records for chunk in chunks if chunk.state != "pending")
    return {
        "kind": "backfill",
        "state": record.state,
        "progress": {"done": done, "total": sum(chunk.records for chunk in chunks)},
        "error": record.error,
        "result": record.summary,
    }


def _assessment(session: Session, tenant_id: str, job_id: str) -> Status | None:
    record = assessments.get(session, tenant_id, assessment_id=job_id)
    if record is None:
        return None
    landed = sum(state != "pending" for state in record.stages.values())
    failed = sorted(name for name, state in record.stages.items() if state in ("failed", "late"))
    return {
        "kind": "assessment",
        "state": "running" if record.state == "running" else "finished",
        "progress": {"done": landed, "total": len(record.stages)},
        "error": f"partial: {', '.join(failed)}" if failed else None,
        "result": {"status": record.state, "stages": record.stages, "leads": len(record.lead_ids)},
    }


def _study(session: Session, tenant_id: str, job_id: str) -> Status | None:
    try:
        study = studies.require(session, tenant_id, study_id=job_id)
    except UnknownStudy:
        return None
    trials = studies.trials(session, tenant_id, study_id=job_id)
    done = sum(fold.state != "pending" for trial in trials for fold in trial.folds)
    return {
        "kind": "tuning",
        "state": study.state if study.ended_at else "running",
        "progress": {"done": done, "total": study.trials * study.folds},
        "error": study.reason if study.state == "failed" else None,
        "result": {"version": study.version, "promoted": study.promoted, "best_trial": study.best_trial},
    }


def _finished_task(session: Session, tenant_id: str, job_id: str) -> Status | None:
    record = idempotency_keys.by_task_id(session, tenant_id, task_id=job_id)
    if record is None:
        return None
    data = (record.result or {}).get("data")
    return {
        "kind": record.task,
        "state": "finished",
        "progress": {"done": 1, "total": 1},
        "error": None,
        "result": data,
    }


LOOK_UPS: tuple[Callable[[Session, str, str], Status | None], ...] = (_backfill, _assessment, _study, _finished_task)
