"""Drive a search: end trials whose folds are in, and begin those that may.

A trial is proposed from the trials that came `width` before it, which have all ended, and from the params alone of
those after these. So what a search tries depends on its seed and its rows and on no worker: neither on which folds were
done first nor on whose process was killed.
"""

from __future__ import annotations

from dataclasses import replace

from db.records import StudyRecord, TrialRecord
from db.repositories.tuning import folds, studies
from db.session import Session, database_time
from domain.tuning import TrialState
from ml import tuning
from ml.tuning import FoldResult, Tried
from tasks.runtime.context import TaskContext

#: why a search ends
ALL_TRIED = "all trials were tried"
SPENT = "the budget was spent"
CHANGED = "the leads that it learns from changed"

#: seconds that a fold may wait in the queue before it counts as lost: above the broker's visibility time-out
STILL = 1000.0


def advance(session: Session, context: TaskContext, study: StudyRecord) -> bool:
    """End and begin trials of a searching study that is locked by this transaction; return whether it is to end."""
    trials = [_settled(session, context.tenant_id, study, trial) for trial in _trials(session, context, study)]
    if study.stop is not None or database_time(session) >= study.deadline:
        return True
    while len(trials) < study.trials and _may_begin(study, trials):
        trials.append(_begin(session, context, study, trials))
    return len(trials) == study.trials and all(trial.state != "open" for trial in trials)


def close(session: Session, context: TaskContext, study: StudyRecord) -> StudyRecord:
    """End the search of a study that is locked by this transaction: cut what is open, and choose the winner."""
    trials = _trials(session, context, study)
    for trial in trials:
        if trial.state == "open":
            studies.end_trial(
                session, context.tenant_id, study_id=study.study_id, number=trial.number, state="cut", loss=None
            )
    folds.cut(session, context.tenant_id, study_id=study.study_id)
    all_tried = len(trials) == study.trials and all(trial.state != "open" for trial in trials)
    studies.stop(session, context.tenant_id, study_id=study.study_id, reason=ALL_TRIED if all_tried else SPENT)
    best = tuning.best({trial.number: trial.loss for trial in trials if trial.loss is not None})
    if best is None:
        reason = "no trial was complete when the search ended"
        studies.finish(
            session,
            context.tenant_id,
            study_id=study.study_id,
            version=None,
            promoted=False,
            reason=reason,
            now=context.now,
        )
    else:
        studies.begin_training(session, context.tenant_id, study_id=study.study_id, best_trial=best)
    return studies.require(session, context.tenant_id, study_id=study.study_id)


def _trials(session: Session, context: TaskContext, study: StudyRecord) -> list[TrialRecord]:
    return studies.trials(session, context.tenant_id, study_id=study.study_id)


def _settled(session: Session, tenant_id: str, study: StudyRecord, trial: TrialRecord) -> TrialRecord:
    """Return a trial, ended where its last fold is in; only with all folds has it a loss."""
    if trial.state != "open" or any(fold.state == "pending" for fold in trial.folds):
        return trial
    results = [
        FoldResult(loss=fold.loss, auc=fold.auc, rows=fold.rows)
        for fold in trial.folds
        if fold.loss is not None and fold.rows is not None
    ]
    complete = len(results) == study.folds
    state: TrialState = "complete" if complete else "failed"
    loss = tuning.loss_of(results) if complete else None
    studies.end_trial(session, tenant_id, study_id=study.study_id, number=trial.number, state=state, loss=loss)
    return replace(trial, state=state, loss=loss)


def _may_begin(study: StudyRecord, trials: list[TrialRecord]) -> bool:
    return all(trial.state != "open" for trial in trials[: _known(study, len(trials))])


def _known(study: StudyRecord, number: int) -> int:
    """Return how many trials must have ended before trial `number` is proposed."""
    return max(0, number - study.width + 1)


def _begin(session: Session, context: TaskContext, study: StudyRecord, trials: list[TrialRecord]) -> TrialRecord:
    """Begin the next trial; the first has the usual hyperparameters, so that the others are compared with them."""
    number = len(trials)
    params = _proposed(study, trials) if trials else {}
    studies.add_trial(
        session, context.tenant_id, study_id=study.study_id, number=number, params=params, folds=study.folds
    )
    for fold in range(study.folds):
        enqueue_fold(context, study.study_id, number, fold)
    return TrialRecord(
        number=number, params=params, state="open", loss=None, created_at=context.now, ended_at=None, folds=()
    )


def _proposed(study: StudyRecord, trials: list[TrialRecord]) -> dict[str, float]:
    known = _known(study, len(trials))
    ended = [Tried(params=trial.params, loss=trial.loss) for trial in trials[:known] if trial.loss is not None]
    open_trials = [Tried(params=trial.params, loss=None) for trial in trials[known:]]
    space = tuple(parameter for parameter in tuning.everything() if parameter.name in study.space)
    return tuning.propose(space, ended + open_trials, seed=study.seed, number=len(trials))


def enqueue_fold(context: TaskContext, study_id: str, trial: int, fold: int) -> None:
    """Put one fold into the queue with the effect."""
    context.enqueue("hearth.models.tune_fold", tenant_id=context.tenant_id, study_id=study_id, trial=trial, fold=fold)


def enqueue_end(session: Session, context: TaskContext, study_id: str) -> None:
    """Put the end of a search into the queue with the effect."""
    studies.mark_end_enqueued(session, context.tenant_id, study_id=study_id)
    context.enqueue("hearth.models.tune_end", tenant_id=context.tenant_id, study_id=study_id)
