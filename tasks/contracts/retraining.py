"""Requests of `hearth.models.retrain…` and of the scores beside those that are served."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from domain.retraining import Challenger, RetrainingCause
from tasks.contracts.base.request import Identifier, PastTime, Request
from tasks.contracts.models import KindName, Promotion


class RetrainModels(Request):
    """Train challengers of some kinds of model on the newest labels, and let them earn their place.

    A kind that is being retrained is not started again.
    """

    #: left out: every kind
    kinds: Annotated[list[KindName], Field(min_length=1, max_length=10)] | None = None
    cause: RetrainingCause = "request"
    promote: Promotion = "auto"
    #: one challenger learns from labels alone that became known since: from when on things are different
    since: PastTime | None = None


class RetrainingCall(Request):
    """Do one stage of a run."""

    retraining_id: Identifier


class ChallengerCall(RetrainingCall):
    """Train one challenger of a run."""

    challenger: Challenger
