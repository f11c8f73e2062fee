"""Answers of `hearth.models.tuning`, as the page of a search draws them."""

from datetime import UTC, datetime

AT = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)


def trial(number, losses, params=None, *, state="complete", attempts=None, errors=()):
    done = [loss for loss in losses if loss is not None]
    return {
        "number": number,
        "params": params or {},
        "state": state,
        "loss": sum(done) / len(losses) if state == "complete" else None,
        "losses": losses,
        "auc": 0.75 if state == "complete" else None,
        "done": len(done),
        "attempts": len(losses) if attempts is None else attempts,
        "seconds": 2.5 * len(done),
        "errors": list(errors),
    }


TRIALS = [
    trial(0, [0.50, 0.52, 0.51]),
    trial(1, [0.49, 0.50, 0.48], {"penalty": 0.0123, "leaves": 12}, attempts=4),
    trial(2, [0.60, 0.61, 0.62], {"penalty": 8.0, "leaves": 60}),
    trial(3, [0.40, None, 0.41], {"penalty": 0.1, "leaves": 7}, state="failed", errors=["LabelsError"]),
    trial(4, [0.45, None, None], {"penalty": 0.2, "leaves": 8}, state="cut"),
]
STUDY = {
    "study_id": "0190c0de-1111-7222-8333-444455556666",
    "kind": "lead_score",
    "state": "finished",
    "rows": 1840,
    "seed": 7,
    "as_of": "2026-12-01T09:00:00Z",
    "planned": 20,
    "folds": 3,
    "budget_minutes": 30.0,
    "space": ["penalty", "leaves", "features_share"],
    "stop": "the budget was spent",
    "best_trial": 1,
    "usual_loss": 0.51,
    "best_loss": 0.49,
    "version": "lead_score-0002",
    "promoted": True,
    "reason": "better than the present champion: Brier 0.150 against 0.160",
    "created_at": "2026-12-01T09:00:00Z",
    "ended_at": "2026-12-01T09:30:00Z",
    "trials": TRIALS,
}
BEGUN = STUDY | {
    "state": "searching",
    "stop": None,
    "best_trial": None,
    "usual_loss": None,
    "best_loss": None,
    "version": None,
    "promoted": None,
    "reason": None,
    "ended_at": None,
    "trials": [trial(0, [None, None, None], state="open", attempts=0)],
}
EMPTY = BEGUN | {"state": "failed", "promoted": False, "reason": "no trial was complete when the search ended"}
