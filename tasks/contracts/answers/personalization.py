"""How to speak to a lead, as answers give it: its tone, where it stands, when and how to write, what to say.

No text of a message and no name is in it: what a lead said is named by the id of the event.
"""

from __future__ import annotations

from typing import Any, Literal

from domain.emotions import EmotionalState
from domain.facts import Bound, FactKind
from domain.journey import JourneyStage
from tasks.contracts.base.published import Count, Probability, Published, Time

#: who says so: a trained model or a written rule
By = Literal["model", "rule"]
#: what a habit was learnt from: the lead's own messages, those of all the tenant's leads, nothing yet
Basis = Literal["own", "tenant", "prior"]
ToneStatus = Literal["ok", "insufficient_data"]
WindowStatus = Literal["ok", "insufficient_data", "blocked"]


class JourneyEvidence(Published):
    """Something that moved the stage of the journey."""

    code: str
    #: plain words
    text: str
    #: what it adds to the stage, or takes away
    weight: float


class JourneyBrief(Published):
    """Where a lead stands on its way to a decision, in short."""

    stage: JourneyStage
    probability: Probability
    #: against the assessment before
    moved: Literal["first", "same", "up", "down"]


class Journey(JourneyBrief):
    """Where a lead stands on its way to a decision."""

    probabilities: dict[JourneyStage, Probability]
    #: the expected stage, 0 (initial interest) to 4 (ready to buy)
    expected: float
    #: the stage before this assessment; null: none was known
    before: JourneyStage | None
    #: what moved it, strongest first
    evidence: list[JourneyEvidence]
    by: By


class ToneBrief(Published):
    """The tone of a lead's messages, in short: a hint about the messages, no fact about the person."""

    status: ToneStatus
    #: code of the reason; null where the tone is known
    why_not: str | None
    state: EmotionalState | None
    #: calibrated, 0 to 1; null where nothing was read
    confidence: Probability | None
    #: whether tones told with such confidence were right nine times in ten where it was measured
    sure: bool | None


class TurningPoint(Published):
    """A message with which the tone changed."""

    event_id: str
    at: Time
    #: polarity before and after, -1 to 1
    before: float
    after: float
    #: tone of the message
    state: EmotionalState | None


class ToneOverTime(ToneBrief):
    """The tone of a lead's messages, newer ones counting more."""

    shares: dict[EmotionalState, Probability]
    #: -1 to 1
    polarity: float | None
    #: change of the polarity; null where too few messages tell
    trend: float | None
    volatility: float | None
    #: messages whose tone was read
    messages: Count
    #: the newest message that was read
    last_event_id: str | None
    turning_points: list[TurningPoint]
    by: By


class Channel(Published):
    """A channel to reach a lead on."""

    channel: str
    #: from 1
    rank: Count
    #: share of messages that were answered, shrunk towards the tenant's; null where nothing is known
    reply_rate: Probability | None
    replies: Count
    sent: Count
    basis: Basis
    #: False: the lead may not be contacted on it
    allowed: bool
    #: code of the rule that forbids it
    why_not: str | None
    text: str
    by: By


class SendWindowBrief(Published):
    """The two hours of a day in which a message is likeliest to be answered, in short."""

    status: WindowStatus
    #: local hours, the end not included
    start_hour: int | None
    end_hour: int | None
    #: zone of the lead
    zone: str | None
    #: when the window is next open
    next_start: Time | None
    basis: Basis | None
    #: the basis in words, such as `own habit`
    basis_text: str | None


class SendWindow(SendWindowBrief):
    """The two hours of a day in which a message is likeliest to be answered, and from what that is known."""

    next_end: Time | None
    own_replies: Count | None
    tenant_replies: Count | None
    #: share of replies that fall into the window
    share: Probability | None
    text: str | None
    by: By


class Advice(Published):
    """One piece of advice."""

    code: str
    text: str
    by: By


class Guide(Published):
    """What to do and what to avoid in a message."""

    do: list[Advice]
    avoid: list[Advice]


class ToldFact(Published):
    """What a lead said of itself."""

    #: a kind of fact that is read in messages, or the name of a field
    kind: FactKind | str
    #: a figure, a code, or two bounds with null for an open end
    value: Any
    bound: Bound | None


class FactSource(Published):
    """Where a fact comes from: an event or a field of the lead."""

    event_id: str | None = None
    field: str | None = None


class TalkingPoint(Advice):
    """Something to speak about, drawn from what is known of the lead."""

    fact: ToldFact | None
    source: FactSource | None
    #: 0 to 1
    confidence: Probability | None


class Personalization(Published):
    """How to speak to a lead."""

    as_of: Time
    computed_at: Time
    journey: Journey | None
    tone: ToneOverTime | None
    channels: list[Channel]
    send_window: SendWindow | None
    guide: Guide | None
    talking_points: list[TalkingPoint]
    suggestion: Advice | None
