"""Emotional features: the tone of what a lead wrote, weighed by recency, and how often it asked, wished and objected.

Only messages that were written and known at `as_of` count. Weights are relative to a lead's newest message, so that no
tone changes merely because time passes. A lead whose messages say nothing of a thing has NaN for it, never zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from domain.emotions import EMOTIONAL_STATES
from domain.facts import FactKind
from domain.leads import PREAPPROVALS
from ml.arrays import Floats, Ints
from ml.features.events import DAY, days_before
from ml.profiles import FactSignal, LeadProfile, MessageSignal, Value

#: days from a lead's newest message back to one that counts half as much
HALF_LIFE_DAYS = 21.0
#: half-lives of the two means of polarity whose difference is the trend, in days: the newer one, the older one
TREND_HALF_LIVES = (7.0, 42.0)
#: messages with a polarity below which there is neither trend nor volatility
MIN_FOR_TREND = 3
#: a fact below this confidence is not counted
SURE_FACT = 0.5
#: days for which what a lead said of its financing counts
TOLD_DAYS = 180.0
#: the most messages that count
CAP = 40.0
#: feature -> the fact that a message must hold to count
COUNTED: dict[str, FactKind] = {
    "appointment_wishes": "appointment_wish",
    "questions_asked": "question",
    "price_objections": "price_objection",
    "competitor_mentions": "competitor",
    "visit_times": "visit_time",
}
#: features that are means of what was read in each message, in the order of `Messages.measured`
MEASURED = (
    *("polarity", "vader_polarity", "textblob_polarity", "polarity_disagreement"),
    *(f"tone_{state}" for state in EMOTIONAL_STATES),
)
#: the features that are numbers
NUMBERS = (*MEASURED, "polarity_trend", "polarity_volatility", "messages_read", *COUNTED, "told_budget")
#: changes when a column changes its meaning; part of the fingerprint of the features
DEFINITION = (HALF_LIFE_DAYS, TREND_HALF_LIVES, MIN_FOR_TREND, SURE_FACT, TOLD_DAYS, CAP)

_NO_TONE, _NO_FACT = (None,) * len(EMOTIONAL_STATES), (0.0,) * len(COUNTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """The visible messages of `rows` leads, flat; those of one lead are ordered by time."""

    rows: int
    #: those of each lead, as they are
    said: Sequence[Sequence[MessageSignal]]
    #: index of the lead
    lead: Ints
    #: days before the lead's newest message, 0 or more
    age: Floats
    #: [messages, MEASURED]: NaN where not read
    measured: Floats
    #: [messages, COUNTED]: 1 where a message holds the fact
    facts: Floats

    def means(self, values: Floats, half_life: float = HALF_LIFE_DAYS) -> Floats:
        """Return each lead's means, weighed by recency, of the known values of each column: [rows, columns].

        NaN where a lead has none.
        """
        weights = np.where(np.isnan(values), 0.0, np.exp2(-self.age / half_life)[:, None])
        whole, total = (self.sums(part) for part in (weights, weights * np.nan_to_num(values)))
        means = np.full(whole.shape, np.nan)
        np.divide(total, whole, out=means, where=whole > 0)
        return means

    def sums(self, values: Floats) -> Floats:
        """Return each lead's sums of each column: [rows, columns]; 0 for a lead without messages."""
        total = np.zeros((self.rows, values.shape[1]))
        # in order, so that a batch gives what one lead alone gives
        np.add.at(total, self.lead, values)
        return total


def columns(profiles: Sequence[LeadProfile], messages: Messages) -> dict[str, Floats]:
    """Return the emotional features of many leads that are numbers; NaN where nothing is known.

    Shares are 0 to 1, polarities -1 to 1, the trend -2 to 2: the difference of a quick and a slow mean.

    >>> from datetime import UTC, datetime
    >>> now = datetime(2026, 3, 1, tzinfo=UTC)
    >>> question = FactSignal(kind="question", value=None, bound=None, confidence=0.9)
    >>> said = MessageSignal(event_id="1", occurred_at=now, recorded_at=now, polarity=0.5, state="excited",
    ...                      tones={"excited": 0.8, "neutral": 0.2}, facts=(question,))
    >>> profiles = [LeadProfile(lead_id="1", as_of=now, messages=(said,))]
    >>> found = columns(profiles, collect(profiles))
    >>> [found[name].tolist() for name in ("tone_excited", "polarity", "messages_read", "questions_asked")]
    [[0.8], [0.5], [1.0], [1.0]]
    """
    if not len(messages.lead):
        return dict.fromkeys(NUMBERS, np.full(len(profiles), np.nan))
    means = messages.means(messages.measured)
    return (
        {name: means[:, at] for at, name in enumerate(MEASURED)}
        | _course(messages, means[:, 0])
        | _counts(messages)
        | {"told_budget": np.array([_budget(said) for said in messages.said], dtype=np.float64)}
    )


def categories(profiles: Sequence[LeadProfile], messages: Messages) -> dict[str, list[Value | None]]:
    """Return the emotional features of many leads that are words: the newest tone, the furthest pre-approval told."""
    if not len(messages.lead):
        return {"last_tone": [None] * len(profiles), "told_preapproval": [None] * len(profiles)}
    return {
        "last_tone": [_last_tone(said) for said in messages.said],
        "told_preapproval": [
            _preapproval(said, profile.as_of) for profile, said in zip(profiles, messages.said, strict=True)
        ],
    }


