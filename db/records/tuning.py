"""Searches for hyperparameters: studies, their trials, and the folds of each trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from domain.tuning import FoldState, StudyState, TrialState


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyDraft:
    """A search to be started."""

    #: name of the kind of model
    kind: str
    seed: int
    #: the rows are those that were labelled by then
    as_of: datetime
    #: the most trials, and the folds of each
    trials: int
    folds: int
    #: a trial is proposed from those that came so many before it
    width: int
    #: seconds that the search may take
    budget: float
    #: what becomes of the winner: auto, ask, never
    promote: str
    #: of the rows; folds on other rows could not be compared
    fingerprint: str
    rows: int
    #: names of the hyperparameters that are searched
    space: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRecord(StudyDraft):
    """A search and how far it is."""

    study_id: str
    state: StudyState
    #: why no further trial is begun; None while there is no reason
    stop: str | None
    #: number of the trial that won
    best_trial: int | None
    #: of the model that the winner was trained to
    version: str | None
    promoted: bool | None
    #: why it was promoted or not, or why there is no model
    reason: str | None
    created_at: datetime
    #: when the budget is spent, in database time
    deadline: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldKey:
    """Which fold it is, among those of a tenant."""

    study_id: str
    trial: int
    #: from 0
    fold: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldRecord:
    """One fold of a trial."""

    trial: int
    #: from 0
    fold: int
    state: FoldState
    #: mean log loss of a validation row
    loss: float | None
    auc: float | None
    #: validation rows
    rows: int | None
    seconds: float | None
    #: name of the error for which it failed for good
    error: str | None
    #: number of times that work on it began; the fence of its lease
    attempts: int
    #: end of a worker's lease, in database time
    leased_until: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """One choice of hyperparameters, with its folds by number."""

    number: int
    #: empty: the usual choice
    params: Mapping[str, float]
    state: TrialState
    #: mean log loss of a row over all folds; None unless complete
    loss: float | None
    created_at: datetime
    ended_at: datetime | None
    folds: tuple[FoldRecord, ...]
