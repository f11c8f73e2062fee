"""What a lead answered, when, and over which channel: human replies alone, since machines open e-mails.

A reply is an inbound message or an answered call. Opens and clicks are none: mail programs open by themselves. What
answers a message is the first one back over the same channel within 72 hours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from ml.features.events import DIRECTED, KINDS, canonical
from ml.interventions.compliance.zones import zones_of
from ml.profiles import Interaction

#: a message back later than this answers something else
WITHIN = timedelta(hours=72)
#: hours of a slot, and slots of a day
SLOT_HOURS = 2
SLOTS = 24 // SLOT_HOURS
CHANNELS = ("call", "email", "sms")
_SENT = frozenset({"emails_sent", "sms_out"})
_BACK = frozenset({"sms_in", "replies"})
_CHANNEL_OF = {"emails_sent": "email", "sms_out": "sms", "sms_in": "sms", "calls": "call"}
_TALK = frozenset({*_SENT, *_BACK, "calls", "messages"})
#: every spelling of a kind that may be a message or a call, in lower case
SPELLINGS: frozenset[str] = frozenset(
    name.replace("_", mark)
    for name in {*_TALK, *DIRECTED, *(spelling for spelling, kind in KINDS.items() if kind in _TALK)}
    for mark in "_- "
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelTally:
    """The messages and calls of one channel, and how many of them were answered."""

    sent: int = 0
    replied: int = 0

    def __add__(self, other: ChannelTally) -> ChannelTally:
        """Return both together."""
        return ChannelTally(sent=self.sent + other.sent, replied=self.replied + other.replied)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyHistory:
    """The replies of one lead."""

    #: when it replied, oldest first
    moments: tuple[datetime, ...] = ()
    channels: Mapping[str, ChannelTally] = field(default_factory=dict)


def read_replies(interactions: Iterable[Interaction], as_of: datetime) -> ReplyHistory:
    """Return the replies among the interactions that had happened and were known at `as_of`.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 5, 4, 12, tzinfo=UTC)
    >>> told = [("email", "outbound", 0), ("email_opened", None, 1), ("email", "inbound", 5), ("sms", "outbound", 6)]
    >>> happened = [
    ...     Interaction(kind=kind, direction=side, occurred_at=at, recorded_at=at)
    ...     for kind, side, hours in told
    ...     for at in [noon + timedelta(hours=hours)]
    ... ]
    >>> history = read_replies(happened, noon + timedelta(days=9))
    >>> [at.hour for at in history.moments], history.channels["email"]
    ([17], ChannelTally(sent=1, replied=1))
    """
    moments: list[datetime] = []
    sent: Counter[str] = Counter()
    replied: Counter[str] = Counter()
    waiting: dict[str, datetime] = {}
    known = (event for event in interactions if event.occurred_at <= as_of and event.recorded_at <= as_of)
    for event in sorted(known, key=lambda event: event.occurred_at):
        kind = canonical(event.kind, event.direction)
        if kind not in _TALK:
            continue
        channel, at = _channel(event, kind, waiting), event.occurred_at
        if channel is not None and (kind in _SENT or event.direction == "outbound"):
            sent[channel] += 1
            waiting[channel] = at
        if _is_reply(event, kind):
            moments.append(at)
            if channel is not None and channel in waiting and at - waiting.pop(channel) <= WITHIN:
                replied[channel] += 1
    tallies = {name: ChannelTally(sent=sent[name], replied=replied[name]) for name in CHANNELS if sent[name]}
    return ReplyHistory(moments=tuple(moments), channels=tallies)


def is_reply(event: Interaction) -> bool:
    """Return whether an interaction is a reply.

    >>> noon = datetime(2026, 5, 4, 12)
    >>> told = [("sms", "inbound"), ("sms", "outbound"), ("call", "inbound"), ("email_opened", "inbound")]
    >>> [is_reply(Interaction(kind=kind, direction=side, occurred_at=noon, recorded_at=noon)) for kind, side in told]
    [True, False, True, False]
    """
    kind = canonical(event.kind, event.direction)
    return kind is not None and _is_reply(event, kind)


def slots_of(moments: Iterable[datetime], zone: ZoneInfo) -> list[tuple[int, int]]:
    """Return the days (ordinals) and two-hour slots of replies on a local clock, each pair once, in order.

    Several messages of one talk count once, else one long evening would pass for a habit.

    >>> from datetime import UTC
    >>> evening = datetime(2026, 5, 4, 23, 10, tzinfo=UTC)
    >>> slots_of([evening, evening + timedelta(minutes=9)], ZoneInfo("America/New_York"))
    [(739740, 9)]
    """
    local = (moment.astimezone(zone) for moment in moments)
    return sorted({(at.toordinal(), at.hour // SLOT_HOURS) for at in local})


def counted(slots: Iterable[tuple[int, int]]) -> list[int]:
    """Return how many of the replies fall into each slot of the day."""
    counts = Counter(slot for _, slot in slots)
    return [counts[slot] for slot in range(SLOTS)]


def _channel(event: Interaction, kind: str, waiting: Mapping[str, datetime]) -> str | None:
    """Return the channel of a message: a reply that names none answers the newest message; None for other channels."""
    told = _CHANNEL_OF.get(kind, event.channel)
    if told is None and kind in _BACK:
        return "email" if "email" in event.kind.casefold() else max(waiting, key=waiting.__getitem__, default=None)
    return told if told in CHANNELS else None


def _is_reply(event: Interaction, kind: str) -> bool:
    """Return whether a lead spoke: it wrote or called, or somebody's call was answered, which then lasted."""
    if kind == "calls":
        return event.direction == "inbound" or bool(event.value and event.value > 0)
    return kind in _BACK


def zone_of(timezone: str | None, state: str | None, phone: str | None, home: str) -> ZoneInfo:
    """Return the zone of a lead, for which hours of its day are told: `home` where nothing, or too much, is known.

    Of several possible zones it is the brokerage's own, else that of the number's area code, else the first. Whether
    contact is allowed is never judged by this zone alone.

    >>> [zone_of(None, state, "+1 813 555 0100", "America/New_York").key for state in ("TX", "FL", None)]
    ['America/Chicago', 'America/New_York', 'America/New_York']
    """
    zones, basis = zones_of(timezone, state, phone)
    if basis == "unknown" or home in zones:
        return ZoneInfo(home)
    of_number = zones_of(None, None, phone)[0] if len(zones) > 1 else ()
    return ZoneInfo(next((zone for zone in of_number if zone in zones), zones[0]))
