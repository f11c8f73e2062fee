"""Say which day of the calendar "Saturday", "the 14th" and "March 3rd" are, and how sure that is."""

from __future__ import annotations

from datetime import date, timedelta

#: a day, and how sure it is that it is meant, 0 to 1
Resolved = tuple[date, float]


def weekday_on(weekday: int, before: str, after: str, today: date) -> Resolved:
    """Return the day of a weekday (0: Monday), given the words before and after it.

    "Next" is of the week after this one, and a week begins on a Monday; a weekday alone is never today.

    >>> monday = date(2026, 11, 30)
    >>> [str(weekday_on(1, before, "", monday)[0]) for before in ("", "next")]
    ['2026-12-01', '2026-12-08']
    """
    monday = today - timedelta(days=today.weekday())
    coming = today + timedelta(days=(weekday - today.weekday()) % 7)
    if "next week" in before or "next week" in after or "proxima semana" in after:
        return monday + timedelta(days=7 + weekday), 0.95
    if "after next" in after:
        return monday + timedelta(days=14 + weekday), 0.7
    if before == "next" or "proximo" in (before, after):
        return monday + timedelta(days=7 + weekday), 0.75
    if before in {"this", "este"} or "this week" in after:
        return coming, 0.95
    return (coming, 0.95) if coming != today else (today + timedelta(days=7), 0.6)


def day_in_year(month: int, day: int, year: int | None, today: date) -> Resolved | None:
    """Return a day of a year, or of the year in which it comes next; None for a day that no month has.

    >>> str(day_in_year(3, 3, None, date(2026, 11, 30))[0]), day_in_year(2, 30, None, date(2026, 11, 30))
    ('2027-03-03', None)
    """
    if year:
        return _safe(year, month, day, 0.97)
    this_year = _safe(today.year, month, day, 0.95)
    if this_year and this_year[0] >= today:
        return this_year
    return _safe(today.year + 1, month, day, 0.9) or this_year


def day_of_month(day: int, today: date, *, months_on: int) -> Resolved | None:
    """Return a day of this month, or of one `months_on` later; None for a day that the month has not.

    >>> str(day_of_month(4, date(2026, 12, 30), months_on=1)[0])
    '2027-01-04'
    """
    years, month = divmod(today.month - 1 + months_on, 12)
    return _safe(today.year + years, month + 1, day, 0.95 if months_on or day >= today.day else 0.5)


def next_day_of_month(day: int, today: date) -> Resolved | None:
    """Return the next day with a number, 1 to 31: of the first month that has it and in which it has not passed.

    >>> str(next_day_of_month(31, date(2026, 11, 30))[0])
    '2026-12-31'
    """
    for months_on in range(3):
        found = day_of_month(day, today, months_on=months_on)
        if found and found[0] >= today:
            return found[0], 0.9
    return None


def _safe(year: int, month: int, day: int, confidence: float) -> Resolved | None:
    try:
        return date(year, month, day), confidence
    except ValueError:
        return None
