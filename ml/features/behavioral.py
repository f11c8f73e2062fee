"""Behavioral features: counts and rates per kind, capped, and recent activity that decays with a half-life."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ml.arrays import Floats
from ml.features.events import Events
from ml.profiles import LeadProfile

#: count -> the most that counts; a hundred views say little more than fifty
CAPS: dict[str, float] = {
    "emails_sent": 60,
    "emails_opened": 40,
    "emails_clicked": 20,
    "sms_in": 40,
    "sms_out": 60,
    "calls": 30,
    "listing_views": 100,
    "saved_listings": 30,
    "saved_searches": 10,
    "searches": 60,
    "showings": 12,
    "offers": 5,
    "site_visits": 60,
    "no_shows": 5,
}
#: feature -> kinds that count, days until one counts half, the most that counts
FADING: dict[str, tuple[tuple[str, ...], float, float]] = {
    "recent_emails": (("emails_opened", "emails_clicked"), 14, 10),
    "recent_replies": (("sms_in", "replies"), 21, 10),
    "recent_calls": (("calls",), 21, 8),
    "recent_views": (("listing_views", "saved_listings"), 14, 20),
    "recent_searches": (("searches", "saved_searches"), 14, 15),
    "recent_showings": (("showings",), 30, 6),
    "recent_offers": (("offers",), 30, 3),
    "recent_visits": (("site_visits",), 14, 15),
}

_UNKNOWN = float("nan")


def columns(profiles: Sequence[LeadProfile], events: Events) -> dict[str, Floats]:
    """Return the behavioral features of many leads; NaN where nothing is known."""
    totals = [profile.numbers for profile in profiles]
    counts = {name: _count(totals, events, name) for name in CAPS}
    capped = {name: np.minimum(counts[name], cap) for name, cap in CAPS.items()}
    fading = {name: _fading(events, *how) for name, how in FADING.items()}
    return capped | fading | _rates(counts, events) | {"reply_hours": _reply_hours(events)}


def _count(facts: Sequence[Mapping[str, float]], events: Events, name: str) -> Floats:
    # the CRM's own total and our events tell of the same things, so the larger one is nearer to the truth
    crm_total = np.array([numbers.get(name, _UNKNOWN) for numbers in facts], dtype=np.float64)
    crm_total[~(np.isfinite(crm_total) & (crm_total >= 0))] = np.nan
    return np.fmax(crm_total, events.count(events.of(name)))


def _fading(events: Events, kinds: tuple[str, ...], half_life: float, cap: float) -> Floats:
    return np.minimum(events.count(events.of(*kinds), np.exp2(-events.age / half_life)), cap)


def _rates(counts: dict[str, Floats], events: Events) -> dict[str, Floats]:
    inbound = events.count(events.of("sms_in", "replies"))
    outbound = events.count(events.of("sms_out", "emails_sent", "messages") & (events.side < 0))
    return {
        "open_rate": _share(counts["emails_opened"], counts["emails_sent"]),
        "click_rate": _share(counts["emails_clicked"], counts["emails_sent"]),
        "response_rate": np.fmax(_share(counts["sms_in"], counts["sms_out"]), _share(inbound, outbound)),
    }


def _share(part: Floats, whole: Floats) -> Floats:
    share = np.full(part.shape, np.nan)
    np.divide(part, whole, out=share, where=whole > 0)
    return np.clip(share, 0.0, 1.0, out=share)


def _reply_hours(events: Events) -> Floats:
    """Return the mean hours from a message of ours to the reply that comes next."""
    replies = events.of("sms_in", "replies", "calls") & (events.side > 0)
    answered = np.zeros(len(events.lead), dtype=np.bool_)
    answered[1:] = replies[1:] & (events.side[:-1] < 0) & (events.lead[1:] == events.lead[:-1])
    hours = np.zeros(len(events.lead))
    hours[1:] = (events.age[:-1] - events.age[1:]) * 24
    mean = np.full(events.rows, np.nan)
    times = np.bincount(events.lead[answered], minlength=events.rows)
    total = np.bincount(events.lead[answered], weights=hours[answered], minlength=events.rows)
    np.divide(total, times, out=mean, where=times > 0)
    return mean
