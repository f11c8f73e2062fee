"""When a person may be contacted: the hours open in every zone it may be in, and the next moment they are.

A moment is inside when each zone's own clock says so; openings are looked for on the clock of the zone and then told in
UTC, so a day of 23 or 25 hours needs no care.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from ml.errors import NoCommonHourError
from ml.interventions.zones import PLACES, Basis, LegalHours, zones_of

__all__ = ["EARLIEST", "LATEST", "Basis", "Hours", "is_open", "open_at", "zones_of"]

#: clock hours outside which no setting lets anybody be contacted: the federal ones
EARLIEST, LATEST = next(law.days[0] for law in PLACES.hours if law.state == "*")
#: longer than this nobody waits for an hour that suits all
_HORIZON = timedelta(days=15)
#: an opening is looked for today and on the days after, a week and one more
_AHEAD = 9
_WEEK = 7

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Hours:
    """Local clock hours in which people may be contacted, from `start` until before `end`."""

    start: float = 9
    end: float = 20
    #: narrower hours from Monday to Sunday; empty = every day alike
    days: tuple[Span, ...] = ()

    def __post_init__(self) -> None:
        """Refuse hours that are none."""
        if not 0 <= self.start < self.end <= 24 or len(self.days) not in {0, _WEEK}:
            raise ValueError("hours run from a start to a later end, within 0 to 24")

    def on(self, weekday: int) -> Span:
        """Give the hours of a weekday (Monday is 0), never outside the law's; none when start is not before end.

        >>> Hours(7, 23).on(0)
        (8.0, 21.0)
        """
        own = self.days[weekday] if self.days else (EARLIEST, LATEST)
        return _narrowest([(self.start, self.end), (EARLIEST, LATEST), own])

    def within(self, laws: Iterable[LegalHours]) -> Hours:
        """Narrow the hours to those that every law allows.

        >>> from ml.interventions.zones import laws_of
        >>> rhode_island = Hours(8, 21).within(laws_of("RI", None))
        >>> rhode_island.on(0), rhode_island.on(6)
        ((9.0, 18.0), (8.0, 0.0))
        """
        return _within(self, tuple(laws))


def open_at(zones: Sequence[str], now: datetime, hours: Hours = Hours()) -> datetime:
    """Give the first moment from `now` on, in UTC, at which every zone is inside its hours; no zone: all US zones.

    Raises:
        NoCommonHourError: there is none within two weeks.

    >>> sunday_night = datetime(2026, 3, 8, 6, 30, tzinfo=UTC)
    >>> open_at(("America/New_York",), sunday_night).isoformat()
    '2026-03-08T13:00:00+00:00'

    """
    places = tuple(zones) or PLACES.everywhere
    return _open_at(places, now.astimezone(UTC), hours)


def is_open(zones: Sequence[str], moment: datetime, hours: Hours = Hours()) -> bool:
    """Tell whether every zone is inside its hours at a moment; no zone: all US zones."""
    return all(_inside(zone, moment, hours) for zone in tuple(zones) or PLACES.everywhere)


@lru_cache(maxsize=1024)
def _within(hours: Hours, laws: tuple[LegalHours, ...]) -> Hours:
    days = (_narrowest([hours.on(day), *(law.days[day] for law in laws)]) for day in range(_WEEK))
    return replace(hours, days=tuple(days))


@lru_cache(maxsize=4096)
def _open_at(zones: tuple[str, ...], now: datetime, hours: Hours) -> datetime:
    moment = now
    while moment - now < _HORIZON:
        closed = next((zone for zone in zones if not _inside(zone, moment, hours)), None)
        if closed is None:
            return moment
        moment = _opening(closed, moment, hours)
    raise NoCommonHourError(f"no hour suits all of {len(zones)} zones: tell the state or zone, or open longer hours")


def _inside(zone: str, moment: datetime, hours: Hours) -> bool:
    local = moment.astimezone(ZoneInfo(zone))
    start, end = hours.on(local.weekday())
    return _minutes(start) <= local.hour * 60 + local.minute < _minutes(end)


def _opening(zone: str, after: datetime, hours: Hours) -> datetime:
    """Give when a zone that is closed opens next."""
    today = after.astimezone(ZoneInfo(zone)).date()
    for days in range(_AHEAD):
        day = today + timedelta(days=days)
        start, end = hours.on(day.weekday())
        if start >= end:
            continue
        opens = datetime.combine(day, _clock(start), ZoneInfo(zone)).astimezone(UTC)
        if opens > after:
            return opens
    raise NoCommonHourError(f"{zone} is never open: open longer hours")


def _clock(hour: float) -> time:
    return time(_minutes(hour) // 60, _minutes(hour) % 60)


def _minutes(hour: float) -> int:
    return round(hour * 60)


def _narrowest(spans: Iterable[Span]) -> Span:
    starts, ends = zip(*spans, strict=True)
    return float(max(starts)), float(min(ends))
