"""The record of an explainer: all that is asked about one kind of prediction to explain it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from db.records import PredictionRecord, SnapshotRecord
from db.session import Session
from domain.documents import JsonMapping, JsonObject
from ml.explain.counterfactual import Goal, LogOdds
from ml.explain.neighbours import Space


@dataclass(frozen=True, slots=True, kw_only=True)
class Answerer:
    """What gave a prediction, opened once more so that it can be asked about other leads, or about this one changed."""

    #: rows of features -> the log-odds of each
    log_odds: LogOdds
    #: rows of features -> their places in the model's own space; None where leads cannot be compared by it
    space: Space | None = None


#: computes a stored prediction once more: whether it is the `same` bit for bit (None: it cannot be computed again),
#: what was stored, what came out, and why they differ
Replay = Callable[[Session, str, PredictionRecord, SnapshotRecord], JsonObject]
#: opens what gave a prediction of a tenant; a text says why it cannot be asked
Open = Callable[[Session, str, PredictionRecord], Answerer | str]
#: the border that would bring a prediction into the next better band, by the tenant's settings; None: it is in the best
FindGoal = Callable[[PredictionRecord, JsonMapping], Goal | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explainer:
    """How one kind of prediction is explained: how it is computed again, and asked what would change it."""

    #: the kind that predictions carry
    kind: str
    replay: Replay
    #: None: rules gave it, and nothing can be asked about other features
    open: Open | None = None
    find_goal: FindGoal | None = None
    #: whether a higher probability is better
    rises: bool = True
