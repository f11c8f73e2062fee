"""What was read in a message, as JSON to be stored, and as the signal of it that a lead's profile carries.

No text of the message is in either: figures, codes, and places in the text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from db.records import MessageAnalysisRecord
from domain.documents import JsonMapping, JsonObject
from domain.emotions import EMOTIONAL_STATES, EmotionalState
from ml.language.results import MessageAnalysis, Sentiment, Tone
from ml.profiles import FactSignal, MessageSignal

#: digits to which shares and confidences are stored
DIGITS = 4


def encode(analysis: MessageAnalysis) -> JsonObject:
    """Return what was read in a message as JSON."""
    return {
        "language": analysis.language,
        "words": analysis.words,
        "sentiment": None if analysis.sentiment is None else _sentiment(analysis.sentiment),
        "tone": _tone(analysis.tone),
        "facts": [
            {
                "kind": fact.kind,
                "value": list(fact.value) if isinstance(fact.value, tuple) else fact.value,
                "bound": fact.bound,
                "start": fact.start,
                "end": fact.end,
                "confidence": round(fact.confidence, DIGITS),
            }
            for fact in analysis.facts
        ],
    }


def to_signal(record: MessageAnalysisRecord) -> MessageSignal:
    """Return what a profile carries of a stored result."""
    result = record.result
    sentiment, tone = result["sentiment"] or {}, result["tone"]
    return MessageSignal(
        event_id=record.event_id,
        occurred_at=record.occurred_at,
        recorded_at=record.recorded_at,
        channel=record.channel,
        polarity=sentiment.get("polarity"),
        vader=sentiment.get("vader"),
        textblob=sentiment.get("textblob"),
        state=tone["state"],
        confidence=tone["confidence"],
        tones=tone["probabilities"],
        facts=tuple(_fact(fact) for fact in result["facts"]),
    )


def encode_signal(signal: MessageSignal) -> list[object]:
    """Return a signal as JSON, in little space: a snapshot's profile holds up to 200 of them."""
    return [
        signal.event_id,
        signal.occurred_at.isoformat(),
        signal.recorded_at.isoformat(),
        *(signal.channel, signal.polarity, signal.vader, signal.textblob, signal.state, signal.confidence),
        [signal.tones.get(state) for state in EMOTIONAL_STATES] if signal.tones else [],
        [
            [fact.kind, list(fact.value) if isinstance(fact.value, tuple) else fact.value, fact.bound, fact.confidence]
            for fact in signal.facts
        ],
    ]


def decode_signal(stored: Sequence[Any]) -> MessageSignal:
    """Return the signal that was encoded."""
    event_id, occurred_at, recorded_at, channel, polarity, vader, textblob, state, confidence, shares, facts = stored
    tones = zip(EMOTIONAL_STATES, shares, strict=True) if shares else ()
    return MessageSignal(
        event_id=event_id,
        occurred_at=datetime.fromisoformat(occurred_at),
        recorded_at=datetime.fromisoformat(recorded_at),
        channel=channel,
        polarity=polarity,
        vader=vader,
        textblob=textblob,
        state=state,
        confidence=confidence,
        tones={name: share for name, share in tones if share is not None},
        facts=tuple(
            _fact({"kind": kind, "value": value, "bound": bound, "confidence": sure})
            for kind, value, bound, sure in facts
        ),
    )


def _sentiment(sentiment: Sentiment) -> JsonObject:
    names = ("polarity", "vader", "textblob", "confidence")
    return {name: round(getattr(sentiment, name), DIGITS) for name in names}


def _tone(tone: Tone) -> JsonObject:
    return {
        "state": tone.state,
        "confidence": round(tone.confidence, DIGITS),
        "probabilities": _rounded(tone.probabilities),
        "evidence": [
            {
                "start": part.start,
                "end": part.end,
                "weight": round(part.weight, DIGITS),
                "source": part.source,
                "rule": part.rule,
            }
            for part in tone.evidence
        ],
        "known": round(tone.known, DIGITS),
        "why_not": tone.why_not,
    }


def _rounded(shares: Mapping[EmotionalState, float]) -> dict[EmotionalState, float]:
    return {name: round(share, DIGITS) for name, share in shares.items()}


def _fact(stored: JsonMapping) -> FactSignal:
    value = stored["value"]
    return FactSignal(
        kind=stored["kind"],
        value=(value[0], value[1]) if isinstance(value, list) else value,
        bound=stored["bound"],
        confidence=stored["confidence"],
    )
