"""Read the rows that a study is judged by: the same for all of its folds, or none."""

from __future__ import annotations

from db.records import StudyRecord
from db.repositories.privacy import tombstones
from db.session import Session, reading
from ml.tuning import Problem
from tasks.contracts.models import TrainModel
from tasks.runtime.context import TaskContext
from tasks.services.models import model_registry
from tasks.services.models.dataset import Dataset
from tasks.services.models.model_kinds import MODEL_KINDS

#: the study that this process read last, with the newest erasure of then: forgotten people do not stay in memory
_kept: dict[tuple[str, str, str | None], Problem] = {}


def read(session: Session, request: TrainModel, context: TaskContext) -> Dataset:
    """Return the rows that a training with this request learns from."""
    kind = MODEL_KINDS[request.kind]
    champion = model_registry.rival(session, request.tenant_id, context.settings(), kind, request.scope)
    return kind.datasets[request.scope](session, request, context, champion)


def problem(study: StudyRecord, context: TaskContext) -> Problem | None:
    """Return what the folds of a study are judged by; None where the rows are not those that it began with."""
    with reading(context.tenant_id) as session:
        key = (context.tenant_id, study.study_id, tombstones.newest(session, context.tenant_id))
        if key in _kept:
            return _kept[key]
        dataset = read(session, training_request(study, context.tenant_id), context)
    _kept.clear()
    if dataset.fingerprint != study.fingerprint:
        return None
    _kept[key] = dataset.problem(study.seed)
    return _kept[key]


def training_request(study: StudyRecord, tenant_id: str, *, options: dict[str, float] | None = None) -> TrainModel:
    """Return the request that trains on a study's rows: as usual, or with hyperparameters."""
    return TrainModel.model_validate(
        {
            "tenant_id": tenant_id,
            "kind": study.kind,
            "as_of": study.as_of,
            "promote": study.promote,
            "seed": study.seed,
            "options": options or None,
        }
    )
