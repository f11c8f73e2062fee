"""What the messages of a lead say, as answers give it: figures, codes and the ids of messages, never their text."""

from __future__ import annotations

from typing import Literal

from domain.emotions import EmotionalState
from domain.facts import Bound, FactKind
from tasks.contracts.answers.base import Answer
from tasks.contracts.answers.personalization import ToneOverTime
from tasks.contracts.base.published import Count, Probability, Published, Time

#: two ends, null where one is open; or a word, a date or a number
FactValue = list[float | None] | float | str | None


class ToneOfMessage(Published):
    """The tone of one message of the lead: a hint about the message, no fact about the person."""

    #: the id that was sent along, or that of the stored event
    message_id: str
    at: Time
    channel: str | None
    state: EmotionalState | None
    confidence: Probability
    #: -1 negative to 1 positive; null where it was not read
    polarity: float | None
    #: why there is no state; null where there is one
    why_not: Literal["too_short", "other_language", "unknown_words"] | None


class Intent(Published):
    """Something that the lead wants or objects to."""

    intent: Literal["question", "appointment_wish", "price_objection", "competitor", "opt_out"]
    #: what about: a topic or a code; null where it cannot be told
    about: str | None
    #: of the surest message
    confidence: Probability
    #: the newest messages that say so
    message_ids: list[str]


class OpenQuestion(Published):
    """A question of the lead after which nothing was sent to it."""

    message_id: str
    at: Time
    about: str | None


class Extracted(Published):
    """A fact that the lead told of itself: the newest word on it."""

    value: FactValue
    bound: Bound | None
    confidence: Probability
    #: the newest messages that say so
    message_ids: list[str]


class Conversation(Answer):
    """What the messages of a lead say."""

    #: null for messages that were sent along
    lead_id: str | None
    #: absent for messages that were sent along
    external_id: str | None = None
    source_system: str | None = None
    #: messages of the lead that were read
    messages: Count
    tone: ToneOverTime
    #: oldest first
    timeline: list[ToneOfMessage]
    intents: list[Intent]
    #: the newest, oldest of them first
    open_questions: list[OpenQuestion]
    #: the lead clearly wants to hear no more; a doubtful word is an intent alone
    opt_out_detected: bool
    #: budget, timeline, preapproval, …; a kind that was not told is missing
    extracted: dict[FactKind, Extracted]


class NoConversation(Answer):
    """A lead of whom nothing may be computed: it is restricted, or it objected."""

    lead_id: str
    external_id: str | None
    source_system: str | None
    blocked: list[str]
