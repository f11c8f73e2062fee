"""`hearth.models.tune`: start a search for hyperparameters; its trials run as tasks of the training queue."""

from __future__ import annotations

from dataclasses import replace

from db.records import StudyDraft, StudyRecord
from db.repositories.tuning import studies
from db.session import Session, reading
from domain.documents import JsonObject
from domain.tuning import WIDTH
from ml import tuning
from ml.errors import SamplerMissing
from tasks.contracts.models import TrainModel
from tasks.contracts.tuning import TuneModel
from tasks.errors import InvalidPayload
from tasks.runtime import idempotency
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import job
from tasks.services.models.dataset import Dataset
from tasks.services.tuning import search, study_rows


@job("hearth.models.tune", TuneModel, queue="training")
def tune(request: TuneModel, context: TaskContext) -> JsonObject:
    """Start a search with its first trials, or return the one of this kind that has not ended."""
    _require_sampler()
    training = TrainModel.model_validate(
        {
            "tenant_id": request.tenant_id,
            "kind": request.kind,
            "seed": request.seed,
            "as_of": request.as_of or context.now,
        }
    )
    with reading(request.tenant_id) as session:
        dataset = study_rows.read(session, training, context)
    if dataset.missing:
        return context.envelope(request, _too_few(request, dataset))
    draft = _draft(request, training, dataset)
    with context.transaction(request.tenant_id, dry_run=request.dry_run) as session:
        claim = context.claim(idempotency.key_of(request, context.task_id))
        return idempotency.once(
            session, request.tenant_id, claim, lambda: context.envelope(request, _start(session, draft, context))
        )


def _require_sampler() -> None:
    try:
        tuning.require()
    except SamplerMissing as error:
        raise InvalidPayload.at("conflict", "kind", str(error)) from None


def _draft(request: TuneModel, training: TrainModel, dataset: Dataset) -> StudyDraft:
    assert training.as_of is not None
    problem = dataset.problem(request.seed)
    return StudyDraft(
        kind=request.kind,
        seed=request.seed,
        as_of=training.as_of,
        trials=request.trials,
        folds=request.folds,
        width=WIDTH,
        budget=request.budget * 60,
        promote=request.promote,
        fingerprint=dataset.fingerprint,
        rows=len(problem.matrix),
        space=tuple(parameter.name for parameter in problem.space(folds=request.folds)),
    )


def _start(session: Session, draft: StudyDraft, context: TaskContext) -> TaskResult:
    study, new = studies.create(session, context.tenant_id, draft=draft, now=context.now)
    if new:
        search.advance(session, context, study)
    return TaskResult(data=_started(study, new=new))


def _started(study: StudyRecord, *, new: bool) -> JsonObject:
    return {
        "study_id": study.study_id,
        "kind": study.kind,
        "state": study.state,
        "new": new,
        "rows": study.rows,
        "trials": study.trials,
        "folds": study.folds,
        "space": list(study.space),
        "missing": {},
    }


def _too_few(request: TuneModel, dataset: Dataset) -> TaskResult:
    data = {"study_id": None, "kind": request.kind, "state": None, "new": False, "rows": len(dataset.truth)}
    plan = {"trials": request.trials, "folds": request.folds, "space": [], "missing": dict(dataset.missing)}
    return replace(TaskResult(data={**data, **plan}), status="insufficient_data")
