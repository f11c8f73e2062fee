"""Types of intervention that are not proposed for a while: paused by a person, or because they do harm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from db.repositories.interventions import pauses
from db.session import Session
from tasks.contracts.interventions import PauseInterventions, ResumeInterventions
from tasks.runtime.task import Answer, Work, effect


@effect("hearth.interventions.pause", PauseInterventions)
def pause(session: Session, request: PauseInterventions, work: Work) -> Answer:
    """Propose a type no more, and withdraw what waits of it when its turn comes; harmless where it is paused."""
    done = put(session, work, request.intervention, request.reason, {}, by=request.actor)
    return Answer(data={"intervention": request.intervention, "paused": True, "changed": done})


@effect("hearth.interventions.resume", ResumeInterventions)
def resume(session: Session, request: ResumeInterventions, work: Work) -> Answer:
    """Propose a type again; harmless where it is not paused."""
    named = {"intervention": request.intervention, "by": request.actor}
    done = pauses.lift(session, work.tenant_id, **named, now=work.now)
    if done:
        work.prove("intervention_resumed", intervention=request.intervention, actor=request.actor)
        work.tell("intervention.resumed", **named)
    return Answer(data={"intervention": request.intervention, "paused": False, "changed": done})


def put(session: Session, work: Work, intervention: str, reason: str, evidence: Mapping[str, Any], *, by: str) -> bool:
    """Pause a type, tell the CRM and prove it; False where it is paused already."""
    named = {"intervention": intervention, "reason": reason, "by": by}
    done = pauses.pause(session, work.tenant_id, **named, evidence=evidence, now=work.now)
    if done:
        work.prove("intervention_paused", **named, evidence=evidence)
        work.tell("intervention.paused", **named, evidence=evidence)
    return done
