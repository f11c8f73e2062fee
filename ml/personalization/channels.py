"""Rank the channels by how often a lead answers on them, and only those on which it may be contacted as usable.

A lead's own rate leans towards the tenant's of that channel (beta-binomial). How much follows from how far the rates of
the tenant's leads differ: Kleinman, "Proportions with extraneous variance" (1973), by the method of moments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from ml.personalization.replies import CHANNELS, ChannelTally

Basis = Literal["own", "tenant", "prior"]

#: messages that the tenant's rate counts as, until enough leads tell how far their rates differ
STRENGTH = 20.0
_LEAST, _MOST = 5.0, 200.0
#: pairs of messages to one lead from which a strength is estimated
_MIN_PAIRS = 200
#: messages of a tenant over a channel from which its rate is its own
MIN_TENANT_SENT = 20
#: the own replies count as a habit when they move the rate by this much
MOVED = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelHabit:
    """What a tenant's leads do on one channel."""

    sent: int = 0
    replied: int = 0
    #: messages that one lead's own count against
    strength: float = STRENGTH


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRank:
    """A channel with its rate of replies and whether it may be used."""

    channel: str
    #: from 1; those that may not be used come last
    rank: int
    #: 0 to 1; None while nothing is known of the tenant's messages
    reply_rate: float | None
    #: of this lead
    replies: int
    sent: int
    basis: Basis
    allowed: bool
    #: id of the rule that forbids it
    why_not: str | None


def rank_channels(
    own: Mapping[str, ChannelTally], tenant: Mapping[str, ChannelHabit], why_not: Mapping[str, str | None]
) -> tuple[ChannelRank, ...]:
    """Return every channel, those that are allowed first, each part by its rate of replies.

    `why_not` has the rule that forbids a channel, None where it is allowed; a channel that it lacks is not allowed.

    >>> habits = {"email": ChannelHabit(sent=400, replied=40), "sms": ChannelHabit(sent=100, replied=30)}
    >>> own = {"sms": ChannelTally(sent=4, replied=0), "email": ChannelTally(sent=10, replied=6)}
    >>> ranked = rank_channels(own, habits, {"email": None, "sms": None, "call": "consent.call_missing"})
    >>> [(each.channel, round(each.reply_rate, 2), each.basis, each.allowed) for each in ranked]
    [('email', 0.27, 'own', True), ('sms', 0.23, 'tenant', True), ('call', 0.14, 'prior', False)]
    """
    rates = {channel: _rate(own.get(channel, ChannelTally()), tenant, channel) for channel in CHANNELS}
    reasons = {channel: why_not.get(channel, "channel.unjudged") for channel in CHANNELS}
    ordered = sorted(CHANNELS, key=lambda channel: (reasons[channel] is not None, -(rates[channel][0] or 0.0)))
    return tuple(
        ChannelRank(
            channel=channel,
            rank=rank,
            reply_rate=None if rates[channel][0] is None else round(rates[channel][0] or 0.0, 4),
            replies=own.get(channel, ChannelTally()).replied,
            sent=own.get(channel, ChannelTally()).sent,
            basis=rates[channel][1],
            allowed=reasons[channel] is None,
            why_not=reasons[channel],
        )
        for rank, channel in enumerate(ordered, start=1)
    )


def habit_of(tallies: Iterable[ChannelTally]) -> ChannelHabit:
    """Return the habit of a tenant on a channel by the tallies of its leads.

    >>> habit_of([ChannelTally(sent=10, replied=9), ChannelTally(sent=10, replied=1)] * 30)
    ChannelHabit(sent=600, replied=300, strength=5.0)
    >>> habit_of([ChannelTally(sent=10, replied=5)] * 60).strength
    200.0
    """
    counted = [tally for tally in tallies if tally.sent]
    sent, replied = sum(tally.sent for tally in counted), sum(tally.replied for tally in counted)
    return ChannelHabit(sent=sent, replied=replied, strength=_strength(counted, sent, replied))


def _strength(tallies: list[ChannelTally], sent: int, replied: int) -> float:
    """Return the beta prior's size: from the share of pairs of one lead's messages that were both answered."""
    pairs = sum(tally.sent * (tally.sent - 1) for tally in tallies)
    if pairs < _MIN_PAIRS or not 0 < replied < sent:
        return STRENGTH
    rate = replied / sent
    both = sum(tally.replied * (tally.replied - 1) for tally in tallies) / pairs
    likeness = (both - rate**2) / (rate * (1 - rate))
    return round(min(max(1 / likeness - 1, _LEAST), _MOST), 1) if likeness > 0 else _MOST


def _rate(own: ChannelTally, tenant: Mapping[str, ChannelHabit], channel: str) -> tuple[float | None, Basis]:
    """Return the rate of replies to expect, and what decided it."""
    habit = tenant.get(channel, ChannelHabit())
    sent, replied = (sum(getattr(each, name) for each in tenant.values()) for name in ("sent", "replied"))
    if not sent:
        return None, "prior"
    # a channel that a tenant hardly uses leans towards all of its channels
    usual = (habit.replied + STRENGTH * replied / sent) / (habit.sent + STRENGTH)
    rate = (own.replied + habit.strength * usual) / (own.sent + habit.strength)
    if abs(rate - usual) >= MOVED:
        return rate, "own"
    return rate, "tenant" if habit.sent >= MIN_TENANT_SENT else "prior"
