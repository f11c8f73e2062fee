"""Dates and times: how each is read, and what is refused with which code."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.intake.errors import BadValue
from tasks.intake.values import dates
from tests.support.cells import refusal_code

NEW_YORK = ZoneInfo("America/New_York")
UTC_ZONE = ZoneInfo("UTC")
BLANKS = " " * 32_000


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-01-31", datetime(2026, 1, 31, 5)),
        ("2026-01-31T15:04:05Z", datetime(2026, 1, 31, 15, 4, 5)),
        ("2026-01-31 15:04:05+02:00", datetime(2026, 1, 31, 13, 4, 5)),
        ("2026-01-31T15:04:05.123456Z", datetime(2026, 1, 31, 15, 4, 5, 123456)),
        ("20260131", datetime(2026, 1, 31, 5)),
        ("2026/01/31", datetime(2026, 1, 31, 5)),
        ("2026-1-5", datetime(2026, 1, 5, 5)),
        ("1/31/2026", datetime(2026, 1, 31, 5)),
        ("31/1/2026", datetime(2026, 1, 31, 5)),
        ("1/31/26", datetime(2026, 1, 31, 5)),
        ("5/5/2026", datetime(2026, 5, 5, 4)),
        ("31.01.2026", datetime(2026, 1, 31, 5)),
        ("01.02.2026", datetime(2026, 2, 1, 5)),
        ("1/31/2026 3:04 PM", datetime(2026, 1, 31, 20, 4)),
        ("1/31/2026, 12:04 am", datetime(2026, 1, 31, 5, 4)),
        ("1/31/2026 3:04:05 p.m.", datetime(2026, 1, 31, 20, 4, 5)),
        ("1/31/2026 15:04 PST", datetime(2026, 1, 31, 23, 4)),
        ("Jan 31, 2026", datetime(2026, 1, 31, 5)),
        ("January 31st, 2026 at 3:04 PM", datetime(2026, 1, 31, 20, 4)),
        ("31 Jan 2026", datetime(2026, 1, 31, 5)),
        ("31-Jan-26", datetime(2026, 1, 31, 5)),
        ("Sat, 31 Jan 2026 15:04:05 +0000", datetime(2026, 1, 31, 15, 4, 5)),
        ("Sat Jan 31 2026 15:04:05 GMT-0500 (Eastern Standard Time)", datetime(2026, 1, 31, 20, 4, 5)),
        ("46053", datetime(2026, 1, 31, 5)),
        ("46053.5", datetime(2026, 1, 31, 17)),
        ("1769871845", datetime(2026, 1, 31, 15, 4, 5)),
        ("1769871845000", datetime(2026, 1, 31, 15, 4, 5)),
        ("2026-07-01 12:00", datetime(2026, 7, 1, 16)),
    ],
)
def test_dates(text, found):
    assert dates.moment(text, NEW_YORK) == found.replace(tzinfo=UTC)
    assert dates.moment(text, NEW_YORK).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        *("2/30/2026", "30/2/2026", "2026-02-30", "13/13/2026", "0000-00-00", "1/32/2026", "2026-13-01", "31.02.2026"),
        *("yesterday", "12", "2026", "1/2", "1/31/2026 25:00", "1/31/2026 13:04 PM", "Jan 2026", "1500-01-01", "99999"),
        *("9999-12-31T23:59:59-12:00", "1/31/2026 15:04 XYZ", "2026-01-31T15:04:05+99:00"),
    ],
)
def test_bad_dates(text):
    assert refusal_code(dates.moment, text, UTC_ZONE) == "value.date"


def test_ambiguous_dates_need_an_order():
    assert refusal_code(dates.moment, "1/2/2026", UTC_ZONE) == "value.date_ambiguous"
    assert dates.moment("1/2/2026", UTC_ZONE, "mdy") == datetime(2026, 1, 2, tzinfo=UTC)
    assert dates.moment("1/2/2026", UTC_ZONE, "dmy") == datetime(2026, 2, 1, tzinfo=UTC)
    # What has one reading only keeps it.
    assert dates.moment("31/1/2026", UTC_ZONE, "mdy") == datetime(2026, 1, 31, tzinfo=UTC)


@given(st.text(max_size=25) | st.from_regex(r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}( [0-9:]{4,8})?", fullmatch=True))
def test_dates_are_aware_or_refused(text):
    with contextlib.suppress(BadValue):  # and nothing else
        assert dates.moment(text, NEW_YORK).tzinfo is UTC


def test_a_text_longer_than_any_time_is_refused_unread():
    for text in (f"2026-01-01{BLANKS}x", f"2026-01-01T10:00{BLANKS}!", "1" * 65):
        assert refusal_code(dates.moment, text, NEW_YORK) == "value.too_long"
    assert dates.moment(f"2026-01-01T10:00{' ' * 47}Z", NEW_YORK) == datetime(2026, 1, 1, 10, tzinfo=UTC)
