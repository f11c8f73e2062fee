"""Requests of the searches for hyperparameters, `hearth.models.tune…`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from domain.tuning import BUDGET, FOLDS, MOST_BUDGET, MOST_FOLDS, MOST_TRIALS, TRIALS
from tasks.contracts.base.request import Identifier, PastTime, Request
from tasks.contracts.models import KindName, Promotion


class TuneModel(Request):
    """Search for better hyperparameters of a kind of model, on the tenant's own leads.

    The search goes on in the background; `hearth.models.tuning` says how far it is. What wins is trained on all rows
    and promoted if it earns it, as after any training.
    """

    kind: KindName
    #: the most trials, the usual hyperparameters among them
    trials: Annotated[int, Field(ge=2, le=MOST_TRIALS)] = TRIALS
    folds: Annotated[int, Field(ge=2, le=MOST_FOLDS)] = FOLDS
    #: minutes that trials may take; the winner is trained after them
    budget: Annotated[float, Field(gt=0, le=MOST_BUDGET)] = BUDGET
    promote: Promotion = "auto"
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    #: learn from what was labelled by then; left out: by now
    as_of: PastTime | None = None

    def lease_name(self) -> str:
        """Return the name of a kind: one search of it starts at a time."""
        return self.kind


class Tuning(Request):
    """Read how far a search is, and what it tried."""

    kind: KindName
    #: left out: the newest search of the kind
    study_id: Identifier | None = None


class FoldCall(Request):
    """Do one fold of a trial."""

    study_id: Identifier
    trial: Annotated[int, Field(ge=0, le=MOST_TRIALS)]
    fold: Annotated[int, Field(ge=0, le=MOST_FOLDS)]


class StudyCall(Request):
    """End a search: train what won."""

    study_id: Identifier

    def lease_name(self) -> str:
        """Return the name of the search: one worker ends it."""
        return self.study_id
