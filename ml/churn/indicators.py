"""The ten indicators of a lead going cold: each 0 to 1 with the counts and days that it comes from, never a text.

They are written rules over the snapshot (profile and features), and so are there from the first day, before any model.
A share of few events counts less than one of many. What cannot be told is 0 and says so (`known`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from ml.arrays import Bools, Floats
from ml.churn.activity import plain_kind
from ml.churn.conversation import PROMISED, facts_told, recent_messages, times_put_off, told_timelines, tone_of
from ml.ensemble.column_types import numbers
from ml.features.contextual import normalised_level
from ml.features.events import CANONICAL, Events, collect, visible
from ml.profiles import FeatureMatrix, LeadProfile, MessageSignal
from ml.urgency import THRESHOLDS, patience

#: days of the newer window, and of both windows together
RECENT, WHOLE = 14.0, 56.0
#: the same for answers and habits, which need more time to show
RECENT_HABITS, WHOLE_HABITS = 28.0, 112.0
#: share of messages that a lead answers of whom nothing earlier is known
USUAL_ANSWERS = 0.3
#: days after which a missed appointment counts half
_FADES = 60.0
#: stays of a stage, in times of its patience with silence, from which a decision is late
_STAYS = 3.0
#: how much missing financing weighs by timeline
_UNFINANCED: Mapping[str, float] = MappingProxyType({"0-3": 0.6, "3-6": 0.4, "6-12": 0.2})
#: digits to which an indicator is given
DIGITS = 4
_BROWSING = ("listing_views", "saved_listings", "saved_searches", "searches", "site_visits")
_ANSWERS = ("sms_in", "replies")
_MESSAGES = ("sms_out", "emails_sent", "messages")
#: messages with a price objection that delay a decision half
_FEW_OBJECTIONS = 4.0
_MENTIONS = frozenset({"competitor", "competitor_mention", "competitor_mentioned"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """One warning sign of one lead."""

    name: str
    #: 0 nothing to see, 1 as bad as it gets
    value: float
    #: counts, days and shares that it comes from
    evidence: Mapping[str, float]
    #: False where the snapshot holds nothing to tell it from
    known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One indicator of many leads."""

    values: Floats
    known: Bools
    evidence: Mapping[str, Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshots:
    """The profiles, features and events that the indicators are measured on."""

    profiles: Sequence[LeadProfile]
    matrix: FeatureMatrix
    events: Events
    #: what was read in each lead's messages that still tell something (`recent_messages`), oldest first
    messages: Sequence[Sequence[MessageSignal]]
    #: days of silence that each lead's stage bears
    patience: Floats

    def column(self, name: str) -> Floats:
        """Return a feature; NaN where it is missing."""
        return numbers(self.matrix, name)

    def count(self, mask: Bools, newest: float, oldest: float) -> Floats:
        """Count the marked events of an age in days; NaN for a lead without any event."""
        return self.events.count(mask & (self.events.age > newest) & (self.events.age <= oldest))


def measure(
    profiles: Sequence[LeadProfile],
    matrix: FeatureMatrix,
    *,
    thresholds: Mapping[str, float] = THRESHOLDS,
) -> dict[str, Measured]:
    """Measure the ten indicators of many leads; `matrix` holds their features, `thresholds` must be whole."""
    snapshots = Snapshots(
        profiles=profiles,
        matrix=matrix,
        events=collect(profiles),
        messages=[recent_messages(profile) for profile in profiles],
        patience=np.array([patience(lead.stage, lead.timeline, thresholds) for lead in profiles], dtype=np.float64),
    )
    return {name: measure_one(snapshots) for name, measure_one in _MEASURES.items()}


def spread(measured: Mapping[str, Measured]) -> list[tuple[Indicator, ...]]:
    """Return the ten indicators of each of the leads."""
    return list(zip(*(_indicators(name, indicator) for name, indicator in measured.items()), strict=True))


def _indicators(name: str, measured: Measured) -> list[Indicator]:
    """Return one indicator of each lead."""
    columns = [np.round(column, 2).tolist() for column in measured.evidence.values()]
    rows = zip(
        np.round(measured.values, DIGITS).tolist(), measured.known.tolist(), zip(*columns, strict=True), strict=True
    )
    return [
        Indicator(
            name=name,
            value=value,
            evidence={what: cell for what, cell in zip(measured.evidence, cells, strict=True) if math.isfinite(cell)},
            known=known,
        )
        for value, known, cells in rows
    ]


def _declining(snapshots: Snapshots) -> Measured:
    signs = (snapshots.events.side > 0) | snapshots.events.of("showings", "appointments")
    decline = _decline(snapshots, signs, "signs")
    # a stored snapshot has the trend though its events may be gone
    trend = snapshots.column("activity_trend")
    return _or_else(decline, 1 - np.exp(np.minimum(trend, 0.0)), {"activity_trend": trend})


def _browsing(snapshots: Snapshots) -> Measured:
    decline = _decline(snapshots, snapshots.events.of(*_BROWSING), "views")
    days = np.fmin(
        np.fmin(snapshots.column("view_days"), snapshots.column("visit_days")), snapshots.column("search_days")
    )
    return _or_else(decline, 1 - np.exp2(-days / (2 * RECENT)), {"last_view_days": days})


def _decline(snapshots: Snapshots, mask: Bools, label: str) -> Measured:
    """Compare the last two weeks with the six before."""
    newer, older = snapshots.count(mask, -1.0, RECENT), snapshots.count(mask, RECENT, WHOLE)
    usual = older * RECENT / (WHOLE - RECENT)
    return _measured(
        _less(newer, usual) * older / (older + 3),
        newer + older > 0,
        {f"{label}_{RECENT:g}d": newer, f"{label}_before_{WHOLE - RECENT:g}d": older},
    )


def _sentiment(snapshots: Snapshots) -> Measured:
    """Return how negative the lead's messages are, newer ones counting more, and how much more than before."""
    tones = np.array(
        [tone_of(lead.as_of, said) for lead, said in zip(snapshots.profiles, snapshots.messages, strict=True)],
        dtype=np.float64,
    ).reshape(-1, 4)
    messages, negative, polarity, trend = tones.T
    worse = np.maximum(-polarity, 0.0) + 0.5 * np.maximum(-np.nan_to_num(trend), 0.0)
    evidence = {"messages": messages, "negative_messages": negative, "polarity": polarity}
    return _measured(worse * messages / (messages + 2), messages > 0, evidence)


def _responses(snapshots: Snapshots) -> Measured:
    sent = snapshots.events.of(*_MESSAGES) & (snapshots.events.side < 0)
    answered = snapshots.events.of(*_ANSWERS)
    messages, before = snapshots.count(sent, -1.0, RECENT_HABITS), snapshots.count(sent, RECENT_HABITS, WHOLE_HABITS)
    answers, earlier = (
        snapshots.count(answered, -1.0, RECENT_HABITS),
        snapshots.count(answered, RECENT_HABITS, WHOLE_HABITS),
    )
    usual = np.where(before > 0, np.minimum(_share(earlier, before), 1.0), USUAL_ANSWERS)
    fewer_answers = _measured(
        _less(np.minimum(_share(answers, messages), 1.0), usual) * messages / (messages + 2),
        messages > 0,
        {"messages_28d": messages, "answers_28d": answers, "messages_before": before, "answers_before": earlier},
    )
    rate = snapshots.column("response_rate")
    return _or_else(fewer_answers, _less(rate, np.full_like(rate, USUAL_ANSWERS)), {"response_rate": rate})


def _missed(snapshots: Snapshots) -> Measured:
    fading = np.exp2(-snapshots.events.age / _FADES)
    absent, present = snapshots.events.of("no_shows"), snapshots.events.of("showings")
    missed, attended = snapshots.events.count(absent, fading), snapshots.events.count(present, fading)
    evidence = {
        "missed": snapshots.events.count(absent),
        "kept": snapshots.events.count(present),
        "last_missed_days": snapshots.events.newest(absent),
    }
    missed_share = _measured(missed / (missed + attended + 1), missed + attended > 0, evidence)
    no_shows, showings = snapshots.column("no_shows"), np.nan_to_num(snapshots.column("showings"))
    return _or_else(missed_share, no_shows / (no_shows + showings + 1), {"missed": no_shows, "kept": showings})


def _competitor(snapshots: Snapshots) -> Measured:
    """Named by the lead, or still looking around while our messages go unanswered."""
    told = [facts_told(said, "competitor") for said in snapshots.messages]
    named = np.array(
        [_mentions(profile) + facts for profile, facts in zip(snapshots.profiles, told, strict=True)], dtype=np.float64
    )
    views = snapshots.count(snapshots.events.of(*_BROWSING), -1.0, RECENT)
    sent = snapshots.count(snapshots.events.of(*_MESSAGES) & (snapshots.events.side < 0), -1.0, RECENT)
    silent = snapshots.count(snapshots.events.of(*_ANSWERS), -1.0, RECENT) == 0
    unanswered = np.where(silent, sent, 0.0)
    elsewhere = views / (views + 5) * unanswered / (unanswered + 2)
    evidence = {"mentions": named, "views_14d": views, "unanswered_14d": unanswered}
    return _measured(np.fmax(1 - np.exp2(-named), elsewhere), np.isfinite(views) | (named > 0), evidence)


def _delayed(snapshots: Snapshots) -> Measured:
    """Longer in one stage than stages last, beyond the time that the lead gave itself, or put off in its own words."""
    stay, age = snapshots.column("stage_days"), snapshots.column("age_days")
    usual = _STAYS * snapshots.patience
    promised = np.array([PROMISED.get(normalised_level(lead.timeline or ""), np.nan) for lead in snapshots.profiles])
    told = [told_timelines(said) for said in snapshots.messages]
    put_off = np.array([times_put_off(timelines) or np.nan for timelines in told], dtype=np.float64)
    objections = np.array(
        [facts_told(said, "price_objection") or np.nan for said in snapshots.messages], dtype=np.float64
    )
    # one that moved its own date counts half; an objection to the price alone, little
    late = np.fmax(np.fmax(stay / usual - 1, age / promised - 1), 1 - np.exp2(-put_off))
    late = np.fmax(late, objections / (objections + _FEW_OBJECTIONS))
    evidence = {
        "stage_days": stay,
        "usual_days": usual,
        "age_days": age,
        "promised_days": promised,
        "put_off": put_off,
        "price_objections": objections,
    }
    return _measured(late, np.isfinite(late), evidence)


def _gaps(snapshots: Snapshots) -> Measured:
    silent = np.fmin(snapshots.column("silence_days"), snapshots.column("age_days"))
    evidence = {
        "silent_days": silent,
        "threshold_days": snapshots.patience,
        "last_contact_days": snapshots.column("contact_days"),
    }
    # half at the threshold, whole at twice of it
    return _measured(silent / (2 * snapshots.patience), np.isfinite(silent), evidence)


def _habits(snapshots: Snapshots) -> Measured:
    """Return how far the mix of what a lead does has moved: 0 the same mix, 1 nothing in common."""
    newer, older = _mix(snapshots, -1.0, RECENT_HABITS), _mix(snapshots, RECENT_HABITS, WHOLE_HABITS)
    recent, before = newer.sum(axis=1), older.sum(axis=1)
    shares = newer / np.maximum(recent, 1)[:, None], older / np.maximum(before, 1)[:, None]
    moved = np.abs(shares[0] - shares[1]).sum(axis=1) / 2
    fewer = np.minimum(recent, before)
    dropped = ((older > 0) & (newer == 0)).sum(axis=1).astype(np.float64)
    evidence = {"signs_28d": recent, "signs_before": before, "kinds_dropped": dropped}
    return _measured(moved * fewer / (fewer + 5), fewer > 0, evidence)


def _external(snapshots: Snapshots) -> Measured:
    """Return what lies outside the talk with us, as far as it is known: financing that the timeline would ask for."""
    financing = [normalised_level(lead.preapproval or "") for lead in snapshots.profiles]
    lacking = np.array([level == "none" for level in financing], dtype=np.float64)
    weighs = np.array([_UNFINANCED.get(normalised_level(lead.timeline or ""), 0.1) for lead in snapshots.profiles])
    known = np.array([bool(level) for level in financing], dtype=np.bool_)
    return _measured(lacking * weighs, known, {"financing_lacking": np.where(known, lacking, np.nan)})


_MEASURES: Mapping[str, Callable[[Snapshots], Measured]] = MappingProxyType(
    {
        "declining_engagement": _declining,
        "negative_sentiment": _sentiment,
        "reduced_response_rate": _responses,
        "missed_appointments": _missed,
        "decreased_browsing": _browsing,
        "competitor_activity": _competitor,
        "delayed_decisions": _delayed,
        "communication_gaps": _gaps,
        "behavioral_changes": _habits,
        "external_factors": _external,
    }
)


def _mix(snapshots: Snapshots, newest: float, oldest: float) -> Floats:
    events, kinds = snapshots.events, len(CANONICAL)
    mask = (events.side > 0) & (events.age > newest) & (events.age <= oldest)
    place = events.lead[mask] * kinds + events.kind[mask]
    counted = np.bincount(place, minlength=events.rows * kinds).astype(np.float64)
    return counted.reshape(events.rows, kinds)


def _mentions(profile: LeadProfile) -> int:
    return sum(plain_kind(event) in _MENTIONS for event in visible(profile))


def _share(part: Floats, whole: Floats) -> Floats:
    return part / np.where(whole > 0, whole, np.nan)


def _less(now: Floats, usual: Floats) -> Floats:
    """Return how much less there is than usual, 0 to 1; nothing usual cannot become less."""
    less: Floats = np.where(usual > 0, 1 - now / np.where(usual > 0, usual, 1.0), 0.0)
    return np.maximum(less, 0.0)


def _measured(values: Floats, known: Bools, evidence: Mapping[str, Floats]) -> Measured:
    measurable = known & np.isfinite(values)
    return Measured(values=np.where(measurable, np.clip(values, 0.0, 1.0), 0.0), known=measurable, evidence=evidence)


def _or_else(measured: Measured, values: Floats, evidence: Mapping[str, Floats]) -> Measured:
    """Return the measure with values from a feature where events give none."""
    fallback = _measured(values, ~measured.known, evidence)
    from_events = {name: np.where(measured.known, column, np.nan) for name, column in measured.evidence.items()}
    from_features = {name: np.where(fallback.known, column, np.nan) for name, column in evidence.items()}
    merged = {
        name: np.fmax(from_events.get(name, _nothing(measured)), from_features.get(name, _nothing(measured)))
        for name in {**from_events, **from_features}
    }
    return Measured(
        values=np.where(measured.known, measured.values, fallback.values),
        known=measured.known | fallback.known,
        evidence=merged,
    )


def _nothing(measured: Measured) -> Floats:
    return np.full(len(measured.values), np.nan)
