"""Answers of `hearth.leads.*`."""

from __future__ import annotations

from typing import Literal

from domain.action_states import ActionState
from domain.leads import LeadType
from domain.risk import RiskLevel
from domain.scores import Band
from tasks.contracts.answers.actions import ActionOnCard, HeldOutAction
from tasks.contracts.answers.base import Answer, Identified, Interval, LeadInDoubt, Standing
from tasks.contracts.answers.consent import ConsentView
from tasks.contracts.answers.explanations import WhatIf, WhatIfBrief
from tasks.contracts.answers.online import OnlineBrief, OnlineScores
from tasks.contracts.answers.personalization import (
    Advice,
    JourneyBrief,
    Personalization,
    SendWindowBrief,
    ToneBrief,
)
from tasks.contracts.answers.risk import Risk
from tasks.contracts.base.published import Count, Probability, Published, Time

Scope = Literal["tenant", "pooled", "scorecard"]


class Rejected(Published):
    """A lead of the message that was not stored."""

    #: its place in the message, from 0
    index: Count
    #: why, e.g. `row.no_identity`
    code: str


class UpsertedLeads(Answer):
    """What became of the leads of the message. The lists are in the order of the message."""

    created: Count
    updated: Count
    unchanged: Count
    rejected: list[Rejected]
    #: null: rejected
    lead_ids: list[str | None]
    #: null: rejected, or a lead without one. Both lists are left out, with a warning, where they do not fit
    external_ids: list[str | None] | None = None
    source_systems: list[str | None] | None = None


class Reason(Published):
    """A reason for a score."""

    #: the strongest feature behind it
    feature: str
    #: what it is about; scores that were stored before have none
    meaning: str | None = None
    #: plain words
    text: str
    #: what it adds to the log-odds, or takes away
    contribution: float


class RestPart(Published):
    """A part of what no reason names."""

    text: str
    contribution: float


class Explained(Published):
    """A probability and what it is made of: `base`, all of `up` and `down`, and `rest` add up to `log_odds`."""

    probability: Probability
    band: Band
    log_odds: float
    base: float
    up: list[Reason]
    down: list[Reason]
    rest: float
    #: parts of `rest` that can be named; scores that were stored before have none
    rest_parts: list[RestPart] | None = None
    #: bounds of the share of such leads that closes; null where nobody measured it
    interval: Interval | None
    #: 0 to 100: who they are, what they do
    fit: float
    engagement: float
    #: 0 to 1: how much of what the model reads is known
    data_quality: float


class SentLeadScore(Explained):
    """The score of one lead, stored or sent along."""

    #: null for a lead that was sent along
    lead_id: str | None
    #: null where the lead has none, absent for a lead that was sent along
    external_id: str | None = None
    source_system: str | None = None
    #: the probability in per cent
    score: int


class ScoredLead(Answer):
    """The score of one lead."""

    lead: SentLeadScore


class ScoredLeads(Answer):
    """How many leads were scored; their scores are in the database: ask for the worklist or a card."""

    scored: Count
    #: absent where none was scored
    bands: dict[Band, Count] | None = None
    #: leads of whom nothing may be computed, by our ids
    blocked: list[str] | None = None
    #: whose ids those in `blocked` are
    identities: list[Identified] | None = None


class OverrideBrief(Published):
    """A person's judgement that counts instead of the score."""

    band: Band
    #: null where the person gave a band
    probability: Probability | None
    reason: str
    actor: str
    set_at: Time


class Override(OverrideBrief):
    """A person's judgement, also one that was withdrawn."""

    override_id: str
    withdrawn_at: Time | None
    withdrawn_by: str | None


class Overridden(Answer, Identified):
    """The override, and what counts now; null where the lead was never scored."""

    override: Override
    standing: Standing | None


class OverrideWithdrawn(Answer, Identified):
    """Whether an override was active, and what counts now; null where the lead was never scored."""

    withdrawn: bool
    standing: Standing | None


class Marked(Answer, Identified):
    """What somebody said of a score."""

    prediction_id: str
    verdict: Literal["wrong", "right"]
    reason: str
    actor: str
    #: the version of the model that computed the score
    model: str


class Mark(Published):
    """What somebody said of a score."""

    verdict: Literal["wrong", "right"]
    reason: str
    actor: str
    at: Time


class PastScore(Published):
    """A stored score with the marks that people gave it."""

    prediction_id: str
    as_of: Time
    computed_at: Time
    probability: Probability
    band: Band
    interval: Interval | None
    fit: float | None
    engagement: float | None
    data_quality: float | None
    model: str
    scope: Scope
    marks: list[Mark]


