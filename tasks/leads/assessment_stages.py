"""The stages of the assess pipeline: each reads the assessment, writes its rows and lands, or lands as failed."""

from __future__ import annotations

from db.repositories.due_queues.queues import rescore_queue
from db.repositories.predictions import snapshots
from db.session import Session
from tasks.contracts.pipelines import StageCall
from tasks.runtime import stage_completion
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import step
from tasks.services.conversations.analyses import analyse_new
from tasks.services.leads import profiles
from tasks.services.leads.predictions import load_snapshots, take_snapshots
from tasks.services.leads.scoring import store_scores
from tasks.services.leads.urgency import store_urgency
from tasks.services.models import model_registry
from tasks.services.models.model_kinds import LEAD_SCORE
from tasks.services.personalization.personalize import store_personalizations


@step("hearth.leads.snapshot", StageCall, queue="inference", on_fault=stage_completion.failed("snapshot"))
def snapshot_stage(session: Session, request: StageCall, context: TaskContext) -> TaskResult:
    """Read the leads once, and store with their features all that the later stages need of them."""
    record = stage_completion.record(session, request)
    analyse_new(session, context, record.lead_ids)
    stored = profiles.load(session, context.tenant_id, record.lead_ids, record.as_of)
    taken = take_snapshots(session, context, stored, record.as_of, with_profiles=True)
    ids = [snapshot.snapshot_id for snapshot in taken]
    return stage_completion.land(session, request, "snapshot", snapshot_ids=ids)


@step("hearth.leads.score_snapshots", StageCall, queue="inference", on_fault=stage_completion.failed("score"))
def score_stage(session: Session, request: StageCall, context: TaskContext) -> TaskResult:
    """Store the lead scorer's row for each snapshot."""
    record = stage_completion.record(session, request)
    if not record.snapshot_ids:
        return stage_completion.land(session, request, "score", "failed")
    taken = snapshots.get(session, request.tenant_id, snapshot_ids=record.snapshot_ids)
    champion = model_registry.champion(session, request.tenant_id, context.settings(), LEAD_SCORE)
    store_scores(session, context, taken, champion)
    return stage_completion.land(session, request, "score")


@step("hearth.leads.urgency", StageCall, queue="inference", on_fault=stage_completion.failed("urgency"))
def urgency_stage(session: Session, request: StageCall, context: TaskContext) -> TaskResult:
    """Store the row that says why to call now, what to do and by when."""
    record = stage_completion.record(session, request)
    if not record.snapshot_ids:
        return stage_completion.land(session, request, "urgency", "failed")
    _, stored = load_snapshots(session, request.tenant_id, record)
    next_looks = store_urgency(session, context, stored, record.snapshot_ids, record.as_of)
    due = {lead_id: at for lead_id, at in next_looks.items() if at is not None}
    rescore_queue.schedule(session, context.tenant_id, due=due)
    return stage_completion.land(session, request, "urgency")


@step(
    "hearth.leads.personalize_snapshots",
    StageCall,
    queue="inference",
    on_fault=stage_completion.failed("personalize"),
)
def personalize_stage(session: Session, request: StageCall, context: TaskContext) -> TaskResult:
    """Store the row that says how to speak to a lead: tone, stage, channels, hours and one suggestion."""
    record = stage_completion.record(session, request)
    if not record.snapshot_ids:
        return stage_completion.land(session, request, "personalize", "failed")
    taken, stored = load_snapshots(session, request.tenant_id, record)
    store_personalizations(session, context, stored, taken, record.as_of)
    return stage_completion.land(session, request, "personalize")
