"""Answers of `hearth.online.*`."""

from __future__ import annotations

from typing import Literal

from domain.learners import LearnerType
from domain.targets import Target
from tasks.contracts.answers.base import Answer
from tasks.contracts.base.published import Count, Probability, Published, Time


class OnlineChange(Published):
    """How far an online score has moved in the last days."""

    #: percentage points
    points: int
    #: moment of the score that it is compared with, and that score
    since: Time
    before: Probability


class OnlineBrief(Published):
    """The online score of a lead that moved most, in short."""

    target: Target
    probability: Probability
    #: 0: nothing is known beyond how often it comes true, to 1
    confidence: Probability
    change: OnlineChange
    text: str


class OnlineScore(Published):
    """What the online learners say of one target."""

    target: Target
    #: what is asked, as people read it
    question: str
    #: cold: too few outcomes were learnt to rely on it
    status: Literal["cold", "ready"]
    probability: Probability
    confidence: Probability
    #: outcomes that it was learnt from
    signals: Count
    as_of: Time
    model: str
    prediction_id: str
    #: null: it has not moved
    change: OnlineChange | None
    text: str


class OnlineScores(Published):
    """What the online learners say of a lead, beside the models: it decides nothing by itself."""

    #: why there are none; null: there are some
    text: str | None
    scores: list[OnlineScore]


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
    #: of the blend, over all that was learnt, each outcome foretold before it was learnt
    log_loss: float | None
    #: expert of the blend -> its weight now
    weights: dict[str, Probability]
