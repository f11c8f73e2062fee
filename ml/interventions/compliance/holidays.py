"""Compute the dates of legal holidays on which a state forbids calls. The holidays are data, `holidays.toml`.

A holiday is observed on its own day and, if that is a weekend, also on the working day next to it.
"""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from domain.documents import TomlMapping
from ml.errors import CatalogueError
from ml.interventions.compliance.places import DAYS, LegalHours
from ml.language.patterns import read_data_file

_SATURDAY, _SUNDAY = 5, 6
_WEEK = 7
#: hours of a day without a legal limit
_ALL_DAY = (0.0, 24.0)
#: an ordinary year, for which every holiday is computed once as a check
_ANY_YEAR = 2026


@dataclass(frozen=True, slots=True, kw_only=True)
class Holiday:
    """One holiday and the rule for its date: a fixed day, the nth weekday of a month, or days from Easter."""

    name: str
    month: int | None = None
    day: int | None = None
    #: Monday is 0
    weekday: int | None = None
    #: counted from 1; -1 is the last of the month
    nth: int = 1
    easter: int | None = None
    #: days after the date that the other fields define
    plus: int = 0

    def in_year(self, year: int) -> date:
        """Return the date in a year, before it is moved for a weekend.

        >>> Holiday(name="Thanksgiving", month=11, weekday=3, nth=4).in_year(2026).isoformat()
        '2026-11-26'
        """
        if self.easter is not None:
            return easter(year) + timedelta(days=self.easter + self.plus)
        if self.weekday is None:
            return date(year, self.month or 0, self.day or 0) + timedelta(days=self.plus)
        return _nth(year, self.month or 0, self.weekday, self.nth) + timedelta(days=self.plus)

    def dates(self, year: int) -> Iterator[date]:
        """Yield the dates on which it is observed; a fixed day on a weekend also on the working day next to it."""
        day = self.in_year(year)
        yield day
        if self.day is not None and day.weekday() == _SATURDAY:
            yield day - timedelta(days=1)
        if self.day is not None and day.weekday() == _SUNDAY:
            yield day + timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holidays:
    """Holidays by their ids, and the laws that forbid calls on them."""

    version: str
    days: Mapping[str, Holiday]
    laws: tuple[LegalHours, ...]


def load(text: str) -> Holidays:
    """Return the holidays in a data file, and the laws that name them.

    Raises:
        CatalogueError: the text is no TOML, has no laws, or names a day that does not exist.

    >>> load("version = '1'")
    Traceback (most recent call last):
    ...
    ml.errors.CatalogueError: holidays.toml cannot be read (KeyError): install Hearth again

    """
    try:
        data = tomllib.loads(text)
        days = {key: _holiday(table) for key, table in data["day"].items()}
        laws = tuple(_law(table, data["group"], days) for table in data["law"])
        for holiday in days.values():
            holiday.in_year(_ANY_YEAR)
        version = str(data["version"])
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CatalogueError(f"holidays.toml cannot be read ({type(error).__name__}): install Hearth again") from None
    if not laws:
        raise CatalogueError("holidays.toml holds no laws: install Hearth again")
    return Holidays(version=version, days=days, laws=laws)


def holidays_on(day: date) -> frozenset[str]:
    """Return the ids of the holidays that are observed on a day.

    >>> sorted(holidays_on(date(2026, 7, 3))), sorted(holidays_on(date(2026, 7, 6)))
    (['independence'], [])
    """
    return _observed_dates(day.year).get(day, frozenset())


def easter(year: int) -> date:
    """Return Easter Sunday of the Gregorian calendar.

    >>> easter(2026).isoformat(), easter(2027).isoformat()
    ('2026-04-05', '2027-03-28')
    """
    golden, (century, years) = year % 19, divmod(year, 100)
    moon = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (years // 4) - moon - years % 4) % _WEEK
    late = (golden + 11 * moon + 22 * weekday) // 451
    month, day = divmod(moon + weekday - _WEEK * late + 114, 31)
    return date(year, month, day + 1)


@lru_cache(maxsize=64)
def _observed_dates(year: int) -> Mapping[date, frozenset[str]]:
    """Return a year's holidays by date; New Year's Day of the next year may be observed in this one."""
    observed: dict[date, set[str]] = defaultdict(set)
    for key, holiday in HOLIDAYS.days.items():
        for holiday_year in (year, year + 1):
            for day in holiday.dates(holiday_year):
                observed[day].add(key)
    return {day: frozenset(keys) for day, keys in observed.items() if day.year == year}


def _nth(year: int, month: int, weekday: int, nth: int) -> date:
    """Return the nth weekday of a month, the last for -1."""
    first = date(year, month, 1)
    if nth < 0:
        after = date(year + month // 12, month % 12 + 1, 1)
        return after - timedelta(days=(after.weekday() - weekday - 1) % _WEEK + 1)
    return first + timedelta(days=(weekday - first.weekday()) % _WEEK + _WEEK * (nth - 1))


def _holiday(table: TomlMapping) -> Holiday:
    if not ("easter" in table or {"month", "day"} <= set(table) or {"month", "weekday", "nth"} <= set(table)):
        raise ValueError("a holiday is a day of a month, a weekday of a month, or so many days from Easter")
    weekday = table.get("weekday")
    return Holiday(**{**table, "weekday": None if weekday is None else DAYS.index(weekday)})


def _law(table: TomlMapping, groups: Mapping[str, list[str]], days: Mapping[str, Holiday]) -> LegalHours:
    named = frozenset(key for word in table["days"] for key in groups.get(word, [word]))
    if not named or named - set(days):
        raise ValueError("a law names no day, or one that is not defined")
    return LegalHours(
        id=table["id"], state=table["state"], days=(_ALL_DAY,) * len(DAYS), source=table["source"], holidays=named
    )


HOLIDAYS = load(read_data_file(__package__, "holidays.toml"))
