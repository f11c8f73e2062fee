"""A study as callers read it."""

from __future__ import annotations

from collections.abc import Sequence

from db.records import StudyRecord, TrialRecord
from domain.documents import JsonObject


def study_view(study: StudyRecord, trials: Sequence[TrialRecord]) -> JsonObject:
    """Return how far a study is, what it tried, and what came of it."""
    losses = {trial.number: trial.loss for trial in trials if trial.loss is not None}
    return {
        "study_id": study.study_id,
        "kind": study.kind,
        "state": study.state,
        "rows": study.rows,
        "seed": study.seed,
        "as_of": study.as_of,
        "planned": study.trials,
        "folds": study.folds,
        "budget_minutes": study.budget / 60,
        "space": list(study.space),
        "stop": study.stop,
        "best_trial": study.best_trial,
        "usual_loss": losses.get(0),
        "best_loss": min(losses.values(), default=None),
        "version": study.version,
        "promoted": study.promoted,
        "reason": study.reason,
        "created_at": study.created_at,
        "ended_at": study.ended_at,
        "trials": [_trial_view(trial) for trial in trials],
    }


def _trial_view(trial: TrialRecord) -> JsonObject:
    done = [fold for fold in trial.folds if fold.state == "done"]
    errors = sorted({fold.error for fold in trial.folds if fold.error is not None})
    return {
        "number": trial.number,
        "params": dict(trial.params),
        "state": trial.state,
        "loss": trial.loss,
        "losses": [fold.loss for fold in trial.folds],
        "auc": _mean_auc(trial),
        "done": len(done),
        "attempts": sum(fold.attempts for fold in trial.folds),
        "seconds": round(sum(fold.seconds or 0.0 for fold in done), 3),
        "errors": errors,
    }


def _mean_auc(trial: TrialRecord) -> float | None:
    known = [(fold.auc, fold.rows) for fold in trial.folds if fold.auc is not None and fold.rows]
    if trial.state != "complete" or len(known) < len(trial.folds):
        return None
    return sum(auc * rows for auc, rows in known) / sum(rows for _, rows in known)