def visible(profile: LeadProfile) -> list[MessageSignal]:
    """Return the messages that were written and known at `as_of`, oldest first."""
    if not profile.messages:
        return []
    as_of = profile.as_of
    known = [said for said in profile.messages if said.occurred_at <= as_of and said.recorded_at <= as_of]
    return known if len(known) < 2 else sorted(known, key=lambda said: (said.occurred_at, said.event_id))


def collect(profiles: Sequence[LeadProfile]) -> Messages:
    """Flatten the messages of many leads, leaving out what lies after each lead's `as_of`."""
    said = [visible(profile) if profile.messages else () for profile in profiles]
    numbers = np.array([len(messages) for messages in said], dtype=np.intp)
    table = np.array([_row(message) for messages in said for message in messages], dtype=np.float64)
    table = table.reshape(-1, 1 + len(MEASURED) + len(COUNTED))
    measured = table[:, 1 : 1 + len(MEASURED)]
    # a state that a message's tone leaves out has no share; a message without a tone says nothing of any
    tones = measured[:, -len(EMOTIONAL_STATES) :]
    has_tone = ~np.isnan(tones).all(axis=1)
    tones[has_tone] = np.nan_to_num(tones[has_tone])
    newest = np.repeat(table[np.cumsum(numbers)[numbers > 0] - 1, 0], numbers[numbers > 0])
    return Messages(
        rows=len(profiles),
        said=said,
        lead=np.repeat(np.arange(len(profiles)), numbers),
        age=(newest - table[:, 0]) / DAY,
        measured=measured,
        facts=table[:, 1 + len(MEASURED) :],
    )


def _row(message: MessageSignal) -> tuple[float | None, ...]:
    """Return the time of a message in seconds, what was read in it, and which facts it holds."""
    # None becomes NaN in an array of floats
    vader, textblob = message.vader, message.textblob
    apart = None if vader is None or textblob is None else abs(vader - textblob)
    tones = map(message.tones.get, EMOTIONAL_STATES) if message.tones else _NO_TONE
    facts = _facts(message.facts) if message.facts else _NO_FACT
    return (message.occurred_at.timestamp(), message.polarity, vader, textblob, apart, *tones, *facts)


def _facts(facts: Sequence[FactSignal]) -> Iterator[float]:
    kinds = {fact.kind for fact in facts if fact.confidence >= SURE_FACT}
    return (float(kind in kinds) for kind in COUNTED.values())


def _course(messages: Messages, mean: Floats) -> dict[str, Floats]:
    """Return where polarity is heading and how far it varies around its mean; NaN with too few messages."""
    polarity = messages.measured[:, :1]
    newer, older = (messages.means(polarity, half_life)[:, 0] for half_life in TREND_HALF_LIVES)
    spread = np.sqrt(messages.means((polarity - mean[messages.lead, None]) ** 2)[:, 0])
    enough = messages.sums((~np.isnan(polarity)).astype(np.float64))[:, 0] >= MIN_FOR_TREND
    return {
        "polarity_trend": np.where(enough, newer - older, np.nan),
        "polarity_volatility": np.where(enough, spread, np.nan),
    }


def _counts(messages: Messages) -> dict[str, Floats]:
    """Return how many messages of each lead were read, and how many of them hold each fact."""
    counts = messages.sums(np.hstack([np.ones((len(messages.lead), 1)), messages.facts]))
    counts[counts[:, 0] == 0] = np.nan
    # of messages in a language that the readers do not know, finding nothing is no knowledge
    is_read = messages.sums((~np.isnan(messages.measured[:, :1])).astype(np.float64))[:, 0] > 0
    counts[:, 1:][~is_read[:, None] & (counts[:, 1:] == 0)] = np.nan
    names = ("messages_read", *COUNTED)
    return {name: np.minimum(counts[:, at], CAP) for at, name in enumerate(names)}


def _budget(said: Sequence[MessageSignal]) -> float:
    """Return the most that a lead last said it would pay, in dollars; NaN where it said none."""
    facts = (fact for message in reversed(said) for fact in message.facts)
    newest = next((fact for fact in facts if fact.kind == "budget" and fact.confidence >= SURE_FACT), None)
    match None if newest is None else newest.value:
        case (low, high):
            return max((end for end in (low, high) if end is not None), default=float("nan"))
        case float() | int() as amount:
            return float(amount)
        case _:
            return float("nan")


def _preapproval(said: Sequence[MessageSignal], as_of: datetime) -> str | None:
    """Return the furthest that a lead said it is with its financing, within `TOLD_DAYS`; None where it said nothing.

    The furthest, not the newest: to tell more must never count less.
    """
    told = {
        fact.value
        for message in said
        for fact in message.facts
        if fact.kind == "preapproval"
        and fact.confidence >= SURE_FACT
        and days_before(as_of, message.occurred_at) <= TOLD_DAYS
    }
    return next((level for level in reversed(PREAPPROVALS) if level in told), None)


def _last_tone(said: Sequence[MessageSignal]) -> str | None:
    return next((message.state for message in reversed(said) if message.state is not None), None)
