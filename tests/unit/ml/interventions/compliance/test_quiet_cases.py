"""Whether a text or a call waits, from what a record says of the place: cases of the field, what holds all year."""

from __future__ import annotations

import csv
import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ml.interventions.compliance.gates import ActionCandidate, GateFacts, GateRules, judge
from ml.interventions.compliance.holidays import HOLIDAYS, holidays_on
from ml.interventions.compliance.quiet_hours import Hours, clocks_of, first_open
from ml.interventions.compliance.zones import PLACES, place_of

YES = {"opt_in_sms": True, "opt_in_email": True, "opt_in_call": True}


def waits(channel, state, phone, timezone, moment, hours):
    """Until when an action with every consent waits; None = it may go."""
    start, end = map(float, hours.split("-"))
    now = datetime.fromisoformat(moment)
    facts = GateFacts(
        now=now,
        kill_switch=False,
        consent=YES,
        contactable=True,
        timezone=timezone or None,
        state=state or None,
        phone=phone or None,
    )
    action = ActionCandidate(
        action=channel, channel=channel, text="Two homes near the park came up. Shall I send them?"
    )
    judged = judge(action, facts, GateRules(hours=Hours(start, end), approval=frozenset()))
    assert judged.decision in {"allow", "defer"}, judged.rules[-1].rule
    return judged.not_before if judged.decision == "defer" else None


#: channel, state, phone, timezone, moment, hours -> wait, until when it waits, or "go"
CASES = [
    # the rows of hours/quiet.tsv
    ("sms", "", "+18005550101", "", "2026-05-03T23:30:00Z", "9-20", "wait"),
    ("sms", "Birmingham, AL", "", "", "2026-05-03T23:30:00Z", "9-20", "wait"),
    ("sms", "AL", "", "", "2026-05-03T23:30:00Z", "9-20", "wait"),
    ("sms", "NY", "", "", "2026-03-08T11:59:00Z", "0-24", "2026-03-08T12:00:00Z"),
    ("sms", "NY", "", "", "2026-11-01T12:30:00Z", "0-24", "2026-11-01T13:00:00Z"),
    # their neighbours: the same moment a day later, and the other side of the edge
    ("sms", "AL", "", "", "2026-05-04T22:30:00Z", "9-20", "go"),
    ("sms", "NY", "", "", "2026-05-03T23:30:00Z", "9-20", "go"),
    ("sms", "NY", "", "", "2026-03-08T12:00:00Z", "0-24", "go"),
    ("sms", "NY", "", "", "2026-11-01T13:00:00Z", "0-24", "go"),
    ("sms", "NY", "", "", "2026-03-07T12:30:00Z", "0-24", "2026-03-07T13:00:00Z"),
    # nothing known, in other words and on other days
    ("call", "", "+18885550101", "", "2026-05-03T23:30:00Z", "9-20", "wait"),
    ("call", "", "", "UTC", "2026-05-03T23:30:00Z", "9-20", "wait"),
    ("sms", "who knows", "5550101", "", "2026-05-03T23:30:00Z", "9-20", "wait"),
    ("sms", "Birmingham", "", "", "2026-05-03T23:30:00Z", "9-20", "wait"),
    ("sms", "", "", "", "2026-05-05T23:30:00Z", "9-20", "wait"),
    ("sms", "", "", "", "2026-12-25T22:30:00Z", "8-21", "wait"),
    ("sms", "", "", "", "2026-12-08T22:30:00Z", "8-21", "go"),
    # a Sunday in states that allow none, however the state is told
    ("sms", "Ala.", "", "", "2026-05-03T20:00:00Z", "9-20", "2026-05-04T14:00:00Z"),
    ("sms", "35203", "", "", "2026-05-03T20:00:00Z", "9-20", "2026-05-04T14:00:00Z"),
    ("call", "Salt Lake City, Utah 84101", "", "", "2026-05-03T20:00:00Z", "9-20", "2026-05-04T15:00:00Z"),
    ("sms", "Jackson Miss.", "", "", "2026-05-03T20:00:00Z", "9-20", "wait"),
    ("sms", "New Orleans, La.", "", "", "2026-05-03T20:00:00Z", "9-20", "wait"),
    ("sms", "", "+12055550101", "", "2026-05-03T20:00:00Z", "9-20", "wait"),
    ("sms", "GA", "+12055550101", "", "2026-05-03T20:00:00Z", "9-20", "wait"),
    ("sms", "Ga.", "", "", "2026-05-03T20:00:00Z", "9-20", "go"),
    ("sms", "", "", "America/Chicago", "2026-05-03T20:00:00Z", "9-20", "wait"),
    ("sms", "IL", "", "America/Chicago", "2026-05-03T20:00:00Z", "9-20", "go"),
    ("sms", "", "+13125550101", "America/Chicago", "2026-05-03T20:00:00Z", "9-20", "go"),
    ("email", "AL", "", "", "2026-05-03T20:00:00Z", "9-20", "go"),
    ("sms", "Austin, Tex.", "", "", "2026-05-03T16:30:00Z", "9-20", "2026-05-03T18:00:00Z"),
    # holidays
    ("sms", "UT", "", "", "2026-07-24T18:00:00Z", "9-20", "2026-07-25T15:00:00Z"),
    ("sms", "Providence, RI", "", "", "2026-08-10T15:00:00Z", "9-20", "2026-08-11T13:00:00Z"),
    ("call", "", "+15045550101", "", "2026-02-17T18:00:00Z", "9-20", "2026-02-18T15:00:00Z"),
    ("sms", "Penna.", "", "", "2026-11-26T18:00:00Z", "9-20", "2026-11-27T14:00:00Z"),
    ("sms", "OH", "", "", "2026-11-26T18:00:00Z", "9-20", "go"),
    ("sms", "", "", "America/New_York", "2026-11-26T18:00:00Z", "9-20", "wait"),
    # the hours of states
    ("sms", "Louisville, KY", "", "", "2026-05-05T13:30:00Z", "9-20", "wait"),
    ("sms", "R.I.", "", "", "2026-05-05T22:00:00Z", "9-20", "2026-05-06T13:00:00Z"),
]


