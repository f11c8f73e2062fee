"""`hearth.models.decide`, `.rollback` and `.history`: a person's say on who answers, and who answered when."""

from __future__ import annotations

from db.errors import UnknownModel
from db.records import ModelChangeRecord
from db.repositories.models import history, models
from db.session import Session
from domain.documents import JsonObject
from domain.promotions import CHALLENGERS
from tasks.contracts.promotions import DecideModel, ReadModelHistory, RollBackModel
from tasks.errors import InvalidPayload
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import effect, query
from tasks.services.models import by_person, promotion


@effect("hearth.models.decide", DecideModel, queue="inference", scope="settings")
def decide(session: Session, request: DecideModel, context: TaskContext) -> TaskResult:
    """Promote a version, or refuse one that waits for a yes; the present champion is retired by a yes."""
    record = models.get(session, context.tenant_id, version=request.version)
    if record is None:
        raise InvalidPayload.at("unknown_value", "version", "the tenant has no such version")
    if request.decision == "no" and record.state not in CHALLENGERS:
        raise InvalidPayload.at("unknown_value", "version", "it is no challenger; a rollback goes back from a champion")
    retired = None
    if request.decision == "yes":
        retired = by_person.accept(session, context, record, actor=request.actor, reason=request.reason)
    else:
        by_person.reject(session, context, record, actor=request.actor, reason=request.reason)
    champion = models.champion_version(session, context.tenant_id, kind=record.kind)
    return TaskResult(data={"kind": record.kind, "champion": champion, "retired": retired})


@effect("hearth.models.rollback", RollBackModel, queue="inference", scope="settings")
def rollback(session: Session, request: RollBackModel, context: TaskContext) -> TaskResult:
    """Go back to the champion before this one."""
    try:
        left, present = promotion.roll_back(
            session, context, context.tenant_id, kind=request.kind, reason=request.reason, actor=request.actor
        )
    except UnknownModel:
        raise InvalidPayload.at("unknown_value", "kind", "there is no former champion to go back to") from None
    return TaskResult(data={"kind": request.kind, "champion": present.version, "retired": left.version})


@query("hearth.models.history", ReadModelHistory, queue="inference", scope="read")
def model_history(session: Session, request: ReadModelHistory, context: TaskContext) -> TaskResult:
    """Tell who answered at a time, and what was decided about a kind of model, newest first."""
    at = request.at or context.now
    answered = history.at(session, context.tenant_id, kind=request.kind, at=at)
    changes = history.changes(session, context.tenant_id, kind=request.kind, limit=request.limit)
    return TaskResult(
        data={
            "kind": request.kind,
            "at": at,
            "version": answered.to_version if answered else None,
            "since": answered.at if answered else None,
            "changes": [_view(change) for change in changes],
        }
    )


def _view(change: ModelChangeRecord) -> JsonObject:
    return {
        "change": change.change,
        "version": change.version,
        "from_version": change.from_version,
        "to_version": change.to_version,
        "actor": change.actor,
        "reason": change.reason,
        "look": change.look,
        "at": change.at,
    }
