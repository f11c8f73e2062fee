"""Why a lead wants a touch now, what to do and by when: rules over silence, no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from domain.leads import UNSCORED_LEAD_TYPES
from ml.explain import ago
from ml.features.contextual import TERMINAL, normalised_level
from ml.features.events import canonical, side, visible
from ml.profiles import LeadProfile

#: within this an inquiry is to be answered
ANSWER_WITHIN = timedelta(minutes=5)
#: from here on an inquiry never answered is neglected: a call within minutes saves nothing any more. Three days, so
#: that one of a Friday evening is still new on Monday morning
FRESH = timedelta(days=3)

#: days of silence a stage bears; `nurture:<timeline>` for leads in nurture
THRESHOLDS: Mapping[str, float] = MappingProxyType(
    {
        "new": 7,
        "contacted": 10,
        "engaged": 14,
        "qualified": 14,
        "appointment": 7,
        "showing": 7,
        "offer": 5,
        "under_contract": 10,
        "unresponsive": 21,
        "nurture:0-3": 10,
        "nurture:3-6": 14,
        "nurture:6-12": 30,
        "nurture:12+": 60,
        "nurture:unknown": 30,
        "past_client": 180,
    }
)
#: what to do when a stage has been silent too long; a call where nothing is written
ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "engaged": "listing_alert",
        "showing": "showing_invite",
        "nurture": "market_report",
        "unresponsive": "reengagement_drip",
        "past_client": "home_valuation",
    }
)
CALL = "call_task"
#: stages in which nothing is to be done; a past client is still somebody's client
_DONE = frozenset(normalised_level(stage) for stage in TERMINAL) - {"past client"}
_CLOSED = frozenset({"won", "lost", "abandoned"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Urgency:
    """The urgency of a lead: why to act now, how and until when."""

    #: plain words without personal data; None when there is nothing to do
    why_now: str | None = None
    #: an action of the catalogue
    action: str | None = None
    due_by: datetime | None = None
    #: days since the lead last gave a sign, or came in; None when neither is known
    silent_days: float | None = None
    #: `due_by` has passed
    overdue: bool = False
    #: when a fresh inquiry came in that nobody has answered yet; such leads come first
    inquiry_at: datetime | None = None


def assess(profiles: Sequence[LeadProfile], thresholds: Mapping[str, float] = THRESHOLDS) -> list[Urgency]:
    """Assess leads, each as of its own moment. `thresholds` are days; a stage without one takes the written one.

    >>> from datetime import UTC
    >>> now = datetime(2025, 3, 1, 12, tzinfo=UTC)
    >>> found = assess([LeadProfile(lead_id="1", as_of=now, created_at=now - timedelta(minutes=12), stage="new")])[0]
    >>> found.why_now, found.action, found.overdue
    ('new inquiry, not contacted for 12 minutes', 'call_task', True)
    """
    every = {**THRESHOLDS, **thresholds}
    return [_one(profile, every) for profile in profiles]


def _one(profile: LeadProfile, thresholds: Mapping[str, float]) -> Urgency:
    stage = normalised_level(profile.stage or "new").replace(" ", "_")
    sign = _last_sign(profile)
    silent = None if sign is None else (profile.as_of - sign) / timedelta(days=1)
    if _finished(profile, stage):
        return Urgency(silent_days=silent)
    inquiry = _unanswered(profile)
    if inquiry is not None:
        return _answer(profile.as_of, inquiry, silent)
    if sign is None or silent is None:
        return Urgency()
    limit = patience(stage, profile.timeline, thresholds)
    return Urgency(
        why_now=_silence(silent, limit, profile.created_at == sign),
        action=ACTIONS.get(stage, CALL),
        due_by=_later(sign, limit),
        silent_days=silent,
        overdue=silent >= limit,
    )


def waiting(inquiry: datetime, now: datetime) -> str:
    """Return how long an unanswered inquiry has been waiting; one of more than three days ago is not new any more.

    >>> from datetime import UTC
    >>> came = datetime(2025, 3, 1, 12, tzinfo=UTC)
    >>> waiting(came, came + timedelta(minutes=47)), waiting(came, came + timedelta(days=13))
    ('new inquiry, not contacted for 47 minutes', 'its inquiry of 13 days ago was never answered')
    """
    waited = _waited(now - inquiry)
    if now - inquiry >= FRESH:
        return f"its inquiry of {waited} ago was never answered"
    return f"new inquiry, not contacted for {waited}"


def next_look(urgency: Urgency, as_of: datetime) -> datetime | None:
    """Return when a lead is more pressing, or pressing in another way, though nothing happens; None for never.

    That is when it should have been seen to, and when an inquiry that nobody answers stops being new.

    >>> from datetime import UTC
    >>> came = datetime(2025, 3, 1, 12, tzinfo=UTC)
    >>> asked = Urgency(due_by=came + ANSWER_WITHIN, inquiry_at=came)
    >>> next_look(asked, came) == asked.due_by, next_look(asked, came + timedelta(hours=1)) == came + FRESH
    (True, True)
    """
    stale_at = None if urgency.inquiry_at is None else urgency.inquiry_at + FRESH
    return min((at for at in (urgency.due_by, stale_at) if at is not None and at > as_of), default=None)


def _answer(as_of: datetime, inquiry: datetime, silent: float | None) -> Urgency:
    return Urgency(
        why_now=waiting(inquiry, as_of),
        action=CALL,
        due_by=inquiry + ANSWER_WITHIN,
        silent_days=silent,
        overdue=as_of > inquiry + ANSWER_WITHIN,
        inquiry_at=inquiry,
    )


def _finished(profile: LeadProfile, stage: str) -> bool:
    if profile.lead_type in UNSCORED_LEAD_TYPES or is_done(stage):
        return True
    return stage != "past_client" and (profile.status or "") in _CLOSED


def is_done(stage: str | None) -> bool:
    """Return whether nothing is to be done in a stage any more.

    >>> is_done("Closed Won"), is_done("past_client"), is_done(None)
    (True, False, False)
    """
    return normalised_level(stage or "") in _DONE


def _unanswered(profile: LeadProfile) -> datetime | None:
    """Return when a fresh inquiry came that nobody has answered; None when there is none."""
    events = [(canonical(event.kind, event.direction), event) for event in visible(profile)]
    inquiries = [event.occurred_at for kind, event in events if kind == "inquiries"]
    inquiry = max(inquiries, default=_past(profile, profile.created_at))
    if inquiry is None or profile.as_of - inquiry >= FRESH:
        return None
    contacts = [event.occurred_at for kind, event in events if kind is not None and side(kind, event.direction) < 0]
    last_contact = _past(profile, profile.times.get("last_contacted_at"))
    contacts += [] if last_contact is None else [last_contact]
    return None if any(contact >= inquiry for contact in contacts) else inquiry


def _last_sign(profile: LeadProfile) -> datetime | None:
    signs = [profile.times.get("last_activity_at"), profile.times.get("last_replied_at"), profile.created_at]
    for event in visible(profile):
        kind = canonical(event.kind, event.direction)
        if kind is not None and side(kind, event.direction) > 0:
            signs.append(event.occurred_at)
    return max((sign for sign in signs if sign is not None and sign <= profile.as_of), default=None)


def _past(profile: LeadProfile, moment: datetime | None) -> datetime | None:
    return None if moment is None or moment > profile.as_of else moment


def patience(stage: str | None, timeline: str | None, thresholds: Mapping[str, float] = THRESHOLDS) -> float:
    """Return the days of silence that a stage bears; `thresholds` must be whole.

    >>> patience("offer", None), patience("Nurture", "12+"), patience(None, None)
    (5, 60, 7)
    """
    name = normalised_level(stage or "new").replace(" ", "_")
    if name == "nurture":
        return thresholds.get(f"nurture:{normalised_level(timeline or 'unknown')}", thresholds["nurture:unknown"])
    return thresholds.get(name, thresholds["new"])


def _later(sign: datetime, days: float) -> datetime | None:
    try:
        return sign + timedelta(days=days)
    except OverflowError:
        return None


def _silence(silent: float, limit: float, only_came: bool) -> str:
    what = "no sign since it came in" if only_came else "last sign"
    return f"{what} {ago(silent)}, limit {limit:g} days"


def _waited(span: timedelta) -> str:
    minutes = int(span / timedelta(minutes=1))
    if minutes < 120:
        return "1 minute" if minutes == 1 else f"{minutes} minutes"
    hours = minutes // 60
    return f"{hours} hours" if hours < 48 else f"{hours // 24} days"
