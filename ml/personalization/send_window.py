"""When a lead is likeliest to answer: a two-hour slot of the day, by empirical Bayes.

The prior is the tenant's clock, the share of all its leads' replies in each slot; it counts as many replies as was
fitted, and the lead's own replies are added. Neighbouring slots share what they count (1/4, 1/2, 1/4), and the day is a
circle. A few own replies hardly move the tenant's clock; own counts alone predict worse than it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np

from ml.arrays import Floats, Ints
from ml.errors import NoCommonHourError
from ml.interventions.compliance.quiet_hours import EARLIEST, LATEST, Clock, Hours, next_open_span
from ml.personalization.replies import SLOT_HOURS, SLOTS

#: replies that the tenant's clock counts as, until a tenant has enough of its own to fit it
STRENGTH = 49.0
#: a tenant with fewer replies has no clock yet. Measured on reply_times_college: of clocks learnt from 30 replies 6 %
#: predict later replies worse than no clock does, of those learnt from 10 replies 15 %
MIN_TENANT_REPLIES = 30
#: the own replies decide when they raise the share of the window by this much
MOVED = 0.05
#: strengths that are tried, and replies below which none is fitted
_STRENGTHS: Floats = np.geomspace(5.0, 2000.0, 40)
MIN_TO_FIT = 300
_NEIGHBOUR = 0.25
#: replies that the smoothed form of a clock counts as, and replies in each slot before any is counted
_SMOOTH, _EVEN = 100.0, 3.0
_DAY = timedelta(days=1)
#: the slots that touch hours in which anybody may be contacted
_WINDOWS = {
    slot: Hours(slot * SLOT_HOURS, (slot + 1) * SLOT_HOURS)
    for slot in range(int(EARLIEST) // SLOT_HOURS, math.ceil(LATEST / SLOT_HOURS))
}

Basis = Literal["own", "tenant", "prior"]
#: person, day (ordinal) and slot of a reply
SlotReply = tuple[str, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantClock:
    """The replies of all leads of a tenant by slot, and the replies that they count as for one lead."""

    counts: tuple[int, ...] = (0,) * SLOTS
    strength: float = STRENGTH

    @property
    def replies(self) -> int:
        """Return how many replies it was learnt from."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendWindow:
    """The hours of the day in which a lead is likeliest to answer, with what that rests on."""

    status: Literal["ok", "insufficient_data", "blocked"]
    #: what decided: the lead's own replies, the tenant's clock, or nothing yet
    basis: Basis
    #: local hours, the end not included; None where nothing was learnt
    start_hour: int | None
    end_hour: int | None
    #: the next such time at which contact is allowed, in UTC; without a window the next one that is allowed at all
    next_start: datetime | None
    next_end: datetime | None
    own_replies: int
    tenant_replies: int
    #: share of the replies of a day that fall into the window, 0 to 1
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Histories:
    """What was known before the day of each of n replies: counts by slot, n x 12, and the slot that came."""

    person: tuple[str, ...]
    tenant: Floats
    own: Floats
    slot: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opening:
    """The next time at which a slot is allowed."""

    slot: int
    start_hour: int
    end_hour: int
    starts: datetime
    ends: datetime

    @property
    def whole(self) -> bool:
        return self.end_hour - self.start_hour == SLOT_HOURS


def send_window(
    own: Sequence[int], tenant: TenantClock, clocks: tuple[Clock, ...], zone: ZoneInfo, as_of: datetime
) -> SendWindow:
    """Return the slot in which a lead is likeliest to answer, of those that lie within the allowed hours.

    `own` counts its replies in each of the 12 slots of `zone`; `clocks` are the hours in which it may be contacted, as
    the quiet hours give them. A slot that is allowed in part is taken only where none is allowed as a whole.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 5, 4, 16, tzinfo=UTC)
    >>> zone, clocks = ZoneInfo("America/New_York"), (("America/New_York", Hours()),)
    >>> tenant = TenantClock(counts=(0, 0, 0, 0, 2, 6, 9, 12, 30, 9, 4, 0))
    >>> usual = send_window([0] * 12, tenant, clocks, zone, noon)
    >>> usual.basis, usual.start_hour, usual.end_hour, usual.next_start.isoformat()
    ('tenant', 16, 18, '2026-05-04T20:00:00+00:00')
    >>> own = send_window([0, 0, 0, 0, 0, 30, 0, 0, 0, 0, 0, 0], tenant, clocks, zone, noon)
    >>> own.basis, own.start_hour, own.next_start.isoformat()
    ('own', 10, '2026-05-05T14:00:00+00:00')
    """
    openings = list(_openings(clocks, zone, as_of))
    openings = [opening for opening in openings if opening.whole] or openings
    if not openings or tenant.replies < MIN_TENANT_REPLIES:
        return _unlearnt(own, tenant, clocks, as_of)
    usual = _usual(tenant.counts)
    mixed = _mixed(usual, np.asarray(own), tenant.strength)
    best, best_usual = (max(openings, key=lambda opening: shares[opening.slot]) for shares in (mixed, usual))
    moved = bool(mixed[best.slot] - usual[best.slot] >= MOVED)
    chosen = best if moved else best_usual
    return SendWindow(
        status="ok",
        basis="own" if moved else "tenant",
        start_hour=chosen.start_hour,
        end_hour=chosen.end_hour,
        next_start=chosen.starts,
        next_end=chosen.ends,
        own_replies=sum(own),
        tenant_replies=tenant.replies,
        share=round(float(mixed[chosen.slot]), 4),
    )


