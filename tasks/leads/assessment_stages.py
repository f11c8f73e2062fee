"""The stages of the assess pipeline: each reads the assessment, writes its rows and lands, or lands as failed."""

from __future__ import annotations

from db.repositories.due_queues import rescore_queue
from db.repositories.predictions import snapshots
from db.session import Session
from tasks.contracts.pipelines import StageCall
from tasks.leads.score import store_scores
from tasks.runtime import stage_completion
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import step
from tasks.services.leads.snapshots import take_snapshots
from tasks.services.leads.urgency import keep_urgency
from tasks.services.models import model_registry


@step("hearth.leads.snapshot", StageCall, on_fault=stage_completion.failed("snapshot"))
def snapshot_stage(session: Session, request: StageCall, context: TaskContext) -> TaskResult:
    """Store the features that every later stage reads."""
    record = stage_completion.record(session, request)
    ids = [taken.snapshot_id for taken in take_snapshots(session, context, record.lead_ids, record.as_of)]
    return stage_completion.land(session, request, "snapshot", snapshot_ids=ids)


@step("hearth.leads.score_snapshots", StageCall, on_fault=stage_completion.failed("score"))
def score_stage(session: Session, request: StageCall, context: TaskContext) -> TaskResult:
    """The lead scorer's row for each snapshot."""
    record = stage_completion.record(session, request)
    if not record.snapshot_ids:
        return stage_completion.land(session, request, "score", "failed")
    taken = snapshots.get(session, request.tenant_id, snapshot_ids=record.snapshot_ids)
    store_scores(session, context, taken, model_registry.champion(session, request.tenant_id, context.settings()))
    return stage_completion.land(session, request, "score")


@step("hearth.leads.urgency", StageCall, on_fault=stage_completion.failed("urgency"))
def urgency_stage(session: Session, request: StageCall, context: TaskContext) -> TaskResult:
    """The row that says why to call now, what to do and by when."""
    record = stage_completion.record(session, request)
    if not record.snapshot_ids:
        return stage_completion.land(session, request, "urgency", "failed")
    due = keep_urgency(session, context, record.lead_ids, record.snapshot_ids, record.as_of)
    rescore_queue.schedule(
        session, context.tenant_id, due={lead_id: at for lead_id, at in due.items() if at is not None}
    )
    return stage_completion.land(session, request, "urgency")
