"""`hearth.models.tune_end`: end a search, train what won on all rows, and let it earn its place as any challenger."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

from db.records import StudyRecord
from db.repositories.tuning import studies
from db.session import Session, reading, transaction
from domain.documents import JsonObject
from tasks.contracts.tuning import StudyCall
from tasks.models.train import train_model
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import job
from tasks.services.tuning import search, study_rows


def _store_fault(request: StudyCall, error: str) -> None:
    with transaction(request.tenant_id) as session:
        _finish(session, request, {"reason": f"the winner could not be trained: {error}"}, datetime.now(UTC))


@job("hearth.models.tune_end", StudyCall, queue="training", internal=True, on_fault=_store_fault)
def tune_end(request: StudyCall, context: TaskContext) -> JsonObject:
    """Close a search that is to end and train the winner; a search that is not to end goes on."""
    study = _closed(request, context)
    if study.state == "training":
        trained = cast("JsonObject", train_model.body(_winner(request, study), context))
        with context.transaction(request.tenant_id) as session:
            _finish(session, request, trained["data"], context.now)
    return context.envelope(request, TaskResult(data={"state": study.state}))


def _closed(request: StudyCall, context: TaskContext) -> StudyRecord:
    with context.transaction(request.tenant_id) as session:
        study = studies.require(session, request.tenant_id, study_id=request.study_id, lock=True)
        if study.state == "searching" and search.advance(session, context, study):
            study = search.close(session, context, study)
    return study


def _winner(request: StudyCall, study: StudyRecord) -> object:
    """Return the request that trains the trial that won; the usual hyperparameters are given as none."""
    with reading(request.tenant_id) as session:
        trials = studies.trials(session, request.tenant_id, study_id=study.study_id)
    params = next(trial.params for trial in trials if trial.number == study.best_trial)
    return study_rows.training_request(study, request.tenant_id, options=dict(params))


def _finish(session: Session, request: StudyCall, trained: JsonObject, now: datetime) -> None:
    studies.finish(
        session,
        request.tenant_id,
        study_id=request.study_id,
        version=trained.get("version"),
        promoted=bool(trained.get("promoted")),
        reason=trained["reason"],
        now=now,
    )
