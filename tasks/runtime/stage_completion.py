"""Complete a stage of the assess pipeline: its end, good or bad, is written to the row of the assessment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from db.records import AssessmentRecord
from db.repositories.predictions import assessments
from db.session import Session, transaction
from tasks.contracts.pipelines import StageCall
from tasks.errors import InvalidPayload
from tasks.runtime.context import TaskResult


def failed(stage: str) -> Callable[[StageCall, str], None]:
    """Return what a stage that raised does instead (`on_fault`): complete itself as failed."""

    def fail(request: StageCall, error: str) -> None:
        with transaction(request.tenant_id) as session:
            land(session, request, stage, "failed")

    return fail


def land(
    session: Session, request: StageCall, stage: str, state: str = "ok", snapshot_ids: Sequence[str] | None = None
) -> TaskResult:
    """Record how a stage ended, and the ids of the snapshots that it took for the later stages."""
    assessments.complete_stage(
        session,
        request.tenant_id,
        assessment_id=request.assessment_id,
        stage=stage,
        state=state,
        snapshot_ids=snapshot_ids,
        now=datetime.now(UTC),
    )
    return TaskResult(data={"stage": stage, "state": state})


def record(session: Session, request: StageCall) -> AssessmentRecord:
    """Return the assessment that a stage belongs to; raises InvalidPayload when there is none."""
    assessment = assessments.get(session, request.tenant_id, assessment_id=request.assessment_id)
    if assessment is None:
        raise InvalidPayload.at("unknown_value", "assessment_id", "no assessment of this tenant has this id")
    return assessment
