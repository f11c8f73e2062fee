"""Label leads as churned or not from what happened: one label for each lead and snapshot date.

Churned: within the horizon after the snapshot the lead gave no sign and its silence reached what its stage bears, or
the deal was lost or abandoned, or it opted out. Won is a competing event, a lead that nobody ever contacted is
neglected and kept apart, and a label is censored until the horizon has elapsed: quick ends alone would make churn look
more frequent than it is. The state at the snapshot (`snapshot_state`, `History.at`) and the follow-up after it are kept
apart: the state uses only events that had happened and were recorded by the snapshot, the follow-up those recorded by
`until`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal

from ml.churn.activity import End, closed_reason, contacts, end_of_stage, ends, point_in_time, quiet_since, signs
from ml.profiles import LeadProfile
from ml.urgency import THRESHOLDS, patience

#: how far a label looks ahead
HORIZON = timedelta(days=30)
DAY = timedelta(days=1)
#: how far back training looks, in snapshots a lead
WEEKS = 26

Outcome = Literal["churned", "kept", "won", "neglected", "gone", "censored"]
Event = Literal["churned", "won"]
#: what a label's outcome means to a classifier; absent ones teach it nothing
_CLASS: Mapping[str, bool] = MappingProxyType({"churned": True, "kept": False, "won": False})
_EVENTS: Mapping[str, Event] = MappingProxyType({"churned": "churned", "won": "won"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRecord:
    """The stage and timeline of a lead from a moment on."""

    since: datetime
    #: when it became known
    recorded_at: datetime
    stage: str | None = None
    timeline: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All that is known of a lead by now, each part with the moment from which it was known."""

    #: attributes and interactions; its `as_of`, `stage` and `timeline` are not read
    profile: LeadProfile
    #: from when on the attributes, counts and times of the profile were known
    observed_at: datetime
    stage_history: tuple[StageRecord, ...] = ()

    def at(self, as_of: datetime) -> LeadProfile:
        """Return the lead as it was known at a moment, to take features of."""
        stage_record, profile = self.stage_at(as_of), self.profile
        if self.observed_at > as_of:
            profile = LeadProfile(lead_id=profile.lead_id, as_of=as_of, created_at=profile.created_at)
        stage_fields = (
            {"stage": stage_record.stage, "timeline": stage_record.timeline}
            if stage_record
            else {"stage": None, "timeline": None}
        )
        return point_in_time(replace(profile, as_of=as_of, interactions=self.profile.interactions, **stage_fields))

    def stage_at(self, as_of: datetime) -> StageRecord | None:
        """Return where the lead stood as known at a moment."""
        known_records = [
            record for record in self.stage_history if record.since <= as_of and record.recorded_at <= as_of
        ]
        return max(known_records, key=lambda record: (record.since, record.recorded_at), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotState:
    """The state of a lead as known at a snapshot; nothing that happens later changes it."""

    stage: str | None
    timeline: str | None
    #: days of silence that the stage bears
    threshold: float
    #: the last sign, else when it came in
    quiet_since: datetime
    silent_days: float
    #: whether anybody had contacted it
    contacted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """The outcome of a lead after a snapshot."""

    lead_id: str
    as_of: datetime
    snapshot: SnapshotState
    outcome: Outcome
    #: silence, lost, abandoned, unsubscribed, opted_out, do_not_disturb, archived; of the others what ended it, if any
    reason: str | None
    #: when it churned or ended
    at: datetime | None
    #: days from the snapshot to its silence reaching the threshold or its end, else to the last that is known
    days: float
    #: what came after `days`; None = nobody knows, it was only followed so far
    event: Event | None

    @property
    def churned(self) -> bool | None:
        """Return what a classifier learns; None when the row teaches it nothing."""
        return _CLASS.get(self.outcome)


def labels(
    histories: Iterable[History],
    dates: Sequence[datetime],
    *,
    until: datetime,
    horizon: timedelta = HORIZON,
    thresholds: Mapping[str, float] = THRESHOLDS,
) -> list[Label]:
    """Label leads at snapshot dates as known at `until`: one row a lead and date at which something could come."""
    every = {**THRESHOLDS, **thresholds}
    moments = sorted({date for date in dates if date <= until})
    rows = (_label(history, date, until, horizon, every) for history in histories for date in moments)
    return [label for label in rows if label is not None]


def week_start(moment: datetime) -> datetime:
    """Return the beginning of a moment's week: labels as known then stay the same all week long.

    >>> from datetime import UTC
    >>> week_start(datetime(2025, 3, 6, 12, 30, tzinfo=UTC)).isoformat()
    '2025-03-03T00:00:00+00:00'
    """
    return moment.replace(hour=0, minute=0, second=0, microsecond=0) - moment.weekday() * DAY


def weekly_dates(until: datetime, *, weeks: int = WEEKS, horizon: timedelta = HORIZON) -> list[datetime]:
    """Return the snapshot dates that labels as known at `until` are made for: one a week, of the last half a year.

    >>> from datetime import UTC
    >>> [date.day for date in weekly_dates(datetime(2025, 3, 31, tzinfo=UTC), weeks=3)]
    [15, 22, 1]
    """
    last = until - horizon
    return [last - week * 7 * DAY for week in reversed(range(weeks))]


def snapshot_state(
    history: History, as_of: datetime, thresholds: Mapping[str, float] = THRESHOLDS
) -> SnapshotState | None:
    """Return what a snapshot knows; None before the lead came and after it ended. `thresholds` must be whole."""
    profile = history.at(as_of)
    stage_record = history.stage_at(as_of)
    if closed_reason(profile, None if stage_record is None else stage_record.since):
        return None
    since = quiet_since(profile)
    if since is None:
        return None
    return SnapshotState(
        stage=profile.stage,
        timeline=profile.timeline,
        threshold=patience(profile.stage, profile.timeline, thresholds),
        quiet_since=since,
        silent_days=(as_of - since) / DAY,
        contacted=bool(contacts(profile)),
    )


def _label(
    history: History, as_of: datetime, until: datetime, horizon: timedelta, thresholds: Mapping[str, float]
) -> Label | None:
    snapshot = snapshot_state(history, as_of, thresholds)
    if snapshot is None:
        return None
    follow_up = _FollowUp.of(history, snapshot, as_of, until)
    outcome, reason, at = follow_up.outcome(as_of + horizon)
    days, event = follow_up.time_to_event()
    return Label(
        lead_id=history.profile.lead_id,
        as_of=as_of,
        snapshot=snapshot,
        outcome=outcome,
        reason=reason,
        at=at,
        days=days,
        event=event,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _FollowUp:
    """The follow-up of a lead after a snapshot, as known at `until`."""

    as_of: datetime
    until: datetime
    patience: timedelta
    #: the last sign before the snapshot; one that was recorded late counts here, though the snapshot did not know it
    quiet_since: datetime
    #: signs after the snapshot, in order
    signs: tuple[datetime, ...]
    end: End | None
    #: when it was contacted first
    contacted_at: datetime | None

    @classmethod
    def of(cls, history: History, snapshot: SnapshotState, as_of: datetime, until: datetime) -> _FollowUp:
        """Gather the lead's activity, first contact and end after a snapshot."""
        profile = history.at(until)
        activity = signs(profile)
        # one that was recorded late came after the snapshot, which did not know it
        later_ends = [
            replace(end, at=max(end.at, as_of))
            for end in [*ends(profile), *_stage_ends(history, until)]
            if not end.was_known(as_of)
        ]
        return cls(
            as_of=as_of,
            until=until,
            patience=timedelta(days=snapshot.threshold),
            quiet_since=max([snapshot.quiet_since, *(sign for sign in activity if sign <= as_of)]),
            signs=tuple(sorted(sign for sign in activity if sign > as_of)),
            end=min(later_ends, key=lambda end: (end.at, end.rank), default=None),
            contacted_at=min(contacts(profile), default=None),
        )

    def outcome(self, last: datetime) -> tuple[Outcome, str | None, datetime | None]:
        """Return the outcome by `last`, its reason and its time."""
        if self.until < last:
            return "censored", None, None
        if self.end is not None and self.end.at <= last:
            return self._ended(self.end, last)
        crossed = self.quiet_since + self.patience
        if crossed > last or any(sign <= last for sign in self.signs):
            return "kept", None, None
        return self._neglected_or("silence", max(crossed, self.as_of), last)

    def time_to_event(self) -> tuple[float, Event | None]:
        """Return the days until its silence reached the threshold for the first time, or it ended, and which it was."""
        crossed = self._crossed()
        if self.end is not None and (crossed is None or self.end.at < crossed):
            outcome, _, at = self._ended(self.end, self.end.at)
            return (at - self.as_of) / DAY, _EVENTS.get(outcome)
        if crossed is None:
            return (self.until - self.as_of) / DAY, None
        return (crossed - self.as_of) / DAY, None if self._untouched(crossed) else "churned"

    def _crossed(self) -> datetime | None:
        last = self.quiet_since
        for sign in self.signs:
            if max(last + self.patience, self.as_of) < sign:
                break
            last = sign
        crossed = max(last + self.patience, self.as_of)
        return crossed if crossed <= self.until else None

    def _ended(self, end: End, last: datetime) -> tuple[Outcome, str, datetime]:
        if end.outcome != "churned" or end.refused:
            # who refuses to be contacted was contacted
            return end.outcome, end.reason, end.at
        return self._neglected_or(end.reason, end.at, last)

    def _neglected_or(self, reason: str, at: datetime, last: datetime) -> tuple[Outcome, str, datetime]:
        return "neglected" if self._untouched(last) else "churned", reason, at

    def _untouched(self, by: datetime) -> bool:
        return self.contacted_at is None or self.contacted_at > by


def _stage_ends(history: History, until: datetime) -> list[End]:
    known_records = (
        record for record in history.stage_history if record.since <= until and record.recorded_at <= until
    )
    stage_ends = (end_of_stage(record.stage, record.since, record.recorded_at) for record in known_records)
    return [end for end in stage_ends if end is not None]
