"""Compute when a person may be contacted: the hours allowed in every zone it may be in, and the next such moment.

A moment is allowed when the local clock of every zone allows it. Openings are computed on local clocks and returned in
UTC, so days of 23 or 25 hours need no special case. The common openings of a day are cached, since many leads need the
same days.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from ml.errors import NoCommonHourError
from ml.interventions.compliance.holidays import holidays_on
from ml.interventions.compliance.zones import PLACES, LegalHours, Place, PlaceBasis, zones_of

__all__ = [
    "EARLIEST",
    "LATEST",
    "Clock",
    "Hours",
    "PlaceBasis",
    "clocks_of",
    "first_open",
    "is_open",
    "next_open_span",
    "open_at",
    "zones_of",
]

#: federal hours: no setting allows contact outside them
EARLIEST, LATEST = next(law.days[0] for law in PLACES.hours if law.state == "*")
#: days in which a common hour of all zones is searched
_HORIZON = 15
_WEEK = 7
_DAY = timedelta(days=1)

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Hours:
    """Local clock hours in which people may be contacted, from `start` until before `end`."""

    start: float = 9
    end: float = 20
    #: narrower hours from Monday to Sunday; empty: every day is alike
    days: tuple[Span, ...] = ()
    #: ids of the holidays on which nobody may be contacted
    holidays: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse hours that are not a span within a day."""
        if not 0 <= self.start < self.end <= 24 or len(self.days) not in {0, _WEEK}:
            raise ValueError("hours run from a start to a later end, within 0 to 24")

    def on(self, weekday: int) -> Span:
        """Return the hours of a weekday (Monday is 0), within the federal ones; none when start is not before end.

        >>> Hours(7, 23).on(0)
        (8.0, 21.0)
        """
        of_day = self.days[weekday] if self.days else (EARLIEST, LATEST)
        return _narrowest([(self.start, self.end), (EARLIEST, LATEST), of_day])

    def at(self, day: date) -> Span:
        """Return the hours of a date: none on one of the `holidays`.

        >>> from ml.interventions.compliance.zones import laws_of
        >>> utah = Hours().within(laws_of("UT", None))
        >>> utah.at(date(2026, 7, 23)), utah.at(date(2026, 7, 24))
        ((9.0, 20.0), (0.0, 0.0))
        """
        closed = self.holidays and not self.holidays.isdisjoint(holidays_on(day))
        return (0.0, 0.0) if closed else self.on(day.weekday())

    def within(self, laws: Iterable[LegalHours]) -> Hours:
        """Return the hours narrowed to those that every law allows.

        >>> from ml.interventions.compliance.zones import laws_of
        >>> rhode_island = Hours(8, 21).within(laws_of("RI", None))
        >>> rhode_island.on(0), rhode_island.on(6)
        ((9.0, 18.0), (8.0, 0.0))
        """
        return _within(self, tuple(laws))


#: a zone with the hours that apply there
Clock = tuple[str, Hours]


def clocks_of(place: Place, hours: Hours, *, lawful: bool = True) -> tuple[Clock, ...]:
    """Return each zone of a place with the brokerage's hours; `lawful`: narrowed to the legal hours of its states."""
    return _clocks(place, hours) if lawful else tuple((zone, hours) for zone in place.zones)


def first_open(clocks: tuple[Clock, ...], now: datetime) -> datetime:
    """Return the first moment from `now` on, in UTC, at which every clock is inside its hours.

    Raises:
        NoCommonHourError: no such moment within two weeks.

    >>> from ml.interventions.compliance.zones import place_of
    >>> alabama = clocks_of(place_of(None, "Birmingham, AL", None), Hours())
    >>> first_open(alabama, datetime(2026, 7, 3, 1, 30, tzinfo=UTC)).isoformat()
    '2026-07-06T14:00:00+00:00'

    """
    return next_open_span(clocks, now)[0]


def next_open_span(clocks: tuple[Clock, ...], now: datetime) -> tuple[datetime, datetime]:
    """Return when every clock is next inside its hours, from `now` on and in UTC, and when the first one leaves them.

    Raises:
        NoCommonHourError: no such moment within two weeks.

    >>> clocks = (("America/New_York", Hours()), ("America/Chicago", Hours(16, 18)))
    >>> [at.isoformat() for at in next_open_span(clocks, datetime(2026, 7, 6, 12, tzinfo=UTC))]
    ['2026-07-06T21:00:00+00:00', '2026-07-06T23:00:00+00:00']

    """
    moment = now.astimezone(UTC)
    for opens, closes in _common_openings(clocks, moment.date()):
        if moment < closes:
            return max(moment, opens), _closing(clocks, closes)
    later = _next_opening(clocks, moment.date() + _DAY)
    if later is None:
        raise NoCommonHourError(
            f"no hour suits all of {len(clocks)} zones: tell the state or zone, or open longer hours"
        )
    opens, closes = later
    return opens, _closing(clocks, closes)