@pytest.mark.parametrize(("channel", "state", "phone", "timezone", "moment", "hours", "expected"), CASES)
def test_case(channel, state, phone, timezone, moment, hours, expected):
    until = waits(channel, state, phone, timezone, moment, hours)
    if expected == "go":
        assert until is None
    else:
        assert until is not None
        assert expected in {"wait", until.isoformat().replace("+00:00", "Z")}


def test_the_cases_of_the_field():
    file = Path(os.environ.get("HEARTH_CASES", "../shared/cases")) / "hours" / "quiet.tsv"
    if not file.is_file():
        pytest.skip(f"no cases at {file}: set HEARTH_CASES to their folder")
    with file.open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text, delimiter="\t"))
    assert rows
    for row in rows:
        wait, _, until = (row.pop("expected").partition(" (")[0]).partition(" until ")
        found = waits(**row)
        assert (found is not None) == (wait == "wait"), row
        assert not until or found == datetime.fromisoformat(until), row


# ---- what holds all year ---------------------------------------------------------------------------------------------

YEAR = datetime(2026, 1, 1, tzinfo=UTC)
HALF_HOURS = [YEAR + timedelta(minutes=30 * one) for one in range(365 * 48)]
#: the longest hours that a brokerage may set
LONG = Hours(0, 24)


def forbids(state, moment):
    """Whether the table of a state forbids a moment in any of its zones: read off the data, by no code of the gate."""
    laws = [law for law in (*PLACES.hours, *HOLIDAYS.laws) if law.state in {"*", state}]
    for zone in PLACES.states[state]:
        local = moment.astimezone(ZoneInfo(zone))
        hour = local.hour + local.minute / 60
        for law in laws:
            start, end = law.days[local.weekday()]
            if not start <= hour < end or law.holidays & holidays_on(local.date()):
                return True
    return False


def allowed(place, moments):
    clocks = clocks_of(place, LONG)
    return [one for one in moments if first_open(clocks, one) == one]


@pytest.mark.slow
def test_for_an_unknown_place_no_moment_of_a_year_is_allowed_that_any_state_forbids():
    place, winter = place_of(None, None, "+18005550101"), [one for one in HALF_HOURS if one.month in {1, 2, 12}]
    found = allowed(place, winter)
    assert 50 < len(found) < 150
    assert not [(one, state) for one in found for state in PLACES.states if forbids(state, one)]
    # and none that all allow is withheld
    missed = set(winter) - set(found)
    assert not [one for one in missed if not any(forbids(state, one) for state in PLACES.states)]


def test_while_summer_time_lasts_an_unknown_place_has_no_hour_at_all():
    # it closes in Rhode Island as it opens on Guam
    summer = [one for one in HALF_HOURS if 4 <= one.month <= 10]
    assert not [one for one in summer if not any(forbids(state, one) for state in ("RI", "GU"))]


@pytest.mark.parametrize("zone", [zone for zone in PLACES.zones if zone in PLACES.everywhere])
def test_for_a_zone_no_moment_is_allowed_that_a_state_in_it_forbids_there(zone):
    moments = random.Random(zone).sample(HALF_HOURS, 1500)
    found = allowed(place_of(zone, None, None), moments)
    laws = [law for law in (*PLACES.hours, *HOLIDAYS.laws) if law.state in {"*", *PLACES.zones[zone]}]
    assert found
    for one in found:
        clock = one.astimezone(ZoneInfo(zone))
        for law in laws:
            start, end = law.days[clock.weekday()]
            assert start <= clock.hour + clock.minute / 60 < end
            assert not law.holidays & holidays_on(clock.date())


@pytest.mark.parametrize("state", PLACES.states)
def test_for_a_state_just_those_moments_are_allowed_that_its_table_allows(state):
    moments = random.Random(state).sample(HALF_HOURS, 300)
    found = allowed(place_of(None, state, None), moments)
    assert found == [one for one in moments if not forbids(state, one)]
