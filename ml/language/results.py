"""What is read in one message: sentiment, tone and facts, each with where it stands in the writer's own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from domain.emotions import EmotionalState
from domain.facts import Bound, FactKind

#: why a tone is not told: too few words, another language than the model's, or nothing that the model knows
NoTone = Literal["too_short", "other_language", "unknown_words"]
#: who says so: a trained model or a written rule
Source = Literal["model", "rule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentiment:
    """The polarity of a text, and how far the readers agree on it."""

    #: -1 negative to 1 positive: the blend
    polarity: float
    #: VADER's compound and TextBlob's polarity, -1 to 1 each
    vader: float
    textblob: float
    #: 0 to 1; lower where the readers disagree
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A span of the own words that speaks for a state."""

    #: characters [start, end) of the own words
    start: int
    end: int
    #: how much it speaks for the state, in the unit of its source; larger is more
    weight: float
    source: Source
    #: id of the rule; None for the model
    rule: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tone:
    """The emotional state of one message: a hint about the message, no fact about the person."""

    #: None: insufficient data, for the reason in `why_not`
    state: EmotionalState | None
    #: calibrated probability of the state, 0 to 1
    confidence: float
    #: state -> probability; adds up to 1, empty without a state
    probabilities: Mapping[EmotionalState, float] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    #: share of the message's features that the model knows, 0 to 1
    known: float = 0.0
    why_not: NoTone | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that a lead said of itself, with the span that says it."""

    kind: FactKind
    #: budget: dollars, [low, high] with None for an open end; visit_time: ISO date or date-time with offset; timeline,
    #: preapproval: the words of `domain.leads`; beds, baths: [low, high]; property_type: a word of the catalogue;
    #: the others: a short code or None. Never a text of the message
    value: float | str | tuple[float | None, float | None] | None
    bound: Bound | None
    #: characters [start, end) of the own words
    start: int
    end: int
    #: 0 to 1
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageAnalysis:
    """All that is read in one message; no text of it."""

    #: of what it was read with: changes when the same text would be read otherwise
    version: str
    #: ISO 639-1 code, or `und` where it cannot be told
    language: str
    #: own words, without quotation, signature and footer
    words: int
    #: None where the language is not the model's or there are no words
    sentiment: Sentiment | None
    tone: Tone
    facts: tuple[Fact, ...]
