"""The tone of a lead's messages over time: shares of the states, trend, volatility, and where it turned.

Shares, polarity, trend and volatility are the columns of the snapshot (`ml.features.emotional`): one definition, one
set of half-lives. It is the tone of messages, no fact about the person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import fmean
from typing import Literal

from domain.emotions import EMOTIONAL_STATES, EmotionalState
from ml.features import emotional
from ml.language.emotion.reader import SURE
from ml.profiles import LeadProfile, MessageSignal, Row

#: no message was read; none of them has a tone; the newest with one is too old to tell of now
NoHistory = Literal["no_messages", "nothing_read", "too_old"]

#: a tone of older messages is none of now
RECENT = timedelta(days=90)
#: the least change of polarity (-1 to 1) that is a turning point; half of it has to last in the message after
CHANGE = 0.5
#: what a message needs that none follows yet: this confidence in its tone, and so many messages before it
CONFIDENT, BEFORE = 0.6, 2
#: messages before a turning point whose mean it is held against, and turning points that are kept, newest last
MEMORY, MOST_POINTS = 5, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TurningPoint:
    """A message after which a lead wrote in another tone, and went on so."""

    event_id: str
    at: datetime
    #: mean polarity before, and from this message on, -1 to 1
    before: float
    after: float
    state: EmotionalState | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToneAt:
    """The tone of one message of a conversation."""

    event_id: str
    at: datetime
    channel: str | None
    polarity: float | None
    state: EmotionalState | None
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ToneHistory:
    """The tone of a lead's messages as of a moment; without a state it says why."""

    state: EmotionalState | None = None
    why_not: NoHistory | None = None
    #: recency-weighted share of the state, 0 to 1
    confidence: float = 0.0
    #: the newest message with a tone has this one, and the model is sure of it
    sure: bool = False
    #: state -> recency-weighted share; adds up to 1, empty without a state
    shares: Mapping[EmotionalState, float] = field(default_factory=dict)
    #: -1 to 1, recency-weighted; None where nothing was read
    polarity: float | None = None
    #: above 0: lately kinder than before; None with too few messages, as the volatility
    trend: float | None = None
    #: recency-weighted spread of the polarity, 0 to 1
    volatility: float | None = None
    #: messages that were read
    messages: int = 0
    last_event_id: str | None = None
    #: oldest first
    turning_points: tuple[TurningPoint, ...] = ()


def tone_history(row: Row, profile: LeadProfile) -> ToneHistory:
    """Return the tone over time: figures from the features `row` of the snapshot, events from the profile's messages.

    >>> from datetime import UTC, datetime
    >>> from ml.features import extract
    >>> now = datetime(2026, 3, 1, tzinfo=UTC)
    >>> said = MessageSignal(event_id="7", occurred_at=now, recorded_at=now, polarity=-0.6, state="anxious",
    ...                      confidence=0.92, tones={"anxious": 0.92, "neutral": 0.08})
    >>> lead = LeadProfile(lead_id="1", as_of=now, messages=(said,))
    >>> tone = tone_history(extract([lead]).to_rows()[0], lead)
    >>> tone.state, round(tone.confidence, 2), tone.sure, tone.last_event_id
    ('anxious', 0.92, True, '7')
    """
    said = emotional.visible(profile)
    shares = _shares(row)
    why_not = _why_not(said, shares, profile.as_of)
    state = _largest(shares) if why_not is None else None
    return ToneHistory(
        state=state,
        why_not=why_not,
        confidence=0.0 if state is None else shares[state],
        sure=state is not None and _is_sure(said, state),
        shares={} if state is None else shares,
        polarity=_number(row, "polarity"),
        trend=_number(row, "polarity_trend"),
        volatility=_number(row, "polarity_volatility"),
        messages=len(said),
        last_event_id=said[-1].event_id if said else None,
        turning_points=turning_points(said),
    )


def timeline(profile: LeadProfile, most: int = 200) -> tuple[ToneAt, ...]:
    """Return the tone of each of the newest messages that were read, oldest first."""
    return tuple(
        ToneAt(
            event_id=message.event_id,
            at=message.occurred_at,
            channel=message.channel,
            polarity=message.polarity,
            state=message.state,
            confidence=message.confidence,
        )
        for message in emotional.visible(profile)[-most:]
    )


def turning_points(said: Sequence[MessageSignal]) -> tuple[TurningPoint, ...]:
    """Return the messages, oldest first, after which the polarity was another one by at least `CHANGE`.

    One message that stands alone is none: the message after it has to keep at least half of the change. Of the newest
    message nobody knows that yet; it counts where its tone is `CONFIDENT` and `BEFORE` messages came before it.
    """
    polar = [(message, message.polarity) for message in said if message.polarity is not None]
    found: list[TurningPoint] = []
    level: list[float] = []
    for place, (message, polarity) in enumerate(polar):
        if not level or abs(change := polarity - fmean(level)) < CHANGE:
            level = [*level, polarity][-MEMORY:]
            continue
        following = polar[place + 1][1] if place + 1 < len(polar) else None
        if _lasts(change, fmean(level), following, message, len(level)):
            after = polarity if following is None else (polarity + following) / 2
            found.append(_turn(message, fmean(level), after))
            level = [polarity]
    return tuple(found[-MOST_POINTS:])


def _lasts(change: float, level: float, following: float | None, message: MessageSignal, before: int) -> bool:
    if following is None:
        return message.confidence >= CONFIDENT and before >= BEFORE
    kept = following - level
    return kept * change > 0 and abs(kept) >= CHANGE / 2


def _turn(message: MessageSignal, before: float, after: float) -> TurningPoint:
    return TurningPoint(
        event_id=message.event_id, at=message.occurred_at, before=before, after=after, state=message.state
    )


def _shares(row: Row) -> dict[EmotionalState, float]:
    """Return the share of every state; empty where the features hold none."""
    shares = {state: _number(row, f"tone_{state}") for state in EMOTIONAL_STATES}
    return {state: share for state, share in shares.items() if share is not None}


def _largest(shares: Mapping[EmotionalState, float]) -> EmotionalState:
    return max(shares, key=shares.__getitem__)


def _why_not(
    said: Sequence[MessageSignal], shares: Mapping[EmotionalState, float], as_of: datetime
) -> NoHistory | None:
    if not said:
        return "no_messages"
    with_tone = [message.occurred_at for message in said if message.state is not None]
    if not with_tone or len(shares) < len(EMOTIONAL_STATES):
        return "nothing_read"
    return "too_old" if as_of - with_tone[-1] > RECENT else None


def _is_sure(said: Sequence[MessageSignal], state: EmotionalState) -> bool:
    newest = next(message for message in reversed(said) if message.state is not None)
    return newest.state == state and newest.confidence >= SURE


def _number(row: Row, name: str) -> float | None:
    value = row.get(name)
    return value if isinstance(value, float) else None
