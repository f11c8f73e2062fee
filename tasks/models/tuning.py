"""`hearth.models.tuning`: how far a search for hyperparameters is, and what it tried."""

from __future__ import annotations

from db.errors import UnknownStudy
from db.records import StudyRecord
from db.repositories.tuning import studies
from db.session import Session
from tasks.contracts.tuning import Tuning
from tasks.errors import InvalidPayload
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import query
from tasks.services.tuning.study_views import study_view


@query("hearth.models.tuning", Tuning, queue="inference", scope="read")
def tuning(session: Session, request: Tuning, context: TaskContext) -> TaskResult:
    """Return a study with its trials: the newest of a kind, or the one that is named."""
    study = _study(session, request)
    return TaskResult(data=study_view(study, studies.trials(session, request.tenant_id, study_id=study.study_id)))


def _study(session: Session, request: Tuning) -> StudyRecord:
    if request.study_id is None:
        study = studies.newest(session, request.tenant_id, kind=request.kind)
        if study is None:
            raise InvalidPayload.at("unknown_value", "kind", "there was no search of this kind; start one first")
        return study
    try:
        return studies.require(session, request.tenant_id, study_id=request.study_id)
    except UnknownStudy:
        raise InvalidPayload.at("unknown_value", "study_id", "no search of this tenant has this id") from None