class History(Answer, Identified):
    """The scores of a lead, newest first."""

    points: list[PastScore]
    overrides: list[Override]
    #: send it as `before` for the next page; null: there is none
    before: Time | None


class Change(Published):
    """What is new about a lead since yesterday."""

    since: Time
    #: what its score was, and by how much it rose
    probability: Probability
    delta: float
    band: Band
    #: kind of event -> how often
    events: dict[str, Count]
    text: str


class Money(Published):
    """An amount in the tenant's own figures."""

    amount: float
    currency: str


class RiskBrief(Published):
    """The risk that a lead goes cold, in short."""

    probability: Probability
    level: RiskLevel
    neglected: bool
    note: str | None


class WorklistRow(Identified):
    """One call. The last rows of a very long list have the first eleven keys and the system alone.

    How to speak to the lead (the last four keys) is left out first, from the last row on.
    """

    rank: Count
    probability: Probability
    band: Band
    #: plain words
    reasons: list[str]
    why_now: str | None
    action: str
    due_by: Time | None
    model: str
    channel: str
    not_before: Time | None
    #: the planned action that this is; null where none is planned
    action_id: str | None = None
    #: null where the tenant set no figures
    expected_value: Money | None = None
    interval: Interval | None = None
    fit: float | None = None
    engagement: float | None = None
    override: OverrideBrief | None = None
    assigned_to: str | None = None
    prediction_id: str | None = None
    changed: Change | None = None
    risk: RiskBrief | None = None
    #: how to speak to the lead; null: never assessed
    tone: ToneBrief | None = None
    journey: JourneyBrief | None = None
    send_window: SendWindowBrief | None = None
    suggestion: Advice | None = None
    #: only where it was asked for; null: nothing helps, it cannot be told, or there was no room
    what_if: WhatIfBrief | None = None
    #: the online score that moved most in the last days; null: none has, or too little was learnt
    online: OnlineBrief | None = None


class Worklist(Answer):
    """Today's calls in order."""

    as_of: Time
    leads: list[WorklistRow]
    #: rows that did not fit into the answer
    cut: Count
    #: leads that could be called and are scored
    scored: Count
    #: of these: nothing says when they came in or were last heard of; no assessment has looked at them
    without_dates: Count
    not_assessed: Count
    #: leads that nobody may contact, and by which rule
    withheld: Count
    withheld_by: dict[str, Count]
    in_doubt: list[LeadInDoubt]


class WhyNot(Published):
    """Why a lead may not be contacted on a channel; null: on any."""

    channel: str | None
    rule: str
    text: str


class NextAction(Published):
    """The one thing to do now; `action` is null where nothing may be done."""

    why_now: str | None
    action: str | None
    channel: str | None
    due_by: Time | None
    not_before: Time | None
    silent_days: float | None
    overdue: bool | None
    #: when an inquiry came in that nobody has answered
    inquiry_at: Time | None
    #: price of the deal, where it is known
    value: float | None = None
    action_id: str | None
    state: ActionState | None
    why_not: list[WhyNot]


class CardScore(Explained):
    """The score that counts; the parts are the model's, also where a person judged otherwise."""

    #: only where it was asked for; null: it cannot be told
    what_if: WhatIf | None = None

    prediction_id: str
    as_of: Time
    model: str
    #: what the model says
    automatic: Standing


class CardActions(Published):
    """What is done about a lead at risk."""

    held_out: bool
    running: list[ActionOnCard]
    blocked: list[ActionOnCard]
    past: list[ActionOnCard | HeldOutAction]


class CardEvent(Published):
    """Something that happened."""

    kind: str
    at: Time


class Card(Answer, Identified):
    """Everything about one lead."""

    lead_type: LeadType | None
    stage: str | None
    status: Literal["open", "won", "lost", "archived"]
    assigned_to: str | None
    #: False: the lead refused every channel
    contactable: bool
    #: why nothing may be computed: restricted, objected
    blocked: list[str]
    next: NextAction
    #: null: never scored
    score: CardScore | None
    override: Override | None
    changed: Change | None
    expected_value: Money | None
    #: thresholds that the score is above, and since when
    above: dict[str, Time]
    history: list[PastScore]
    #: null: never assessed, or the lead has ended
    risk: Risk | None
    #: how to speak to it; null: never assessed, or nothing may be computed
    personalization: Personalization | None
    #: what was learnt of outcomes since the model was trained; null: the lead has ended, or nothing may be computed
    online: OnlineScores | None = None
    actions: CardActions
    consent: ConsentView
    events: list[CardEvent]
    outcomes: list[str]
