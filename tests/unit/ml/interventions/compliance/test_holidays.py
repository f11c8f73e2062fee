"""Holidays: on which dates they fall, and which states keep them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ml.errors import CatalogueError
from ml.interventions.compliance.holidays import HOLIDAYS, easter, holidays_on, load
from ml.interventions.compliance.quiet_hours import Hours, clocks_of, first_open
from ml.interventions.compliance.zones import PLACES, place_of
from ml.language.patterns import read_data_file

TEXT = read_data_file("ml.interventions.compliance", "holidays.toml")

#: holiday -> its dates in 2026, 2027 and 2028, those moved for a weekend beside them
DATES = {
    "new_year": "2026-01-01 2027-01-01 2027-12-31 2028-01-01",
    "king": "2026-01-19 2027-01-18 2028-01-17",
    "presidents": "2026-02-16 2027-02-15 2028-02-21",
    "mardi_gras": "2026-02-17 2027-02-09 2028-02-29",
    "good_friday": "2026-04-03 2027-03-26 2028-04-14",
    "confederate_memorial_al": "2026-04-27 2027-04-26 2028-04-24",
    "confederate_memorial_ms": "2026-04-27 2027-04-26 2028-04-24",
    "rhode_island_independence": "2026-05-04 2027-05-04 2028-05-04",
    "memorial": "2026-05-25 2027-05-31 2028-05-29",
    "jefferson_davis": "2026-06-01 2027-06-07 2028-06-05",
    "juneteenth": "2026-06-19 2027-06-18 2027-06-19 2028-06-19",
    "juneteenth_ut": "2026-06-15 2027-06-21 2028-06-19",
    "independence": "2026-07-03 2026-07-04 2027-07-04 2027-07-05 2028-07-04",
    "pioneer": "2026-07-24 2027-07-23 2027-07-24 2028-07-24",
    "victory": "2026-08-10 2027-08-09 2028-08-14",
    "labor": "2026-09-07 2027-09-06 2028-09-04",
    "columbus": "2026-10-12 2027-10-11 2028-10-09",
    "all_saints": "2026-11-01 2026-11-02 2027-11-01 2028-11-01",
    "election": "2026-11-03 2027-11-02 2028-11-07",
    "veterans": "2026-11-11 2027-11-11 2028-11-10 2028-11-11",
    "thanksgiving": "2026-11-26 2027-11-25 2028-11-23",
    "after_thanksgiving": "2026-11-27 2027-11-26 2028-11-24",
    "christmas": "2026-12-25 2027-12-24 2027-12-25 2028-12-25",
}
YEARS = [date(2026, 1, 1) + timedelta(days=ahead) for ahead in range(365 + 365 + 366)]


@pytest.mark.parametrize(("key", "dates"), DATES.items())
def test_dates(key, dates):
    assert " ".join(day.isoformat() for day in YEARS if key in holidays_on(day)) == dates


@pytest.mark.parametrize(
    "day",
    ["2019-04-21", "2024-03-31", "2025-04-20", "2026-04-05", "2027-03-28", "2028-04-16", "2038-04-25", "2285-03-22"],
)
def test_easter(day):
    assert easter(int(day[:4])).isoformat() == day


def test_the_last_weekday_of_a_month_that_has_five():
    # Mondays of April 2029: 2, 9, 16, 23, 30
    assert "confederate_memorial_ms" in holidays_on(date(2029, 4, 30))
    assert "confederate_memorial_al" in holidays_on(date(2029, 4, 23))


def test_every_holiday_is_kept_by_a_state_and_every_law_has_a_source():
    assert set(HOLIDAYS.days) == {key for law in HOLIDAYS.laws for key in law.holidays}
    assert {law.state for law in HOLIDAYS.laws} == {"AL", "LA", "MS", "PA", "RI", "UT"}
    assert all(law.source and law.days == ((0, 24),) * 7 for law in HOLIDAYS.laws)


#: state, a day on which nobody is called there, the next on which somebody may be
CLOSED = [
    ("AL", "2026-12-25", "2026-12-26"),
    ("AL", "2026-04-27", "2026-04-28"),
    ("Mobile, Ala.", "2026-02-16", "2026-02-18"),
    ("LA", "2026-04-03", "2026-04-04"),
    ("La.", "2026-11-26", "2026-11-28"),
    ("MS", "2026-11-11", "2026-11-12"),
    ("PA", "2026-11-03", "2026-11-04"),
    ("RI", "2026-08-10", "2026-08-11"),
    ("RI", "2026-05-04", "2026-05-05"),
    ("UT", "2026-07-24", "2026-07-25"),
    # Independence Day of 2026 is a Saturday: kept on Friday too, and then it is Sunday
    ("UT", "2026-07-03", "2026-07-06"),
    ("AL", "2026-07-03", "2026-07-06"),
]
#: state, a day that others keep
OPEN = [
    ("NY", "2026-12-25"),
    ("GA", "2026-11-26"),
    ("PA", "2026-07-24"),
    ("UT", "2026-08-10"),
    ("AL", "2026-04-03"),
    ("TX", "2026-02-17"),
]


def opening(state, day):
    place = place_of(None, state, None)
    zone = ZoneInfo(place.zones[0])
    noon = datetime.fromisoformat(f"{day}T12:30").replace(tzinfo=zone)
    return first_open(clocks_of(place, Hours()), noon), noon.astimezone(UTC), zone


@pytest.mark.parametrize(("state", "day", "opens"), CLOSED)
def test_a_holiday_waits_for_the_next_open_day(state, day, opens):
    opened, noon, zone = opening(state, day)
    assert opened > noon
    assert opened.astimezone(zone).date().isoformat() == opens


@pytest.mark.parametrize(("state", "day"), OPEN)
def test_a_day_that_others_keep_is_open(state, day):
    opened, noon, _ = opening(state, day)
    assert opened == noon


@pytest.mark.parametrize("law", HOLIDAYS.laws, ids=lambda law: law.state)
def test_every_holiday_closes_every_zone_of_its_state_all_day(law):
    hours = Hours(0, 24).within([law])
    for day in (day for day in YEARS if holidays_on(day) & law.holidays):
        assert hours.at(day) == (0, 0)
    assert sum(hours.at(day) != (0, 0) for day in YEARS[:365]) > 340
    assert law.state in PLACES.states


def test_the_holiday_is_that_of_the_leads_own_clock():
    alabama = clocks_of(place_of("America/Chicago", "AL", None), Hours(8, 21))
    # Christmas Eve until 20:00 in Alabama is already Christmas in UTC
    still = datetime(2026, 12, 25, 1, 30, tzinfo=UTC)
    assert first_open(alabama, still) == still
    assert first_open(alabama, still + timedelta(minutes=30)) == datetime(2026, 12, 26, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not toml [",
        'version = "1"',
        TEXT.replace('days = ["federal", "juneteenth_ut", "pioneer"]', "days = []"),
        TEXT.replace('"juneteenth_ut", "pioneer"', '"pionier"'),
        TEXT.replace("month = 7, day = 24", "month = 7"),
        TEXT.replace("month = 7, day = 24", "month = 2, day = 30"),
        TEXT.replace('weekday = "thursday"', 'weekday = "thorsday"'),
        TEXT[: TEXT.index("[[law]]")] + "law = []",
    ],
)
def test_an_empty_or_unreadable_file_refuses_to_start(text):
    assert load(TEXT) == HOLIDAYS
    with pytest.raises(CatalogueError, match="install Hearth again"):
        load(text)