def open_at(zones: Sequence[str], now: datetime, hours: Hours = Hours()) -> datetime:
    """Return the first moment from `now` on, in UTC, at which every zone is inside its hours; no zone: all US zones.

    Raises:
        NoCommonHourError: no such moment within two weeks.

    >>> sunday_night = datetime(2026, 3, 8, 6, 30, tzinfo=UTC)
    >>> open_at(("America/New_York",), sunday_night).isoformat()
    '2026-03-08T13:00:00+00:00'

    """
    return first_open(tuple((zone, hours) for zone in tuple(zones) or PLACES.everywhere), now)


def is_open(zones: Sequence[str], moment: datetime, hours: Hours = Hours()) -> bool:
    """Return whether every zone is inside its hours at a moment; no zone: all US zones."""
    return all(_inside(zone, moment, hours) for zone in tuple(zones) or PLACES.everywhere)


@lru_cache(maxsize=1024)
def _within(hours: Hours, laws: tuple[LegalHours, ...]) -> Hours:
    days = (_narrowest([hours.on(day), *(law.days[day] for law in laws)]) for day in range(_WEEK))
    return replace(hours, days=tuple(days), holidays=hours.holidays.union(*(law.holidays for law in laws)))


@lru_cache(maxsize=1024)
def _clocks(place: Place, hours: Hours) -> tuple[Clock, ...]:
    return tuple((zone, hours.within(laws)) for zone, laws in place.clocks)


@lru_cache(maxsize=4096)
def _next_opening(clocks: tuple[Clock, ...], day: date) -> tuple[datetime, datetime] | None:
    """Return the first span in which all clocks are open, from a day in UTC on; None beyond the horizon."""
    days = (day + timedelta(days=ahead) for ahead in range(_HORIZON))
    return next((span for later in days for span in _common_openings(clocks, later)), None)


def _closing(clocks: tuple[Clock, ...], closes: datetime) -> datetime:
    """Return when a span ends; one that lasts until midnight in UTC may go on in the next day."""
    for opens, later in _common_openings(clocks, closes.date()) if closes.time() == time() else ():
        if opens == closes:
            return later
    return closes


@lru_cache(maxsize=4096)
def _common_openings(clocks: tuple[Clock, ...], day: date) -> tuple[tuple[datetime, datetime], ...]:
    """Return the spans of a day in UTC in which all clocks are open."""
    begins = datetime.combine(day, time(), UTC)
    common = [(begins, begins + _DAY)]
    for zone, hours in dict.fromkeys(clocks):
        local_days = (day - _DAY, day, day + _DAY)
        of_zone = [span for local_day in local_days for span in _openings(zone, hours, local_day)]
        overlaps = ((max(left[0], right[0]), min(left[1], right[1])) for left in common for right in of_zone)
        common = [(opens, closes) for opens, closes in overlaps if opens < closes]
        if not common:
            break
    return tuple(common)


@lru_cache(maxsize=4096)
def _openings(zone: str, hours: Hours, day: date) -> tuple[tuple[datetime, datetime], ...]:
    """Return the span in UTC in which a zone is open on a local day; empty when it is closed."""
    start, end = hours.at(day)
    return ((_moment(zone, day, start), _moment(zone, day, end)),) if start < end else ()


def _moment(zone: str, day: date, hour: float) -> datetime:
    midnight = datetime.combine(day, time(), ZoneInfo(zone))
    return (midnight + timedelta(minutes=_minutes(hour))).astimezone(UTC)


def _inside(zone: str, moment: datetime, hours: Hours) -> bool:
    local = moment.astimezone(ZoneInfo(zone))
    start, end = hours.at(local.date())
    return _minutes(start) <= local.hour * 60 + local.minute < _minutes(end)


def _minutes(hour: float) -> int:
    return round(hour * 60)


def _narrowest(spans: Iterable[Span]) -> Span:
    starts, ends = zip(*spans, strict=True)
    return float(max(starts)), float(min(ends))
