"""Answers about retraining."""

from __future__ import annotations

from domain.retraining import RetrainingState
from tasks.contracts.answers.base import Answer
from tasks.contracts.base.published import Published


class RetrainingRun(Published):
    """One run of one kind of model."""

    retraining_id: str
    kind: str
    state: RetrainingState
    #: false: it was started before and goes on
    new: bool


class Retraining(Answer):
    """The runs that were started, and those of the same kinds that go on."""

    runs: list[RetrainingRun]
