"""`hearth.online.learn`, `.score` and `.sweep`: learn what became of scored leads, and score new snapshots by it.

Signals are stored before a message asks to learn them, so that a message that is lost, late or doubled changes nothing:
whoever comes next learns all that is there. The sweep asks where nobody came.
"""

from __future__ import annotations

from datetime import timedelta

from db.repositories.online import checkpoints, heads
from db.session import EVERY_TENANT, reading, transaction
from domain.documents import JsonObject
from tasks.contracts.online import LearnSignals, ScoreSnapshots
from tasks.contracts.system import Upkeep
from tasks.runtime import schedule
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import job
from tasks.services.online import learning, scoring
from tasks.services.online.learning import Progress
from tasks.services.online.saving import EVERY

#: seconds between sweeps, and after which a message of one is of no use any more
SWEEP_EVERY, STALE = 10, 30
#: seconds for which the worker is left to signals between two messages that score: they take a fifth of it at most
PAUSE = 2.0


@job("hearth.online.learn", LearnSignals, queue="learning")
def learn(request: LearnSignals, context: TaskContext) -> JsonObject:
    """Learn every signal of a target that is stored by now; leave it to the worker that is learning them, if any.

    With `rebuild`, forget what is known first and learn all signals again.
    """
    if request.dry_run:
        return context.envelope(request, TaskResult(data=_waiting(request)))
    if request.rebuild:
        with transaction(request.tenant_id) as session:
            checkpoints.mark_rebuild(session, request.tenant_id, targets=[request.target], now=context.now)
    progress = learning.learn(context, request.target)
    if progress.state == "more":
        _ask_again(context, request)
    return context.envelope(request, TaskResult(data=_view(request, progress)))


@job("hearth.online.score", ScoreSnapshots, queue="learning", internal=True)
def score(request: ScoreSnapshots, context: TaskContext) -> JsonObject:
    """Give the tenant's new snapshots their online scores, for each target that has learnt something."""
    stored, more = scoring.score_new(context)
    if more:
        asked = {"tenant_id": request.tenant_id}
        score.apply_async(kwargs=asked, countdown=PAUSE, expires=STALE, ignore_result=True)
    return context.envelope(request, TaskResult(data={"scored": stored}))


@job("hearth.online.sweep", Upkeep, queue="inference", internal=True)
def sweep(request: Upkeep, context: TaskContext) -> JsonObject:
    """Ask for workers where signals were not learnt, checkpoints are due, or new snapshots have no online score."""
    if not schedule.is_due("online.sweep", SWEEP_EVERY):
        return context.envelope(request, TaskResult(data={"learning": 0, "scoring": 0}))
    with reading(EVERY_TENANT) as session:
        unsaved = heads.unfinished(session, before=context.now - timedelta(seconds=EVERY))
        due = {*heads.behind(session), *unsaved}
        unscored = heads.with_new_snapshots(session)
    for tenant_id, target in sorted(due):
        learn.apply_async(kwargs={"tenant_id": tenant_id, "target": target}, expires=STALE, ignore_result=True)
    for tenant_id in unscored:
        score.apply_async(kwargs={"tenant_id": tenant_id}, expires=STALE, ignore_result=True)
    return context.envelope(request, TaskResult(data={"learning": len(due), "scoring": len(unscored)}))


def _ask_again(context: TaskContext, request: LearnSignals) -> None:
    """Have the rest learnt by another message, so that other tenants get their turn."""
    fork = context.fork()
    fork.enqueue("hearth.online.learn", tenant_id=request.tenant_id, target=request.target)
    with fork.transaction(request.tenant_id):
        pass


def _waiting(request: LearnSignals) -> JsonObject:
    """Return how far the learner is; nothing is learnt."""
    with reading(request.tenant_id) as session:
        head = heads.get(session, request.tenant_id, target=request.target)
    known = {"generation": 0, "cursor": 0} if head is None else {"generation": head.generation, "cursor": head.cursor}
    unknown: JsonObject = {"signals": None, "leader": None, "log_loss": None, "weights": {}}
    return {"target": request.target, "state": "unchanged", "applied": 0, **known, **unknown}


def _view(request: LearnSignals, progress: Progress) -> JsonObject:
    learner = progress.learner
    report = None if learner is None or not learner.model.signals else learner.model.report()
    return {
        "target": request.target,
        "state": progress.state,
        "applied": progress.applied,
        "generation": 0 if learner is None else learner.generation,
        "cursor": 0 if learner is None else learner.cursor,
        "signals": 0 if learner is None else learner.model.signals,
        "leader": None if report is None else report.leader,
        "log_loss": None if report is None else report.log_loss,
        "weights": {} if report is None else dict(report.weights),
    }
