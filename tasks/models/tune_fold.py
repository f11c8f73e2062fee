"""`hearth.models.tune_fold`: one fold of a trial; its result and the trials that follow from it are one transaction."""

from __future__ import annotations

import time
from dataclasses import dataclass

from db.records import FoldRecord, StudyRecord
from db.repositories.tuning import folds, studies
from db.session import Session, database_time, reading, transaction
from domain.documents import JsonObject
from ml import tuning
from ml.ensemble.options import EnsembleOptions
from ml.errors import MlError
from ml.tuning import FoldResult, Problem
from tasks.contracts.tuning import FoldCall
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import job
from tasks.services.tuning import fold_lease, search, study_rows

#: starts of one fold, any of which may end with the death of its worker
ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What came of a fold: a result, or the name of the error for which there is none."""

    result: FoldResult | None
    error: str | None
    seconds: float


def _store_fault(request: FoldCall, error: str) -> None:
    with transaction(request.tenant_id) as session:
        _fail(session, request, error)


def _fail(session: Session, request: FoldCall, error: str) -> None:
    folds.fail(session, request.tenant_id, fold_lease.key_of(request), error=error)


@job("hearth.models.tune_fold", FoldCall, queue="training", internal=True, on_fault=_store_fault)
def tune_fold(request: FoldCall, context: TaskContext) -> JsonObject:
    """Do one fold once, however often it is delivered and whoever dies over it."""
    with fold_lease.held(request, context.task_id) as fold:
        state = "not_free" if fold is None else _do(request, context, fold)
    return context.envelope(request, TaskResult(data={"state": state}))


def _do(request: FoldCall, context: TaskContext, fold: FoldRecord) -> str:
    tuning.require()
    with reading(request.tenant_id) as session:
        study = studies.require(session, request.tenant_id, study_id=request.study_id)
        trials = studies.trials(session, request.tenant_id, study_id=request.study_id)
        spent = database_time(session) >= study.deadline
    if study.state != "searching":
        return "ended"
    if fold.attempts > ATTEMPTS:
        return _store(request, context, fold, _Outcome(result=None, error="Poisonous", seconds=0.0))
    if spent:
        return _end(request, context)
    problem = study_rows.problem(study, context)
    if problem is None:
        # losses on other rows could not be compared
        return _end(request, context, reason=search.CHANGED)
    return _store(request, context, fold, _judged(request, study, problem, dict(trials[request.trial].params)))


def _judged(request: FoldCall, study: StudyRecord, problem: Problem, params: dict[str, float]) -> _Outcome:
    """Return what the hyperparameters of a trial bring on one fold."""
    started = time.monotonic()
    try:
        options = EnsembleOptions(**params)  # type: ignore[arg-type]  # whole numbers are stored as such
        result = tuning.judge(problem, options, fold=request.fold, folds=study.folds, seed=study.seed)
    except MlError as error:
        return _Outcome(result=None, error=type(error).__name__, seconds=time.monotonic() - started)
    return _Outcome(result=result, error=None, seconds=time.monotonic() - started)


def _store(request: FoldCall, context: TaskContext, fold: FoldRecord, outcome: _Outcome) -> str:
    """Store what came of a fold and begin the trials that waited for it."""
    tenant_id, study_id = request.tenant_id, request.study_id
    with context.transaction(tenant_id) as session:
        study = studies.require(session, tenant_id, study_id=study_id, lock=True)
        if study.state != "searching":
            return "ended"
        if outcome.result is None:
            _fail(session, request, outcome.error or "")
        elif not folds.finish(
            session,
            tenant_id,
            fold_lease.key_of(request),
            fence=fold.attempts,
            loss=outcome.result.loss,
            auc=outcome.result.auc,
            rows=outcome.result.rows,
            seconds=outcome.seconds,
        ):
            return "fenced"
        if search.advance(session, context, study):
            search.enqueue_end(session, context, study_id)
        _send_again(session, context, study)
    return "failed" if outcome.result is None else "done"


def _send_again(session: Session, context: TaskContext, study: StudyRecord) -> None:
    """Put folds of killed workers into the queue again: sooner than the sweep would find them."""
    mine = (context.tenant_id, study.study_id)
    found = folds.stalled(session, older_than=search.STILL, limit=50, study=mine)
    stalled = [(trial, fold) for _, _, trial, fold in found]
    folds.mark_enqueued(session, context.tenant_id, study_id=study.study_id, folds=stalled)
    for trial, fold in stalled:
        search.enqueue_fold(context, study.study_id, trial, fold)


def _end(request: FoldCall, context: TaskContext, *, reason: str | None = None) -> str:
    """Have the search ended, for a reason or since its time is up."""
    with context.transaction(request.tenant_id) as session:
        if reason is not None:
            studies.stop(session, request.tenant_id, study_id=request.study_id, reason=reason)
        search.enqueue_end(session, context, request.study_id)
    return "ended"
