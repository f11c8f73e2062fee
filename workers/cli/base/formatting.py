"""Write numbers and times as people read them: `66 %`, `15,250`, `today 14:05 New York time`.

All text that the commands print takes its forms here; JSON keeps full precision and UTC. Times are told in one zone
at a time: `local` chooses it for all that is printed inside its block, UTC is it otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

#: a moment as answers of tasks write it
_WIRE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)")
#: shares nearer to 0 or 1 than this keep a decimal, so that no chance looks like none
_EDGE = 0.01
#: from here on a number has no decimals
_LARGE = 100.0
_DAY_NAMES = {-1: "yesterday", 0: "today", 1: "tomorrow"}
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Clock:
    """Where and when the reader is."""

    #: looked up when the first time is told; None: UTC
    zone: Callable[[], str | None] = lambda: None
    #: None: the machine's time
    now: datetime | None = None


_HERE = _Clock()
_CLOCK: ContextVar[_Clock] = ContextVar("clock", default=_HERE)


class Verbatim(str):
    """Text that is printed as it is, such as a cell of a file, though it may look like a time."""

    __slots__ = ()


@contextmanager
def local(zone: Callable[[], str | None] | str | None, now: datetime | None = None) -> Iterator[None]:
    """Tell times in this zone until the block ends; `now` sets what `today` is, for tests.

    A callable is asked when the first time is told, since most output tells none.
    """
    token = _CLOCK.set(_Clock(cache(zone) if callable(zone) else lambda: zone, now or _CLOCK.get().now))
    try:
        yield
    finally:
        _CLOCK.reset(token)


@contextmanager
def there(zone: str | None) -> Iterator[None]:
    """Tell times in this zone until the block ends; where it is not known, in the zone of before."""
    with local(zone or _CLOCK.get().zone):
        yield


def moment(at: datetime | str | None, *, zone: str | None = None) -> str:
    """Return a moment to the minute in a zone, that of `local` where none is given; the zone is named.

    >>> with local("America/New_York", datetime(2026, 11, 24, 9, tzinfo=UTC)):
    ...     moment("2026-11-24T14:05:59.123Z"), moment("2026-12-24T14:05:00Z"), moment(None)
    ('today 09:05 New York time', '2026-12-24 09:05 New York time', '-')
    >>> moment("2020-02-24T14:05:00Z", zone="Europe/Berlin"), moment("2020-02-24T14:05:00Z"), moment("soon")
    ('2020-02-24 15:05 Berlin time', '2020-02-24 14:05 UTC', 'soon')
    """
    if at is None:
        return "-"
    if isinstance(at, str):
        if not _WIRE.fullmatch(at):
            return at
        at = datetime.fromisoformat(at)
    clock = _CLOCK.get()
    place = _zone(zone or clock.zone())
    there = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(place)
    today = (clock.now or datetime.now(UTC)).astimezone(place).date()
    day = _DAY_NAMES.get((there.date() - today) // _DAY, there.date().isoformat())
    return f"{day} {there:%H:%M} {zone_name(str(place))}"


def _zone(name: str | None) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # a zone of a lead that is none, told in UTC and said so
        return ZoneInfo("UTC")


def zone_name(zone: str) -> str:
    """Return how a zone is called.

    >>> zone_name("America/Argentina/Buenos_Aires"), zone_name("UTC")
    ('Buenos Aires time', 'UTC')
    """
    city = zone.rpartition("/")[2].replace("_", " ")
    return city if city in ("UTC", "GMT") else f"{city} time"


def percent(share: float | None) -> str:
    """Return a probability in per cent, with a decimal only near 0 and 1.

    >>> percent(0.6631), percent(0.004), percent(0.9961), percent(0.99), percent(1), percent(None)
    ('66 %', '0.4 %', '99.6 %', '99 %', '100 %', '-')
    """
    if share is None:
        return "-"
    is_edge = 0 < share < _EDGE or 1 - _EDGE < share < 1
    return f"{100 * share:.1f} %" if is_edge else f"{100 * share:.0f} %"


def between(bounds: Sequence[float] | None) -> str:
    """Return the bounds of a probability.

    >>> between((0.477, 0.7142)), between(None)
    ('between 48 % and 71 %', '-')
    """
    return "-" if bounds is None else f"between {percent(bounds[0])} and {percent(bounds[1])}"


def number(value: float) -> str:
    """Return a number with as many digits as somebody reads: none after a whole or a large one.

    >>> number(21.0), number(15250.4), number(0.0457), number(2.345), number(-0.00001), number(1e30)
    ('21', '15,250', '0.046', '2.35', '0', '1e+30')
    """
    if abs(value) >= 1e15:
        return f"{value:.3g}"
    if abs(value) >= _LARGE or value == round(value):
        return f"{value:,.0f}"
    text = f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}"
    return text if float(text) else "0"


def money(amount: float, currency: str = "") -> str:
    """Return an amount without decimals.

    >>> money(15250.0, "USD"), money(0.4)
    ('15,250 USD', '0')
    """
    return f"{amount:,.0f} {currency}".rstrip()


def days(count: float | None) -> str:
    """Return a span of days.

    >>> days(8.2), days(1.0), days(0.3), days(None)
    ('8 days', '1 day', 'less than a day', '-')
    """
    if count is None:
        return "-"
    whole = round(count)
    return "less than a day" if whole < 1 else "1 day" if whole == 1 else f"{whole:,} days"


def seconds(count: float | None) -> str:
    """Return a span of seconds in the largest unit that tells it.

    >>> seconds(0.02), seconds(41.6), seconds(600), seconds(9000), seconds(200000), seconds(None)
    ('under 1 s', '42 s', '10 min', '2.5 h', '2 days', '-')
    """
    if count is None:
        return "-"
    if count < 1:
        return "under 1 s"
    for limit, unit, size in ((90.0, "s", 1.0), (5400.0, "min", 60.0)):
        if count < limit:
            return f"{count / size:.0f} {unit}"
    return f"{count / 3600:.3g} h" if count < 129_600 else days(count / 86_400)


def form(value: object) -> str:
    """Return any value as people read it.

    >>> form(None), form(True), form(0.123456789), form(12), form("2020-02-24T14:05:00Z")
    ('-', 'yes', '0.123', '12', '2020-02-24 14:05 UTC')
    >>> form(Verbatim("2020-02-24T14:05:00Z"))
    '2020-02-24T14:05:00Z'
    """
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, Verbatim):
        return str(value)
    return moment(value) if isinstance(value, str | datetime) else str(value)