def smoothed(counts: Floats | Ints) -> Floats:
    """Return counts by slot (the last axis) of which each slot gives a quarter to each neighbour; sums stay."""
    counts = np.asarray(counts, dtype=np.float64)
    beside = np.roll(counts, 1, axis=-1) + np.roll(counts, -1, axis=-1)
    return (1 - 2 * _NEIGHBOUR) * counts + _NEIGHBOUR * beside


def habit(counts: Floats | Ints) -> Floats:
    """Return the probability of each slot by counts (the last axis) alone.

    The smoothed counts, with three replies more in each slot, count as 100 replies beside the counts themselves: few
    counts are smoothed, and many keep their edges.

    >>> [round(float(share), 2) for share in habit(np.array([0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0]))]
    [0.06, 0.06, 0.06, 0.11, 0.22, 0.11, 0.06, 0.06, 0.06, 0.06, 0.06, 0.06]
    """
    counts = np.asarray(counts, dtype=np.float64)
    smooth = smoothed(counts) + _EVEN
    smooth *= _SMOOTH / smooth.sum(axis=-1, keepdims=True)
    shares: Floats = (counts + smooth) / (counts.sum(axis=-1, keepdims=True) + _SMOOTH)
    return shares


def blended(tenant: Floats | Ints, own: Floats | Ints, strength: float) -> Floats:
    """Return the probability of each slot: the tenant's habit counts as `strength` replies beside the own ones.

    Both counts are by slot on their last axis. It is the mean of the Dirichlet posterior whose prior is the habit.
    """
    return _mixed(habit(tenant), own, strength)


def before_each_day(replies: Iterable[SlotReply]) -> Histories:
    """Return for each reply, in the order of days, what earlier days had shown; the same day is not learnt from.

    Counts take each slot of a person's day once, as `slots_of` does.
    """
    all_replies = sorted(replies, key=lambda reply: reply[1])
    tenant, own = np.zeros(SLOTS), defaultdict[str, Floats](lambda: np.zeros(SLOTS))
    known_tenant, known_own = np.empty((len(all_replies), SLOTS)), np.empty((len(all_replies), SLOTS))
    today, of_today = None, set[tuple[str, int]]()
    for row, (person, day, slot) in enumerate(all_replies):
        if day != today:
            for who, when in of_today:
                tenant[when] += 1
                own[who][when] += 1
            today, of_today = day, set()
        known_tenant[row], known_own[row] = tenant, own[person]
        of_today.add((person, slot))
    return Histories(
        person=tuple(person for person, _, _ in all_replies),
        tenant=known_tenant,
        own=known_own,
        slot=np.array([slot for _, _, slot in all_replies], dtype=np.intp),
    )


def log_loss(shares: Floats, slot: Ints) -> Floats:
    """Return the negative logarithm of the probability that each row gave to the slot that came."""
    losses: Floats = -np.log(shares[np.arange(len(slot)), slot])
    return losses


def fit_strength(histories: Histories) -> float:
    """Return the strength of the prior with which the replies were predicted best; the default for too few replies."""
    if len(histories.slot) < MIN_TO_FIT:
        return STRENGTH
    usual = habit(histories.tenant)
    losses = [float(log_loss(_mixed(usual, histories.own, strength), histories.slot).mean()) for strength in _STRENGTHS]
    return round(float(_STRENGTHS[int(np.argmin(losses))]), 1)


@lru_cache(maxsize=256)
def _usual(counts: tuple[int, ...]) -> Floats:
    # the leads of a batch have one tenant
    return habit(np.asarray(counts))


def _mixed(usual: Floats, own: Floats | Ints, strength: float) -> Floats:
    own = np.asarray(own, dtype=np.float64)
    shares: Floats = (strength * usual + smoothed(own)) / (strength + own.sum(axis=-1, keepdims=True))
    return shares


def _openings(clocks: tuple[Clock, ...], zone: ZoneInfo, as_of: datetime) -> Iterator[_Opening]:
    """Yield each slot that is allowed within two weeks; the window's hours are one more clock that has to be open."""
    for slot, hours in _WINDOWS.items():
        with_window = (*clocks, (zone.key, hours))
        try:
            starts, ends = next_open_span(with_window, as_of)
            # what is left of a window that is open now says nothing of its hours
            full = (starts, ends) if starts > as_of else next_open_span(with_window, as_of + _DAY / 2)
        except NoCommonHourError:
            continue
        start, end = (_local_hour(at, zone, up=up) for at, up in zip(full, (True, False), strict=True))
        if start < end:
            yield _Opening(slot=slot, start_hour=start, end_hour=end, starts=starts, ends=ends)


def _local_hour(moment: datetime, zone: ZoneInfo, *, up: bool) -> int:
    local = moment.astimezone(zone)
    return local.hour + (1 if up and (local.minute or local.second) else 0)


def _unlearnt(own: Sequence[int], tenant: TenantClock, clocks: tuple[Clock, ...], as_of: datetime) -> SendWindow:
    """Return a window without hours: the next time at which contact is allowed; blocked where none is."""
    starts: datetime | None
    ends: datetime | None
    try:
        starts, ends = next_open_span(clocks, as_of)
    except NoCommonHourError:
        starts = ends = None
    return SendWindow(
        status="blocked" if starts is None else "insufficient_data",
        basis="prior",
        start_hour=None,
        end_hour=None,
        next_start=starts,
        next_end=ends,
        own_replies=sum(own),
        tenant_replies=tenant.replies,
        share=None,
    )
