"""How a stage of the assess pipeline ends: it lands in the assessment's row, or lands there as failed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from db.records import AssessmentRecord
from db.repositories.predictions import assessments
from db.session import Session, transaction
from tasks.contracts.pipelines import StageCall
from tasks.errors import InvalidPayload
from tasks.runtime.context import TaskResult


def failed(stage: str) -> Callable[[StageCall, str], None]:
    """What a stage that raised does instead."""

    def fail(request: StageCall, error: str) -> None:
        with transaction(request.tenant_id) as session:
            land(session, request, stage, "failed")

    return fail


def land(
    session: Session, request: StageCall, stage: str, state: str = "ok", snapshot_ids: Sequence[str] | None = None
) -> TaskResult:
    """Note how a stage ended, and the snapshots that it took for the later ones."""
    own: dict[str, Any] = {
        "assessment_id": request.assessment_id,
        "stage": stage,
        "state": state,
        "snapshot_ids": snapshot_ids,
    }
    assessments.complete_stage(session, request.tenant_id, **own, now=datetime.now(UTC))
    return TaskResult(data={"stage": stage, "state": state})


def record(session: Session, request: StageCall) -> AssessmentRecord:
    """The assessment that a stage belongs to. Raises InvalidPayload."""
    found = assessments.get(session, request.tenant_id, assessment_id=request.assessment_id)
    if found is None:
        raise InvalidPayload.at("unknown_value", "assessment_id", "no assessment of this tenant has this id")
    return found
