"""When a person may be contacted: the hours open in every zone it may be in, and the next moment they are.

A moment is inside when each zone's own clock says so. Openings are found on the clocks and told in UTC, so a day of 23
or 25 hours needs no care; what all clocks leave of a day is kept, since many leads ask for the same days.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from ml.errors import NoCommonHourError
from ml.interventions.compliance.holidays import holidays_on
from ml.interventions.compliance.zones import PLACES, Basis, LegalHours, Place, zones_of

__all__ = ["EARLIEST", "LATEST", "Basis", "Clock", "Hours", "clocks_of", "first_open", "is_open", "open_at", "zones_of"]

#: clock hours outside which no setting lets anybody be contacted: the federal ones
EARLIEST, LATEST = next(law.days[0] for law in PLACES.hours if law.state == "*")
#: days after which nobody waits for an hour that suits all
_HORIZON = 15
_WEEK = 7
_DAY = timedelta(days=1)

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Hours:
    """Local clock hours in which people may be contacted, from `start` until before `end`."""

    start: float = 9
    end: float = 20
    #: narrower hours from Monday to Sunday; empty = every day alike
    days: tuple[Span, ...] = ()
    #: ids of the holidays on which nobody may be
    holidays: frozenset[str] = frozenset()

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

    def at(self, day: date) -> Span:
        """Give the hours of a date: none on a holiday that counts.

        >>> from ml.interventions.compliance.zones import laws_of
        >>> utah = Hours().within(laws_of("UT", None))
        >>> utah.at(date(2026, 7, 23)), utah.at(date(2026, 7, 24))
        ((9.0, 20.0), (0.0, 0.0))
        """
        closed = self.holidays and not self.holidays.isdisjoint(holidays_on(day))
        return (0.0, 0.0) if closed else self.on(day.weekday())

    def within(self, laws: Iterable[LegalHours]) -> Hours:
        """Narrow the hours to those that every law allows.

        >>> from ml.interventions.compliance.zones import laws_of
        >>> rhode_island = Hours(8, 21).within(laws_of("RI", None))
        >>> rhode_island.on(0), rhode_island.on(6)
        ((9.0, 18.0), (8.0, 0.0))
        """
        return _within(self, tuple(laws))


#: a zone with the hours that hold there
Clock = tuple[str, Hours]


def clocks_of(place: Place, hours: Hours, *, lawful: bool = True) -> tuple[Clock, ...]:
    """Give each zone of a place with the hours that a brokerage keeps there, `lawful` within those of its states."""
    return _clocks(place, hours) if lawful else tuple((zone, hours) for zone in place.zones)


def first_open(clocks: tuple[Clock, ...], now: datetime) -> datetime:
    """Give the first moment from `now` on, in UTC, at which every clock is inside its hours.

    Raises:
        NoCommonHourError: there is none within two weeks.

    >>> from ml.interventions.compliance.zones import place_of
    >>> alabama = clocks_of(place_of(None, "Birmingham, AL", None), Hours())
    >>> first_open(alabama, datetime(2026, 7, 3, 1, 30, tzinfo=UTC)).isoformat()
    '2026-07-06T14:00:00+00:00'

    """
    moment = now.astimezone(UTC)
    for opens, closes in _open(clocks, moment.date()):
        if moment < closes:
            return max(moment, opens)
    later = _next(clocks, moment.date() + _DAY)
    if later is None:
        raise NoCommonHourError(
            f"no hour suits all of {len(clocks)} zones: tell the state or zone, or open longer hours"
        )
    return later


def open_at(zones: Sequence[str], now: datetime, hours: Hours = Hours()) -> datetime:
    """Give the first moment from `now` on, in UTC, at which every zone is inside its hours; no zone: all US zones.

    Raises:
        NoCommonHourError: there is none within two weeks.

    >>> sunday_night = datetime(2026, 3, 8, 6, 30, tzinfo=UTC)
    >>> open_at(("America/New_York",), sunday_night).isoformat()
    '2026-03-08T13:00:00+00:00'

    """
    return first_open(tuple((zone, hours) for zone in tuple(zones) or PLACES.everywhere), now)


def is_open(zones: Sequence[str], moment: datetime, hours: Hours = Hours()) -> bool:
    """Tell whether every zone is inside its hours at a moment; no zone: all US zones."""
    return all(_inside(zone, moment, hours) for zone in tuple(zones) or PLACES.everywhere)


@lru_cache(maxsize=1024)
def _within(hours: Hours, laws: tuple[LegalHours, ...]) -> Hours:
    days = (_narrowest([hours.on(day), *(law.days[day] for law in laws)]) for day in range(_WEEK))
    return replace(hours, days=tuple(days), holidays=hours.holidays.union(*(law.holidays for law in laws)))


@lru_cache(maxsize=1024)
def _clocks(place: Place, hours: Hours) -> tuple[Clock, ...]:
    return tuple((zone, hours.within(laws)) for zone, laws in place.clocks)


@lru_cache(maxsize=4096)
def _next(clocks: tuple[Clock, ...], day: date) -> datetime | None:
    """Give when all clocks are open first, from the beginning of a day in UTC on; None where it takes too long."""
    days = (day + timedelta(days=ahead) for ahead in range(_HORIZON))
    return next((opens for one in days for opens, _ in _open(clocks, one)), None)


@lru_cache(maxsize=4096)
def _open(clocks: tuple[Clock, ...], day: date) -> tuple[tuple[datetime, datetime], ...]:
    """Give the times of a day in UTC at which all clocks are open."""
    begins = datetime.combine(day, time(), UTC)
    times = [(begins, begins + _DAY)]
    for zone, hours in dict.fromkeys(clocks):
        own = [span for on in (day - _DAY, day, day + _DAY) for span in _open_on(zone, hours, on)]
        both = ((max(one[0], two[0]), min(one[1], two[1])) for one in times for two in own)
        times = [(opens, closes) for opens, closes in both if opens < closes]
        if not times:
            break
    return tuple(times)


@lru_cache(maxsize=4096)
def _open_on(zone: str, hours: Hours, day: date) -> tuple[tuple[datetime, datetime], ...]:
    """Give when a zone is open on a day of its own."""
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
