"""Answers of `hearth.online.*`."""

from __future__ import annotations

from typing import Literal

from domain.learners import LearnerType
from domain.targets import Target
from tasks.contracts.answers.base import Answer
from tasks.contracts.base.published import Count


class Learnt(Answer):
    """How far the online learner of a target is."""

    target: Target
    #: learnt: it knows every signal; held: another worker is learning; more: the rest is learnt by the next message;
    #: unchanged: a dry run
    state: Literal["learnt", "held", "more", "unchanged"]
    #: signals that this message learnt for the first time
    applied: Count
    #: counted up whenever it is built anew; 0: there is no signal yet
    generation: Count
    #: number of the newest signal that it knows
    cursor: Count
    #: signals that it knows; null: a dry run
    signals: Count | None
    #: the learner that is the best of late; null: nothing was learnt yet
    leader: LearnerType | None
