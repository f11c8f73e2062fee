"""Types of intervention that are not proposed for a while: paused by a person, or because they do harm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from db.repositories.interventions import pauses
from db.session import Session
from tasks.contracts.interventions import PauseInterventions, ResumeInterventions
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import effect


@effect("hearth.interventions.pause", PauseInterventions, queue="inference")
def pause(session: Session, request: PauseInterventions, context: TaskContext) -> TaskResult:
    """Propose a type no more, and withdraw what waits of it when its turn comes; harmless where it is paused."""
    done = set_pause(session, context, request.intervention, request.reason, {}, by=request.actor)
    return TaskResult(data={"intervention": request.intervention, "paused": True, "changed": done})


@effect("hearth.interventions.resume", ResumeInterventions, queue="inference")
def resume(session: Session, request: ResumeInterventions, context: TaskContext) -> TaskResult:
    """Propose a type again; harmless where it is not paused."""
    named = {"intervention": request.intervention, "by": request.actor}
    done = pauses.lift(session, context.tenant_id, **named, now=context.now)
    if done:
        context.audit("intervention_resumed", intervention=request.intervention, actor=request.actor)
        context.emit_event("intervention.resumed", **named)
    return TaskResult(data={"intervention": request.intervention, "paused": False, "changed": done})


def set_pause(
    session: Session, context: TaskContext, intervention: str, reason: str, evidence: Mapping[str, Any], *, by: str
) -> bool:
    """Pause a type, tell the CRM and prove it; False where it is paused already."""
    named = {"intervention": intervention, "reason": reason, "by": by}
    done = pauses.pause(session, context.tenant_id, **named, evidence=evidence, now=context.now)
    if done:
        context.audit("intervention_paused", **named, evidence=evidence)
        context.emit_event("intervention.paused", **named, evidence=evidence)
    return done
