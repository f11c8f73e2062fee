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
        ("1/31/16 3pm", datetime(2016, 1, 31, 20)),
        ("2026-01-31 3 PM", datetime(2026, 1, 31, 20)),
        ("31/10/2024, 21:35", datetime(2024, 11, 1, 1, 35)),
        ("31/1/2026 14h30", datetime(2026, 1, 31, 19, 30)),
        ("31/1/2026 14h", datetime(2026, 1, 31, 19)),
        ("31/1/2026 14:30h", datetime(2026, 1, 31, 19, 30)),
        ("31.01.2026 14:30 Uhr", datetime(2026, 1, 31, 19, 30)),
        ("31.01.2026 14.30", datetime(2026, 1, 31, 19, 30)),
        ("2026-01-31 15.04", datetime(2026, 1, 31, 20, 4)),
        ("20260131T150400Z", datetime(2026, 1, 31, 15, 4)),
        ("20260131T1504", datetime(2026, 1, 31, 20, 4)),
        ("Nov 21 2026 01:09 PM", datetime(2026, 11, 21, 18, 9)),
        ("31/1/2026 3:04 p. m.", datetime(2026, 1, 31, 20, 4)),
        ("1/31/2026 3:04\u202fPM", datetime(2026, 1, 31, 20, 4)),
        ("March 3, 2026", datetime(2026, 3, 3, 5)),
        ("15 octobre 2025", datetime(2025, 10, 15, 4)),
        ("1er février 2025", datetime(2025, 2, 1, 5)),
        ("lundi 13 octobre 2025 à 14h30", datetime(2025, 10, 13, 18, 30)),
        ("mar. 14 oct. 2025", datetime(2025, 10, 14, 4)),
        ("7 juin 2025", datetime(2025, 6, 7, 4)),
        ("7 juil. 2025", datetime(2025, 7, 7, 4)),
        ("7 août 2025", datetime(2025, 8, 7, 4)),
        ("3. Mai 2024", datetime(2024, 5, 3, 4)),
        ("Di, 4. März 2025", datetime(2025, 3, 4, 5)),
        ("15 de outubro de 2025", datetime(2025, 10, 15, 4)),
        ("quinta-feira, 16 de outubro de 2025 às 14:30", datetime(2025, 10, 16, 18, 30)),
        ("5 de mayo del 2024, 3:04 pm", datetime(2024, 5, 5, 19, 4)),
        ("15-ene-2025", datetime(2025, 1, 15, 5)),
        ("3 giugno 2024 ore 14.30", datetime(2024, 6, 3, 18, 30)),
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
        *("3:10 pm", "3pm", "14h30", "1/31/2026 13pm", "1/31/2026 15", "31 foo 2026", "15 ma 2025", "le 15"),
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
    assert dates.moment("11/1/16 3pm", UTC_ZONE, "mdy") == datetime(2016, 11, 1, 15, tzinfo=UTC)
    assert dates.moment("31/1/2026", UTC_ZONE, "mdy") == datetime(2026, 1, 31, tzinfo=UTC)


@given(
    st.text(max_size=25)
    | st.from_regex(r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}( [0-9:]{4,8})?", fullmatch=True)
    | st.from_regex(
        r"[0-9]{1,2}[.]? (de )?[a-z]{3,9}[.]? (de )?20[0-9]{2}( [0-9]{1,2}[h:.]?[0-9]{0,2} ?[ap]?m?)?", fullmatch=True
    )
)
def test_dates_are_aware_or_refused(text):
    with contextlib.suppress(BadValue):  # and nothing else
        assert dates.moment(text, NEW_YORK).tzinfo is UTC


def test_a_text_longer_than_any_time_is_refused_unread():
    for text in (f"2026-01-01{BLANKS}x", f"2026-01-01T10:00{BLANKS}!", "1" * 65):
        assert refusal_code(dates.moment, text, NEW_YORK) == "value.too_long"
    assert dates.moment(f"2026-01-01T10:00{' ' * 47}Z", NEW_YORK) == datetime(2026, 1, 1, 10, tzinfo=UTC)
