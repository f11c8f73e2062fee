"""The stages of the assess pipeline: each reads the assessment, writes its rows and lands, or lands as failed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from db.records import AssessmentRecord
from db.repositories import assessments, rescores, snapshots
from db.session import Session, transaction
from tasks import scorers
from tasks.base import Answer, Work, step
from tasks.contracts.pipelines import StageCall
from tasks.errors import InvalidPayload
from tasks.leads.score import store_scores, take_snapshots
from tasks.leads.urgency import keep_urgency


def _failed(stage: str) -> Callable[[StageCall, str], None]:
    def land(request: StageCall, error: str) -> None:
        with transaction() as session:
            _land(session, request, stage, "failed")

    return land


def _land(
    session: Session, request: StageCall, stage: str, state: str = "ok", snapshot_ids: Sequence[str] | None = None
) -> Answer:
    own: dict[str, Any] = {
        "assessment_id": request.assessment_id,
        "stage": stage,
        "state": state,
        "snapshot_ids": snapshot_ids,
    }
    assessments.land(session, request.tenant_id, **own, now=datetime.now(UTC))
    return Answer(data={"stage": stage, "state": state})


def _record(session: Session, request: StageCall) -> AssessmentRecord:
    record = assessments.get(session, request.tenant_id, assessment_id=request.assessment_id)
    if record is None:
        raise InvalidPayload.at("unknown_value", "assessment_id", "no assessment of this tenant has this id")
    return record


@step("hearth.leads.snapshot", StageCall, on_fault=_failed("snapshot"))
def snapshot_stage(session: Session, request: StageCall, work: Work) -> Answer:
    """Store the features that every later stage reads."""
    record = _record(session, request)
    ids = [taken.snapshot_id for taken in take_snapshots(session, work, record.lead_ids, record.as_of)]
    return _land(session, request, "snapshot", snapshot_ids=ids)


@step("hearth.leads.score_snapshots", StageCall, on_fault=_failed("score"))
def score_stage(session: Session, request: StageCall, work: Work) -> Answer:
    """The lead scorer's row for each snapshot."""
    record = _record(session, request)
    if not record.snapshot_ids:
        return _land(session, request, "score", "failed")
    taken = snapshots.get(session, request.tenant_id, snapshot_ids=record.snapshot_ids)
    store_scores(session, work, taken, scorers.champion(session, request.tenant_id, work.settings()))
    return _land(session, request, "score")


@step("hearth.leads.urgency", StageCall, on_fault=_failed("urgency"))
def urgency_stage(session: Session, request: StageCall, work: Work) -> Answer:
    """The row that says why to call now, what to do and by when."""
    record = _record(session, request)
    if not record.snapshot_ids:
        return _land(session, request, "urgency", "failed")
    due = keep_urgency(session, work, record.lead_ids, record.snapshot_ids, record.as_of)
    rescores.schedule(session, work.tenant_id, due={lead_id: at for lead_id, at in due.items() if at is not None})
    return _land(session, request, "urgency")
