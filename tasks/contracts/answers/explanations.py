"""What would change an answer about a lead, and similar closed leads, as answers give them."""

from __future__ import annotations

from typing import Literal

from tasks.contracts.answers.base import Answer, Identified, Interval
from tasks.contracts.base.published import Count, Probability, Published, Time


class LeverStep(Published):
    """Something that somebody can do, so many times."""

    #: its name among the levers
    lever: str
    #: agent: it can be done; lead: it is something to win them for
    by: Literal["agent", "lead"]
    times: Count
    #: plain words
    text: str


class LeverAlone(LeverStep):
    """What a step by itself would change."""

    #: what the model would answer then
    probability: Probability
    #: change of the log-odds
    log_odds: float


class Border(Published):
    """Where the next better band begins."""

    band: str
    border: Probability


class WhatIf(Published):
    """What the model would answer if something were done: no claim of what doing it would cause."""

    #: null: there is no better band
    goal: Border | None
    #: the least that brings the lead into that band; empty where nothing that was tried does
    steps: list[LeverStep]
    #: the answer after these steps; without any, the best of all that was tried
    probability: Probability
    #: single steps that help, the strongest first
    alone: list[LeverAlone]
    #: ways that were scored
    tried: Count
    #: version of the levers
    levers: str


class WhatIfBrief(Published):
    """What would change a score, in one line."""

    #: what is done, in plain words
    text: str
    #: the band that the lead comes to; null: it stays in its own
    band: str | None
    #: what the model would answer then
    probability: Probability


class SimilarLead(Identified):
    """A closed lead that the model sees much like this one."""

    outcome: Literal["won", "lost"]
    #: when the outcome became known
    known_at: Time
    #: in log-odds; 0: the model sees no difference
    distance: float


class SimilarLeads(Published):
    """The closed leads nearest to this one, and what became of them."""

    #: closed leads that were compared
    compared: Count
    #: nearest ones that were counted, and how many of them were won
    of: Count
    won: Count
    #: bounds of the share that is won, nine times in ten
    interval: Interval
    #: half of all compared are nearer than this
    typical_distance: float
    #: no closed lead is like this one: the count says little
    unlike_all: bool
    #: the nearest first
    leads: list[SimilarLead]


class ExplainedScore(Published):
    """The stored answer that is explained."""

    prediction_id: str
    as_of: Time
    probability: Probability | None
    #: band or level
    band: str | None
    model: str


class ExplainedLead(Answer, Identified):
    """What would change a stored answer, and what became of similar closed leads."""

    kind: str
    #: null: nothing of this kind was computed yet
    score: ExplainedScore | None
    what_if: WhatIf | None
    #: null: too few leads are closed, or the kind of answer cannot compare them
    similar: SimilarLeads | None
    #: why neither can be told
    why_not: str | None
