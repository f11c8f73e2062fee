"""Where people may be and when they may be contacted, as tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ml.errors import CatalogueError, NoCommonHourError
from ml.interventions.compliance.quiet_hours import EARLIEST, LATEST, Hours, is_open, open_at, zones_of
from ml.interventions.compliance.zones import DAYS, LAWS, PLACES, laws_of, load_places, state_of, state_of_phone
from ml.language.patterns import read_data_file

NY, CHICAGO, DENVER, LA = "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"
TEXT = read_data_file("ml.interventions.compliance", "zones.toml")


def at(zone, text):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def zulu(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# ---- zones -----------------------------------------------------------------------------------------------------------

#: timezone, state, phone -> zones, what told them
WHERE = [
    ("America/Denver", "FL", "+12125550100", (DENVER,), "contact"),
    ("Eastern Time (US & Canada)", None, None, (NY,), "contact"),
    ("(GMT-05:00) Eastern Time (US & Canada)", None, None, (NY,), "contact"),
    ("  est ", None, None, (NY,), "contact"),
    ("MST", None, None, (DENVER, "America/Phoenix"), "contact"),
    ("Europe/Berlin", "NY", None, ("Europe/Berlin",), "contact"),
    ("UTC", "New York", None, (NY,), "state"),
    ("Etc/GMT+5", "NY", None, (NY,), "state"),
    ("Nowhere/Else", "ny", None, (NY,), "state"),
    ("../../etc/passwd", "ny", None, (NY,), "state"),
    (None, "Florida", "+12125550100", (CHICAGO, NY), "state"),
    (None, "TN", None, (CHICAGO, NY), "state"),
    (None, "IN", None, (CHICAGO, "America/Indiana/Indianapolis"), "state"),
    (None, "N. Dakota", "+12125550100", (CHICAGO, DENVER), "state"),
    (None, "North Dakota", None, (CHICAGO, DENVER), "state"),
    (None, "AZ", None, (DENVER, "America/Phoenix"), "state"),
    (None, "HI", None, ("Pacific/Honolulu",), "state"),
    (None, "Alaska", None, ("America/Adak", "America/Anchorage"), "state"),
    (None, "D.C.", None, (NY,), "state"),
    (None, "Puerto Rico", None, ("America/Puerto_Rico",), "state"),
    (None, "U.S. Virgin Islands", None, ("America/St_Thomas",), "state"),
    (None, "gu", None, ("Pacific/Guam",), "state"),
    (None, "Ontario", "+14165550100", ("America/Toronto",), "area_code"),
    (None, None, "+1 (212) 555-0100", (NY,), "area_code"),
    (None, None, "2125550100", (NY,), "area_code"),
    (None, None, "12125550100", (NY,), "area_code"),
    (None, None, "+18505550100", (CHICAGO, NY), "area_code"),
    (None, None, "+19285550100", (DENVER, "America/Phoenix"), "area_code"),
    (None, None, "+18085550100", ("Pacific/Honolulu",), "area_code"),
    (None, None, "+442079460018", ("Europe/London",), "area_code"),
    (None, None, "+18005550100", PLACES.everywhere, "unknown"),
    (None, None, "555-0100", PLACES.everywhere, "unknown"),
    (None, None, "call me", PLACES.everywhere, "unknown"),
    (None, "AE", None, PLACES.everywhere, "unknown"),
    ("", " ", "", PLACES.everywhere, "unknown"),
    (None, None, None, PLACES.everywhere, "unknown"),
]


@pytest.mark.parametrize(("timezone", "state", "phone", "zones", "basis"), WHERE)
def test_where_a_person_may_be(timezone, state, phone, zones, basis):
    assert zones_of(timezone, state, phone) == (zones, basis)


def test_every_state_and_inhabited_territory_is_there():
    assert len(PLACES.states) == 50 + 1 + 5
    assert {"DC", "PR", "VI", "GU", "MP", "AS"} < set(PLACES.states)
    assert all(state_of(name) for name in ("Rhode Island", "wyoming", "WEST VIRGINIA", "Washington, D.C."))
    assert (state_of(None), state_of("Ontario")) == (None, None)


def test_every_area_code_lies_in_one_state_and_its_zones():
    assert len(PLACES.area_codes) > 330
    for code in PLACES.area_codes:
        called, basis = zones_of(None, None, f"+1{code}2345678")
        home = PLACES.states[PLACES.area_codes[code]]
        offsets = {when.astimezone(ZoneInfo(zone)).utcoffset() for zone in home for when in SEASONS}
        assert basis == "area_code"
        assert all(when.astimezone(ZoneInfo(zone)).utcoffset() in offsets for zone in called for when in SEASONS), code


SEASONS = (datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC))


def test_area_codes_that_are_split_lie_in_several_zones_of_their_state():
    assert all(len(zones) > 1 for zones in PLACES.split.values())
    assert set(PLACES.split) <= set(PLACES.area_codes)


@pytest.mark.parametrize(
    ("phone", "state"), [("+13055550100", "FL"), ("9075550100", "AK"), ("+442079460018", None), ("+18005550100", None)]
)
def test_the_state_of_a_number(phone, state):
    assert state_of_phone(phone) == state


# ---- openings --------------------------------------------------------------------------------------------------------

#: zones, now, the moment it is open; 9 to 20
OPENINGS = [
    # plain days
    ((NY,), at(NY, "2026-01-15T12:00"), at(NY, "2026-01-15T12:00")),
    ((NY,), at(NY, "2026-01-15T09:00"), at(NY, "2026-01-15T09:00")),
    ((NY,), at(NY, "2026-01-15T08:59:59"), at(NY, "2026-01-15T09:00")),
    ((NY,), at(NY, "2026-01-15T19:59:59"), at(NY, "2026-01-15T19:59:59")),
    ((NY,), at(NY, "2026-01-15T20:00"), at(NY, "2026-01-16T09:00")),
    ((NY,), at(NY, "2026-01-15T00:00"), at(NY, "2026-01-15T09:00")),
    # spring forward, 8 March 2026: the night is an hour shorter
    ((NY,), at(NY, "2026-03-07T20:30"), zulu("2026-03-08T13:00")),
    ((NY,), zulu("2026-03-08T06:59"), zulu("2026-03-08T13:00")),
    ((NY,), zulu("2026-03-08T07:00"), zulu("2026-03-08T13:00")),
    # fall back, 1 November 2026: the hour from 1 to 2 comes twice
    ((NY,), at(NY, "2026-10-31T20:30"), zulu("2026-11-01T14:00")),
    ((NY,), zulu("2026-11-01T05:30"), zulu("2026-11-01T14:00")),
    ((NY,), zulu("2026-11-01T06:30"), zulu("2026-11-01T14:00")),
    # Arizona keeps its time, Hawaii too, Alaska does not
    (("America/Phoenix",), zulu("2026-01-15T10:00"), zulu("2026-01-15T16:00")),
    (("America/Phoenix",), zulu("2026-07-15T10:00"), zulu("2026-07-15T16:00")),
    (("Pacific/Honolulu",), zulu("2026-07-15T10:00"), zulu("2026-07-15T19:00")),
    (("America/Anchorage",), zulu("2026-01-15T10:00"), zulu("2026-01-15T18:00")),
    (("America/Anchorage",), zulu("2026-07-15T10:00"), zulu("2026-07-15T17:00")),
    # the Navajo Nation is an hour ahead of Phoenix in summer
    (PLACES.states["AZ"], zulu("2026-07-15T10:00"), zulu("2026-07-15T16:00")),
    (PLACES.states["AZ"], zulu("2026-07-16T02:30"), zulu("2026-07-16T16:00")),
    # half of a state an hour behind: opens with the later, closes with the earlier
    (PLACES.states["FL"], zulu("2026-01-15T14:00"), zulu("2026-01-15T15:00")),
    (PLACES.states["FL"], zulu("2026-01-16T01:00"), zulu("2026-01-16T15:00")),
    (PLACES.states["TN"], zulu("2026-07-15T13:00"), zulu("2026-07-15T14:00")),
    (PLACES.states["IN"], zulu("2026-07-15T13:00"), zulu("2026-07-15T14:00")),
    (PLACES.states["ND"], zulu("2026-07-15T14:00"), zulu("2026-07-15T15:00")),
    # coast to coast
    ((NY, LA), zulu("2026-01-15T14:00"), zulu("2026-01-15T17:00")),
    ((NY, LA), zulu("2026-01-16T01:00"), zulu("2026-01-16T17:00")),
    # nobody knows: from Puerto Rico to Guam one hour suits all, in every season
    (PLACES.everywhere, zulu("2026-01-15T15:00"), zulu("2026-01-15T23:00")),
    (PLACES.everywhere, zulu("2026-07-15T15:00"), zulu("2026-07-15T23:00")),
    (PLACES.everywhere, zulu("2026-07-15T23:59:59"), zulu("2026-07-15T23:59:59")),
    (PLACES.everywhere, zulu("2026-07-16T00:00"), zulu("2026-07-16T23:00")),
    (PLACES.everywhere, zulu("2026-03-08T00:00"), zulu("2026-03-08T23:00")),
    ((), zulu("2026-07-15T15:00"), zulu("2026-07-15T23:00")),
]


@pytest.mark.parametrize(("zones", "now", "opens"), OPENINGS)
def test_when_it_is_open(zones, now, opens):
    assert open_at(zones, now) == opens.astimezone(UTC)


#: state, Monday to Sunday where calls and texts may arrive in a brokerage open from 8 to 21
LAWFUL = {
    "CA": ((8, 21),) * 7,
    "AL": (*((8, 20),) * 6, None),
    "CT": ((9, 20),) * 7,
    "FL": ((8, 20),) * 7,
    "KY": ((10, 21),) * 7,
    "LA": (*((8, 20),) * 6, None),
    "MA": ((8, 20),) * 7,
    "MD": ((8, 20),) * 7,
    "MN": ((9, 21),) * 7,
    "MS": (*((8, 20),) * 6, None),
    "NM": ((9, 21),) * 7,
    "NV": ((9, 20),) * 7,
    "OK": ((8, 20),) * 7,
    "OR": ((8, 20),) * 7,
    "RI": (*((9, 18),) * 5, (10, 17), None),
    "TX": (*((9, 21),) * 6, (12, 21)),
    "UT": (*((8, 21),) * 6, None),
    "WA": ((8, 20),) * 7,
}


@pytest.mark.parametrize(("state", "week"), LAWFUL.items())
def test_hours_of_states(state, week):
    hours = Hours(8, 21).within(laws_of(state, None))
    spans = [hours.on(day) for day in range(7)]
    assert tuple(span if span[0] < span[1] else None for span in spans) == week


def test_every_state_with_hours_of_its_own_is_in_the_table():
    assert {law.state for law in PLACES.hours} - {"*"} == set(LAWFUL) - {"CA"}
    assert all(law.source and len(law.days) == len(DAYS) for law in PLACES.hours)


def test_the_area_codes_state_counts_beside_the_one_told():
    assert [law.id for law in laws_of("CA", "+14015550100")] == ["quiet.federal", "quiet.ri", "quiet.holiday_ri"]
    assert [law.id for law in laws_of("CA", None)] == ["quiet.federal"]


def test_nothing_known_has_every_law_count():
    assert laws_of(None, "+18005550100") == LAWS
    assert laws_of("who knows", None, "UTC") == LAWS


@pytest.mark.parametrize(
    ("hours", "span"),
    [
        (Hours(), (9, 20)),
        (Hours(0, 24), (8, 21)),
        (Hours(7, 22), (8, 21)),
        (Hours(0, 24, ((0.0, 24.0),) * 7), (8, 21)),
        (Hours(10.5, 17.25), (10.5, 17.25)),
    ],
)
def test_no_setting_leaves_the_hours_of_the_law(hours, span):
    assert {hours.on(day) for day in range(7)} == {span}
    assert (EARLIEST, LATEST) == (8, 21)


def test_hours_of_minutes():
    hours = Hours(9.1, 17.35)
    assert open_at((NY,), at(NY, "2026-01-15T06:00"), hours) == at(NY, "2026-01-15T09:06")
    assert open_at((NY,), at(NY, "2026-01-15T17:20:59"), hours) == at(NY, "2026-01-15T17:20:59")
    assert open_at((NY,), at(NY, "2026-01-15T17:21"), hours) == at(NY, "2026-01-16T09:06")


@pytest.mark.parametrize(
    "hours", [(9, 9), (20, 9), (-1, 9), (9, 25), (float("nan"), 20), (9, float("nan")), (9, float("inf"))]
)
def test_hours_that_are_none(hours):
    with pytest.raises(ValueError, match="hours run"):
        Hours(*hours)


@pytest.mark.parametrize("hours", [Hours(21, 22), Hours(3, 8), Hours(9, 10), Hours(23.9999, 24)])
def test_no_hour_that_suits_all(hours):
    with pytest.raises(NoCommonHourError):
        open_at(PLACES.everywhere, zulu("2026-01-15T15:00"), hours)


def test_a_sunday_without_hours_is_passed_over():
    hours = Hours().within(laws_of("UT", None))
    assert open_at((DENVER,), at(DENVER, "2026-01-10T20:00"), hours) == at(DENVER, "2026-01-12T09:00")


@settings(max_examples=30)
@given(
    zones=st.lists(st.sampled_from(PLACES.everywhere), max_size=5),
    now=st.datetimes(datetime(2025, 1, 1), datetime(2030, 1, 1)),
    start=st.integers(0, 40),
    length=st.integers(1, 40),
    state=st.sampled_from([*LAWFUL, None]),
)
def test_the_opening_is_inside_not_before_and_the_first(zones, now, start, length, state):
    assume(start + length <= 48)
    now = now.replace(tzinfo=UTC)
    hours = Hours(start / 2, (start + length) / 2).within(laws_of(state, None))
    try:
        opens = open_at(zones, now, hours)
    except NoCommonHourError:
        opens = now + timedelta(days=8)
        assert not is_open(zones, opens, hours)
    else:
        assert opens >= now
        for zone in zones or PLACES.everywhere:
            local = opens.astimezone(ZoneInfo(zone))
            first, last = hours.on(local.weekday())
            assert max(first, 8) * 60 <= local.hour * 60 + local.minute < min(last, 21) * 60
    # all hours begin on the half hour and all zones differ by whole ones: these are all the openings there could be
    step = now.replace(minute=now.minute // 30 * 30, second=0, microsecond=0) + timedelta(minutes=30)
    while step < opens:
        assert not is_open(zones, step, hours)
        step += timedelta(minutes=30)
    assert opens == now or not is_open(zones, now, hours)


# ---- data ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not toml [",
        'version = "1"',
        TEXT.replace('"America/New_York"', '"America/New_Yurk"'),
        TEXT.replace('state = "*"', 'state = "XX"'),
        TEXT.replace("hours = [8, 21]", "hours = [8]"),
        TEXT.replace("[split]", "[slit]"),
        TEXT[: TEXT.index("[state.AK]")],
    ],
)
def test_an_empty_or_unreadable_file_refuses_to_start(text):
    assert load_places(TEXT) == PLACES
    with pytest.raises(CatalogueError, match="install Hearth again"):
        load_places(text)
