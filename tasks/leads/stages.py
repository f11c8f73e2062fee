"""The stages of the assess pipeline: each reads the assessment, writes its rows and lands, or lands as failed."""

from __future__ import annotations

from db.repositories import rescores, snapshots
from db.session import Session
from tasks import landing, scorers
from tasks.base import Answer, Work, step
from tasks.contracts.pipelines import StageCall
from tasks.leads.score import store_scores
from tasks.leads.urgency import keep_urgency
from tasks.snapshots import take_snapshots


@step("hearth.leads.snapshot", StageCall, on_fault=landing.failed("snapshot"))
def snapshot_stage(session: Session, request: StageCall, work: Work) -> Answer:
    """Store the features that every later stage reads."""
    record = landing.record(session, request)
    ids = [taken.snapshot_id for taken in take_snapshots(session, work, record.lead_ids, record.as_of)]
    return landing.land(session, request, "snapshot", snapshot_ids=ids)


@step("hearth.leads.score_snapshots", StageCall, on_fault=landing.failed("score"))
def score_stage(session: Session, request: StageCall, work: Work) -> Answer:
    """The lead scorer's row for each snapshot."""
    record = landing.record(session, request)
    if not record.snapshot_ids:
        return landing.land(session, request, "score", "failed")
    taken = snapshots.get(session, request.tenant_id, snapshot_ids=record.snapshot_ids)
    store_scores(session, work, taken, scorers.champion(session, request.tenant_id, work.settings()))
    return landing.land(session, request, "score")


@step("hearth.leads.urgency", StageCall, on_fault=landing.failed("urgency"))
def urgency_stage(session: Session, request: StageCall, work: Work) -> Answer:
    """The row that says why to call now, what to do and by when."""
    record = landing.record(session, request)
    if not record.snapshot_ids:
        return landing.land(session, request, "urgency", "failed")
    due = keep_urgency(session, work, record.lead_ids, record.snapshot_ids, record.as_of)
    rescores.schedule(session, work.tenant_id, due={lead_id: at for lead_id, at in due.items() if at is not None})
    return landing.land(session, request, "urgency")
