"""`hearth.models.retrain`: a chain that reads the data, trains challengers side by side, compares and promotes.

The run's row in the database is the truth: each challenger lands in it, each stage looks whether the run goes on, and
whoever comes late finds it closed. The champion changes in the last stage only, in one transaction; whatever is lost or
killed before leaves it as it is.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from celery import chain, chord

from db.records import RetrainingRecord
from db.repositories.models import models, retrainings
from db.session import Session
from domain.documents import JsonObject
from domain.model_kinds import KIND_LABELS
from domain.retraining import RECENT_DAYS, Challenger
from tasks.contracts.retraining import RetrainingCall, RetrainModels
from tasks.models.retrain_stages import challenger_stage, compare_stage, data_stage, promote_stage
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import effect, job


@effect("hearth.models.retrain", RetrainModels, queue="training")
def retrain(session: Session, request: RetrainModels, context: TaskContext) -> TaskResult:
    """Start a run of each kind; a kind that is being retrained goes on as it is."""
    runs: list[JsonObject] = []
    for kind in dict.fromkeys(request.kinds or KIND_LABELS):
        run, new = retrainings.start(
            session,
            request.tenant_id,
            kind=kind,
            cause=request.cause,
            promote=request.promote,
            since=request.since or _since(context),
            now=context.now,
        )
        if new:
            context.enqueue("hearth.models.retrain_start", tenant_id=request.tenant_id, retraining_id=run.retraining_id)
        runs.append({"retraining_id": run.retraining_id, "kind": kind, "state": run.state, "new": new})
    return TaskResult(data={"runs": runs})


@job("hearth.models.retrain_start", RetrainingCall, queue="training", internal=True)
def start(request: RetrainingCall, context: TaskContext) -> JsonObject:
    """Publish the stages of a run that is committed."""
    arguments = {"tenant_id": request.tenant_id, "retraining_id": request.retraining_id}
    with context.transaction(request.tenant_id) as session:
        run = retrainings.require(session, request.tenant_id, retraining_id=request.retraining_id)
        challengers = _challengers(session, request.tenant_id, run)
        retrainings.expect(session, request.tenant_id, retraining_id=request.retraining_id, challengers=challengers)
    if run.state != "running":
        return context.envelope(request, TaskResult(data={"published": False}))
    side_by_side = [challenger_stage.si(**arguments, challenger=name) for name in challengers]
    judged = chain(compare_stage.si(**arguments), promote_stage.si(**arguments))
    chain(data_stage.si(**arguments), chord(side_by_side, judged)).apply_async()
    return context.envelope(request, TaskResult(data={"published": True}))


def _challengers(session: Session, tenant_id: str, run: RetrainingRecord) -> tuple[Challenger, ...]:
    """Return in which ways to train; with what a search found for the champion too, if one did."""
    champion = models.champion(session, tenant_id, kind=run.kind)
    tuned = champion is not None and champion.report.get("hyperparameters")
    return ("usual", "recent", "as_champion") if tuned else ("usual", "recent")


def _since(context: TaskContext) -> datetime:
    days = context.settings().get("retraining_days")
    return context.now - timedelta(days=RECENT_DAYS if days is None else int(days))
