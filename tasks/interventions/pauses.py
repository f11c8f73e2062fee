"""Pause and resume types of intervention: by a person's decision, or because they do harm."""

from __future__ import annotations

from db.repositories.interventions import pauses
from db.session import Session
from domain.documents import JsonMapping
from tasks.contracts.interventions import PauseInterventions, ResumeInterventions
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import effect


@effect("hearth.interventions.pause", PauseInterventions, queue="inference", scope="write")
def pause(session: Session, request: PauseInterventions, context: TaskContext) -> TaskResult:
    """Stop proposing a type, and withdraw what waits of it when its turn comes; nothing happens if it is paused."""
    changed = set_pause(session, context, request.intervention, request.reason, {}, by=request.actor)
    return TaskResult(data={"intervention": request.intervention, "paused": True, "changed": changed})


@effect("hearth.interventions.resume", ResumeInterventions, queue="inference", scope="write")
def resume(session: Session, request: ResumeInterventions, context: TaskContext) -> TaskResult:
    """Propose a type again; nothing happens if it is not paused."""
    name, actor = request.intervention, request.actor
    changed = pauses.lift(session, context.tenant_id, intervention=name, by=actor, now=context.now)
    if changed:
        context.audit("intervention_resumed", intervention=name, actor=actor)
        context.emit_event("intervention.resumed", intervention=name, by=actor)
    return TaskResult(data={"intervention": name, "paused": False, "changed": changed})


def set_pause(
    session: Session, context: TaskContext, intervention: str, reason: str, evidence: JsonMapping, *, by: str
) -> bool:
    """Pause a type, tell the CRM and record it in the audit chain; False where it is paused already."""
    changed = pauses.pause(
        session,
        context.tenant_id,
        intervention=intervention,
        reason=reason,
        by=by,
        evidence=evidence,
        now=context.now,
    )
    if changed:
        context.audit("intervention_paused", intervention=intervention, reason=reason, by=by, evidence=evidence)
        context.emit_event("intervention.paused", intervention=intervention, reason=reason, by=by, evidence=evidence)
    return changed
