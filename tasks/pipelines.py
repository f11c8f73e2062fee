"""`hearth.pipelines.*`: assess leads by a snapshot, then a chord of stages, then one answer that always comes.

The assessment's row in the database is the truth: each stage lands in it, and whoever finishes first (the chord's
callback, or the sweep once `due_at` has passed) closes it, naming what failed or is late. A stage is late when the
time it is given has passed; what it still stores afterwards counts for the next reader, not for this answer.
"""

from __future__ import annotations

from datetime import timedelta

from celery import chain, chord

from db.records import AssessmentRecord
from db.repositories.predictions import assessments
from db.session import EVERY_TENANT, Session, reading
from domain.documents import JsonObject
from tasks import churn
from tasks.contracts.pipelines import Assess, StageCall
from tasks.contracts.system import Upkeep
from tasks.leads.assessment_stages import personalize_stage, score_stage, snapshot_stage, urgency_stage
from tasks.runtime import lead_references, schedule, stage_completion
from tasks.runtime.broker import admission_control
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import HearthTask, effect, job, step
from tasks.services.leads.predictions import may_score

#: the stages of the chord, by the name an answer calls them
STAGES = {
    "score": score_stage,
    "churn": churn.churn_stage,
    "urgency": urgency_stage,
    "personalize": personalize_stage,
}
#: what one lead's stages may take, and what each further lead of a batch adds
DEADLINE, DEADLINE_PER_LEAD = timedelta(seconds=2), timedelta(milliseconds=120)


@effect("hearth.pipelines.assess", Assess, queue="inference", scope="write")
def assess(session: Session, request: Assess, context: TaskContext) -> TaskResult:
    """Start an assessment of some leads; its stages land one by one, `hearth.jobs.status` tells how far it is."""
    lead_ids = request.ids()
    admission_control.admit_assessment(session, request.tenant_id)
    lead_ids, blocked = may_score(session, context, lead_ids)
    if not lead_ids:
        nobody: JsonObject = {"assessment_id": None, "leads": 0, "blocked": blocked}
        data = lead_references.with_identities(session, context, nobody, blocked)
        return TaskResult(data=data, status="blocked")
    record = assessments.create(
        session,
        request.tenant_id,
        lead_ids=lead_ids,
        as_of=request.as_of or context.now,
        due_at=context.now + DEADLINE + DEADLINE_PER_LEAD * (len(lead_ids) - 1),
        stages=["snapshot", *STAGES],
        now=context.now,
    )
    context.enqueue("hearth.pipelines.start", tenant_id=request.tenant_id, assessment_id=record.assessment_id)
    started: JsonObject = {"assessment_id": record.assessment_id, "leads": len(lead_ids)}
    if blocked:
        started["blocked"] = blocked
    data = lead_references.with_identities(session, context, started, blocked)
    return TaskResult(data=data, status="partial" if blocked else "ok", as_of=record.as_of)


@job("hearth.pipelines.start", StageCall, queue="inference", internal=True)
def start(request: StageCall, context: TaskContext) -> JsonObject:
    """Publish the stages of an assessment that is committed, and the watchdog of an interactive one."""
    arguments = {"tenant_id": request.tenant_id, "assessment_id": request.assessment_id}
    with reading(request.tenant_id) as session:
        record = stage_completion.record(session, request)
    if record.state != "running":
        return context.envelope(request, TaskResult(data={"published": False}))
    stages = chord([stage.si(**arguments) for stage in stages_of(record)], finish.si(**arguments))
    chain(snapshot_stage.si(**arguments), stages).apply_async()
    if len(record.lead_ids) == 1:
        finish.apply_async(kwargs=arguments, countdown=max(0.0, (record.due_at - context.now).total_seconds()))
    return context.envelope(request, TaskResult(data={"published": True}))


def stages_of(record: AssessmentRecord) -> list[HearthTask]:
    """Return the stages that an assessment waits for: those that the version knew that started it."""
    return [stage for name, stage in STAGES.items() if name in record.stages]


@step("hearth.pipelines.finish", StageCall, queue="inference")
def finish(session: Session, request: StageCall, context: TaskContext) -> TaskResult:
    """Close an assessment once: ok, or partial with the stages that failed or are late."""
    record = assessments.finish(session, request.tenant_id, assessment_id=request.assessment_id, now=context.now)
    if record is None:
        return TaskResult(data={"closed": False})
    lead_id = record.lead_ids[0] if len(record.lead_ids) == 1 else None
    context.emit_event(
        "assessment.completed",
        lead_id,
        assessment_id=record.assessment_id,
        status=record.state,
        leads=len(record.lead_ids),
        stages=record.stages,
    )
    data = {"closed": True, "assessment_id": record.assessment_id, "stages": record.stages}
    return TaskResult(data=data, status="ok" if record.state == "ok" else "partial", as_of=record.as_of)


@job("hearth.pipelines.sweep", Upkeep, queue="inference", internal=True)
def sweep(request: Upkeep, context: TaskContext) -> JsonObject:
    """Close every assessment whose time has passed, so that an answer comes even where its messages were lost."""
    if not schedule.is_due("pipelines.sweep", 15):
        return context.envelope(request, TaskResult(data={"closing": 0}))
    with reading(EVERY_TENANT) as session:
        overdue = assessments.overdue(session, now=context.now, limit=1000)
    for tenant_id, assessment_id in overdue:
        finish.delay(tenant_id=tenant_id, assessment_id=assessment_id)
    return context.envelope(request, TaskResult(data={"closing": len(overdue)}))
