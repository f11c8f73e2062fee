"""The words of a search for hyperparameters: a study has trials, a trial has folds."""

from __future__ import annotations

from typing import Literal

#: a study: trials are run; the winner is trained on all rows; it has ended with a model; it has ended without one
StudyState = Literal["searching", "training", "finished", "failed"]
#: a trial: folds are missing; all of them are done; one failed for good; the study ended before it
TrialState = Literal["open", "complete", "failed", "cut"]
#: one fold of a trial; cut: the study ended before it
FoldState = Literal["pending", "done", "failed", "cut"]

#: states of a study that has not ended; a tenant has one such study of a kind at most
LIVE: tuple[StudyState, ...] = ("searching", "training")
#: trials of a study, and the most that may be asked for
TRIALS, MOST_TRIALS = 20, 100
#: folds of a trial
FOLDS, MOST_FOLDS = 3, 10
#: trials that may be open at once; a trial is proposed from those that came so many before it
WIDTH = 4
#: minutes that a search may take, and the most
BUDGET, MOST_BUDGET = 30.0, 24 * 60.0
