"""Answers about searches for hyperparameters."""

from __future__ import annotations

from domain.tuning import StudyState, TrialState
from tasks.contracts.answers.base import Answer
from tasks.contracts.base.published import Count, Published, Time


class StartedStudy(Answer):
    """The search that was started, or the one of its kind that goes on; `hearth.models.tuning` says how far it is."""

    #: null: there is too little to learn from
    study_id: str | None
    kind: str
    state: StudyState | None
    #: false: it was started before
    new: bool
    #: labelled rows that it learns from
    rows: Count
    #: the most trials, and the folds of each
    trials: Count
    folds: Count
    #: names of the hyperparameters that are searched
    space: list[str]
    #: what is missing -> how many
    missing: dict[str, Count]


class Trial(Published):
    """One choice of hyperparameters, and how it did."""

    number: Count
    #: empty: the usual choice
    params: dict[str, float]
    state: TrialState
    #: mean log loss of a row over all folds; null unless it is complete
    loss: float | None
    #: of each fold; null where it is not done
    losses: list[float | None]
    auc: float | None
    #: folds that are done
    done: Count
    #: times that work on a fold began: more than the folds where a worker was lost
    attempts: Count
    #: of work on the folds that are done
    seconds: float
    #: names of errors for which folds failed
    errors: list[str]


class Study(Answer):
    """How far a search is, what it tried, and what came of it."""

    study_id: str
    kind: str
    state: StudyState
    rows: Count
    seed: Count
    #: it learns from what was labelled by then
    as_of: Time
    #: the most trials, and the folds of each
    planned: Count
    folds: Count
    budget_minutes: float
    space: list[str]
    #: why no further trial is begun; null while some are
    stop: str | None
    #: number of the trial that won; null until the search has ended
    best_trial: Count | None
    #: of the usual hyperparameters, and of the best so far
    usual_loss: float | None
    best_loss: float | None
    #: of the model that the winner was trained to
    version: str | None
    promoted: bool | None
    reason: str | None
    created_at: Time
    ended_at: Time | None
    trials: list[Trial]
