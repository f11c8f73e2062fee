"""Let a person say yes or no to the plan that waits; each action is judged once more when it is handed over."""

from __future__ import annotations

from db.session import Session
from domain.documents import JsonObject
from tasks.contracts.interventions import ReleasePlan
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import effect
from tasks.services.interventions import plan_wait
from tasks.services.interventions.intervention_settings import settings_of
from tasks.services.interventions.plan_store import hand_over


@effect("hearth.interventions.release", ReleasePlan, queue="inference", scope="write")
def release(session: Session, request: ReleasePlan, context: TaskContext) -> TaskResult:
    """Hand over the actions of the plan that waits, or withdraw them; nothing happens where none waits.

    A yes to all of them opens the way for later plans of a usual size. `waiting` is what still waits afterwards.
    """
    if request.decision == "yes" and settings_of(context.settings()).kill_switch:
        waiting = plan_wait.wait_view(session, context.tenant_id)
        return TaskResult(data=_view(request, None, 0, 0, waiting), status="blocked")
    answer = plan_wait.Answer(
        decision=request.decision, actor=request.actor, scope=request.interventions, until=request.until
    )
    release_id, moved = plan_wait.decide(session, context, answer)
    hand_over(context, [action for action in moved if action.state == "planned" and action.not_before <= context.now])
    if release_id is not None and request.interventions is None:
        plan_wait.tell_rest(session, context)
    waiting = plan_wait.wait_view(session, context.tenant_id)
    leads = len({action.lead_id for action in moved})
    return TaskResult(data=_view(request, release_id, len(moved), leads, waiting), as_of=context.now)


def _view(
    request: ReleasePlan, release_id: str | None, actions: int, leads: int, waiting: JsonObject | None
) -> JsonObject:
    return {
        "decision": request.decision,
        "changed": release_id is not None,
        "release_id": release_id,
        "actions": actions,
        "leads": leads,
        "waiting": waiting,
    }
