"""`hearth.models.tune_sweep`: send lost work of searches again, and end those whose time is up."""

from __future__ import annotations

from db.repositories.tuning import folds, studies
from db.session import EVERY_TENANT, transaction
from domain.documents import JsonObject
from tasks.contracts.system import Upkeep
from tasks.models.tune_end import tune_end
from tasks.models.tune_fold import tune_fold
from tasks.runtime import schedule
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import job
from tasks.services.tuning import search

#: seconds before the end of a study that nobody works on is sent again
AGAIN = 60.0
#: seconds between two sweeps
EVERY = 5
MOST = 500


@job("hearth.models.tune_sweep", Upkeep, queue="batch", internal=True)
def tune_sweep(request: Upkeep, context: TaskContext) -> JsonObject:
    """Send folds whose lease ran out again, and the ends of studies that are due, once per scheduled slot."""
    if not schedule.is_due("models.tune_sweep", EVERY):
        return context.envelope(request, TaskResult(data={"folds": 0, "endings": 0}))
    with transaction(EVERY_TENANT) as session:
        stalled = folds.stalled(session, older_than=search.STILL, limit=MOST)
        for tenant_id, study_id, trial, fold in stalled:
            folds.mark_enqueued(session, tenant_id, study_id=study_id, folds=[(trial, fold)])
        due = studies.due(session, lease=f"{tune_end.name}:", older_than=AGAIN, limit=MOST)
        for tenant_id, study_id in due:
            studies.mark_end_enqueued(session, tenant_id, study_id=study_id)
    for tenant_id, study_id, trial, fold in stalled:
        tune_fold.delay(tenant_id=tenant_id, study_id=study_id, trial=trial, fold=fold)
    for tenant_id, study_id in due:
        tune_end.delay(tenant_id=tenant_id, study_id=study_id)
    return context.envelope(request, TaskResult(data={"folds": len(stalled), "endings": len(due)}))
