"""Temporal features: recency per kind in days, silence, age, and whether activity rises or falls."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ml.arrays import Floats
from ml.features.contextual import TERMINAL
from ml.features.events import Events, days_before
from ml.profiles import LeadProfile

#: feature -> the kinds whose newest event it dates
RECENCY: dict[str, tuple[str, ...]] = {
    "email_days": ("emails_opened", "emails_clicked"),
    "call_days": ("calls",),
    "view_days": ("listing_views", "saved_listings"),
    "search_days": ("searches", "saved_searches"),
    "showing_days": ("showings",),
    "offer_days": ("offers",),
    "visit_days": ("site_visits",),
}
#: days of the newer of the two windows that the trend compares; the older one lies just before it
WINDOW = 14.0


def columns(profiles: Sequence[LeadProfile], events: Events) -> dict[str, Floats]:
    """Return the temporal features of many leads, in days before `as_of`; NaN where nothing is known."""
    days = {name: _days_since(profiles, name) for name in ("last_activity_at", "last_contacted_at", "last_replied_at")}
    reply = np.fmin(days["last_replied_at"], events.newest(events.of("sms_in", "replies")))
    return {
        "silence_days": np.fmin(np.fmin(days["last_activity_at"], reply), events.newest(events.side > 0)),
        "reply_days": reply,
        "contact_days": np.fmin(days["last_contacted_at"], events.newest(events.side < 0)),
        "stage_days": np.array([_stage_days(profile) for profile in profiles], dtype=np.float64),
        "age_days": np.array([days_before(p.as_of, p.created_at) for p in profiles], dtype=np.float64),
        "activity_trend": _trend(events),
    } | {name: events.newest(events.of(*kinds)) for name, kinds in RECENCY.items()}


def _days_since(profiles: Sequence[LeadProfile], name: str) -> Floats:
    return np.array([days_before(profile.as_of, profile.times.get(name)) for profile in profiles], dtype=np.float64)


def _stage_days(profile: LeadProfile) -> float:
    # the day a closed lead entered its stage is the day it closed
    if profile.stage is None or profile.stage.casefold() in TERMINAL:
        return float("nan")
    return days_before(profile.as_of, profile.times.get("stage_changed_at"))


def _trend(events: Events) -> Floats:
    newer = events.count((events.side > 0) & (events.age <= WINDOW))
    older = events.count((events.side > 0) & (events.age > WINDOW) & (events.age <= 2 * WINDOW))
    return np.log1p(newer) - np.log1p(older)
