"""Days and times that a lead proposes, in the lead's zone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import dateparser
import pytest

from ml.language.facts.days.dates import days
from ml.language.facts.days.visit_time import read
from ml.language.facts.folding import folded

#: a Monday, noon in Chicago
AT, ZONE = datetime(2026, 11, 30, 18, tzinfo=UTC), ZoneInfo("America/Chicago")


def said(text, at=AT, zone=ZONE):
    return [(fact.value, fact.bound) for fact in read(folded(text), at=at, zone=zone)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("tomorrow at 3", "2026-12-01T15:00:00-06:00"),
        ("Saturday", "2026-12-05"),
        ("this Saturday at 10am", "2026-12-05T10:00:00-06:00"),
        ("next Tuesday", "2026-12-08"),
        ("Thursday next week", "2026-12-10"),
        ("March 3rd", "2027-03-03"),
        ("3rd of March", "2027-03-03"),
        ("the 12th at 5:30 pm", "2026-12-12T17:30:00-06:00"),
        ("4th of next month", "2026-12-04"),
        ("the day after tomorrow", "2026-12-02"),
        ("in 3 days", "2026-12-03"),
        ("12/5 at 4:30", "2026-12-05T16:30:00-06:00"),
        ("2026-12-05", "2026-12-05"),
        ("Saturday, December 5th, at noon", "2026-12-05T12:00:00-06:00"),
        ("half past 3 on Friday", "2026-12-04T15:30:00-06:00"),
        ("ma\u00f1ana a las 4 de la tarde", "2026-12-01T16:00:00-06:00"),
        ("el s\u00e1bado", "2026-12-05"),
        ("el 12 de diciembre", "2026-12-12"),
    ],
)
def test_days_and_times_are_told_in_the_leads_zone(text, value):
    assert said(text) == [(value, "exact")]


@pytest.mark.parametrize(
    ("text", "value", "bound"),
    [
        ("Saturday morning", "2026-12-05T09:00:00-06:00", "around"),
        ("Sunday after 2", "2026-12-06T14:00:00-06:00", "min"),
        ("Friday before noon", "2026-12-04T12:00:00-06:00", "exact"),
        ("Friday before 11", "2026-12-04T11:00:00-06:00", "max"),
        ("tomorrow between 2 and 4 pm", "2026-12-01T14:00:00-06:00", "around"),
        ("this weekend", "2026-12-05", "around"),
    ],
)
def test_a_part_of_the_day_and_an_open_time_have_their_bound(text, value, bound):
    assert said(text) == [(value, bound)]


@pytest.mark.parametrize(
    "text",
    [
        "we may buy it",
        "I sat down with my wife",
        "the first school is near",
        "the 2nd bedroom is small",
        "it is on the 14th floor",
        "I love the sun in the kitchen",
        "wed like a yard",
        "march on",
        "our lease ends March 31",
        "we moved here on March 3rd",
        "last Saturday was great",
        "I can't do Tuesday",
        "not on the 10th",
        "thanks, that's all for today",
        "call me at 512-555-0134",
        "24/7",
    ],
)
def test_other_words_other_days_and_refused_days_are_no_visit(text):
    assert said(text) == []


def test_a_refused_day_leaves_the_other_one():
    assert said("I can't do Tuesday but Wednesday works") == [("2026-12-02", "exact")]
    assert said("My lease ends March 31, can we see it Saturday?") == [("2026-12-05", "exact")]


def test_today_is_the_leads_today():
    at = datetime(2026, 12, 1, 4, tzinfo=UTC)
    assert said("can we come tomorrow?", at) == [("2026-12-01", "exact")]
    assert said("can we come tomorrow?", at, ZoneInfo("Europe/Berlin")) == [("2026-12-02", "exact")]


def test_the_offset_is_that_of_the_day():
    assert said("July 1st at 10am") == [("2027-07-01T10:00:00-05:00", "exact")]
    assert said("March 1st at 10am") == [("2027-03-01T10:00:00-06:00", "exact")]


def test_a_time_alone_needs_an_appointment_and_is_little_sure():
    assert said("dinner at 7 pm was fine") == []
    (fact,) = read(folded("can we meet at 4 pm?"), at=AT, zone=ZONE)
    assert (fact.value, fact.confidence) == ("2026-11-30T16:00:00-06:00", 0.5)


def test_a_day_that_no_month_has_is_not_read():
    assert said("the 31st of February") == []
    assert said("on February 30") == []


@pytest.mark.parametrize("text", ["March 3rd", "December 5", "5 July", "tomorrow", "Saturday", "in 3 days"])
def test_a_library_reads_the_same_day(text):
    base = datetime(2026, 11, 30, 12)
    other = dateparser.parse(text, languages=["en"], settings={"RELATIVE_BASE": base, "PREFER_DATES_FROM": "future"})
    (found,) = days(folded(text), base.date())
    assert found.day == other.date()


def test_a_weekday_is_always_within_the_next_week():
    for ahead in range(14):
        today = date(2026, 11, 30) + timedelta(days=ahead)
        (found,) = days(folded("friday"), today)
        assert found.day.weekday() == 4
        assert timedelta(0) < found.day - today <= timedelta(days=7)
