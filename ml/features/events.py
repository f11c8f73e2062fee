"""Interactions of many leads as flat arrays, only those that had happened and were known by each lead's `as_of`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from ml.arrays import Bools, Floats, Ints
from ml.profiles import Interaction, LeadProfile

DAY = 86_400.0


#: spellings of kinds -> the canonical kind, which is the name of its count
KINDS: dict[str, str] = {
    "email_sent": "emails_sent",
    "email_opened": "emails_opened",
    "email_open": "emails_opened",
    "email_clicked": "emails_clicked",
    "email_click": "emails_clicked",
    "click": "emails_clicked",
    "sms_received": "sms_in",
    "sms_reply": "sms_in",
    "sms_sent": "sms_out",
    "call": "calls",
    "phone_call": "calls",
    "listing_view": "listing_views",
    "property_view": "listing_views",
    "view": "listing_views",
    "saved_listing": "saved_listings",
    "listing_saved": "saved_listings",
    "favorite": "saved_listings",
    "saved_search": "saved_searches",
    "search_saved": "saved_searches",
    "search": "searches",
    "showing": "showings",
    "showing_attended": "showings",
    "tour": "showings",
    "offer": "offers",
    "offer_made": "offers",
    "site_visit": "site_visits",
    "page_view": "site_visits",
    "visit": "site_visits",
    "no_show": "no_shows",
    "noshow": "no_shows",
    "reply": "replies",
    "email_reply": "replies",
    "message": "messages",
    "chat": "messages",
    "form": "inquiries",
    "inquiry": "inquiries",
    "registration": "inquiries",
    "appointment": "appointments",
}
#: kinds whose meaning depends on who did it: inbound, outbound
DIRECTED: dict[str, tuple[str, str]] = {
    "sms": ("sms_in", "sms_out"),
    "text": ("sms_in", "sms_out"),
    "email": ("replies", "emails_sent"),
    "messages": ("replies", "messages"),
}
CANONICAL: tuple[str, ...] = tuple(
    dict.fromkeys([*KINDS.values(), *(kind for pair in DIRECTED.values() for kind in pair)])
)
CODES: dict[str, int] = {kind: code for code, kind in enumerate(CANONICAL)}
OUTBOUND = frozenset({"emails_sent", "sms_out"})
#: neither side's doing in itself: only a given direction tells
NEUTRAL = frozenset({"calls", "messages", "appointments", "no_shows"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """The visible interactions of `rows` leads, flat; events of one lead are ordered by time."""

    rows: int
    #: index of the lead
    lead: Ints
    #: code of the canonical kind
    kind: Ints
    #: days before `as_of`, 0 or more
    age: Floats
    #: 1 the lead did it, -1 the brokerage did, 0 unclear
    side: NDArray[np.int8]
    #: leads without any event
    silent: Bools

    def of(self, *kinds: str) -> Bools:
        """Mark the events of some kinds."""
        return _among(kinds)[self.kind]

    def count(self, mask: Bools, weights: Floats | None = None) -> Floats:
        """Count, or add up the weights of, the marked events of each lead; NaN for a lead without any event."""
        chosen = None if weights is None else weights[mask]
        total = np.bincount(self.lead[mask], weights=chosen, minlength=self.rows).astype(np.float64)
        total[self.silent] = np.nan
        return total

    def newest(self, mask: Bools) -> Floats:
        """Return the age in days of each lead's newest marked event; NaN without one."""
        ages = np.full(self.rows, np.inf)
        np.minimum.at(ages, self.lead[mask], self.age[mask])
        ages[np.isinf(ages)] = np.nan
        return ages


def collect(profiles: Sequence[LeadProfile]) -> Events:
    """Flatten the interactions of many leads, leaving out what lies after each lead's `as_of`."""
    rows = np.array(list(_visible(profiles)), dtype=np.float64).reshape(-1, 4)
    lead, kind, age, side = rows[np.lexsort((-rows[:, 2], rows[:, 0]))].T
    leads = lead.astype(np.intp)
    return Events(
        rows=len(profiles),
        lead=leads,
        kind=kind.astype(np.intp),
        age=np.ascontiguousarray(age),
        side=side.astype(np.int8),
        silent=np.bincount(leads, minlength=len(profiles)) == 0,
    )


@cache
def _among(kinds: tuple[str, ...]) -> Bools:
    marked = np.zeros(len(CODES), dtype=np.bool_)
    marked[[CODES[kind] for kind in kinds]] = True
    return marked


def days_before(as_of: datetime, moment: datetime | None) -> float:
    """Return the days from `moment` to `as_of`; NaN when it is unknown or lies later."""
    if moment is None or moment > as_of:
        return float("nan")
    return (as_of - moment).total_seconds() / DAY


def canonical(kind: str, direction: str | None) -> str | None:
    """Return the canonical kind of an interaction; None for one we do not know, such as the outcome of a deal.

    >>> canonical("Listing View", None), canonical("sms", "inbound"), canonical("deal_won", None)
    ('listing_views', 'sms_in', None)
    """
    name = "_".join(kind.casefold().replace("-", " ").replace("_", " ").split())
    name = KINDS.get(name, name)
    if name in DIRECTED and direction in {"inbound", "outbound"}:
        return DIRECTED[name][direction == "outbound"]
    return name if name in CODES else None


def side(kind: str, direction: str | None) -> int:
    """Return who acted: 1 the lead, -1 the brokerage, 0 unclear."""
    if direction in {"inbound", "outbound"}:
        return 1 if direction == "inbound" else -1
    if kind in NEUTRAL:
        return 0
    return -1 if kind in OUTBOUND else 1


def visible(profile: LeadProfile) -> Iterator[Interaction]:
    """Return the interactions that had happened and were known at `as_of`."""
    as_of = profile.as_of
    return (event for event in profile.interactions if event.occurred_at <= as_of and event.recorded_at <= as_of)


def _visible(profiles: Sequence[LeadProfile]) -> Iterator[tuple[int, int, float, int]]:
    for index, profile in enumerate(profiles):
        as_of = profile.as_of
        for event in visible(profile):
            code, done_by = _coded(event.kind, event.direction)
            if code is not None:
                # `visible` saw to it that it is not negative
                yield index, code, (as_of - event.occurred_at).total_seconds() / DAY, done_by


@lru_cache(maxsize=4096)  # many events share few kinds
def _coded(kind: str, direction: str | None) -> tuple[int | None, int]:
    name = canonical(kind, direction)
    return (None, 0) if name is None else (CODES[name], side(name, direction))
