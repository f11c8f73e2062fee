"""The state that a text tells, as a table of what people write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.errors import CatalogueError
from ml.interventions.compliance.places import PLACES, load_places
from ml.interventions.compliance.states import state_of, states_of
from ml.interventions.compliance.zones import place_of
from ml.language.patterns import read_data_file

TEXT = read_data_file("ml.interventions.compliance", "zones.toml")

#: what is written -> the states it may mean
READ = [
    # codes
    ("AL", "AL"),
    ("fl", "FL"),
    ("Fl", "FL"),
    ("F.L.", "FL"),
    ("N.Y.", "NY"),
    ("N. Y.", "NY"),
    ("d.c.", "DC"),
    ("US-FL", "FL"),
    ("us_tx", "TX"),
    # names
    ("New York", "NY"),
    ("new york state", "NY"),
    ("NY State", "NY"),
    ("State of New York", "NY"),
    ("New York City", "NY"),
    ("District of Columbia", "DC"),
    ("the district of columbia", "DC"),
    ("Commonwealth of Massachusetts", "MA"),
    ("NORTH  DAKOTA", "ND"),
    ("Hawaiʻi", "HI"),
    ("Hawai'i", "HI"),
    ("Puerto Rico", "PR"),
    ("U.S. Virgin Islands", "VI"),
    ("American Samoa", "AS"),
    ("Rhode Island", "RI"),
    # short names
    ("Fla.", "FL"),
    ("Fla", "FL"),
    ("Calif.", "CA"),
    ("Mass.", "MA"),
    ("Tex.", "TX"),
    ("Ala.", "AL"),
    ("Miss.", "MS"),
    ("W. Va.", "WV"),
    ("W.Va.", "WV"),
    ("West Va.", "WV"),
    ("N. Dak.", "ND"),
    ("S. Carolina", "SC"),
    ("N. Mex.", "NM"),
    ("Penna.", "PA"),
    ("Ore.", "OR"),
    ("Wash.", "WA"),
    ("Conn.", "CT"),
    ("Tenn", "TN"),
    # Washington is a state, unless the capital is said
    ("Washington", "WA"),
    ("Washington State", "WA"),
    ("Seattle, Washington", "WA"),
    ("Washington DC", "DC"),
    ("Washington, D.C.", "DC"),
    ("Washington, D. C. 20001", "DC"),
    ("DC, Washington", "DC"),
    # city and state
    ("Birmingham, AL", "AL"),
    ("birmingham, al", "AL"),
    ("Birmingham,AL", "AL"),
    ("Birmingham, Ala.", "AL"),
    ("Birmingham, Alabama", "AL"),
    ("Birmingham AL", "AL"),
    ("Birmingham Alabama", "AL"),
    ("Birmingham (AL)", "AL"),
    ("Birmingham - AL", "AL"),
    ("Birmingham / AL", "AL"),
    ("AL - Alabama", "AL"),
    ("Birmingham, Jefferson County, Alabama", "AL"),
    ("Alabama, Jefferson County", "AL"),
    ("Winston-Salem, NC", "NC"),
    ("Portland, Me.", "ME"),
    ("Portland, or", "OR"),
    ("PORTLAND OR", "OR"),
    ("Jackson Miss.", "MS"),
    ("Charleston West Virginia", "WV"),
    ("Kansas City, MO", "MO"),
    ("Indiana, PA", "PA"),
    ("California, Md.", "MD"),
    ("New York, New York", "NY"),
    ("Southern California", "CA"),
    # with a ZIP, a country
    ("Birmingham, AL 35203", "AL"),
    ("Birmingham, Alabama 35203-1234", "AL"),
    ("123 Main St, Birmingham, AL 35203, USA", "AL"),
    ("12345 Main St Birmingham AL", "AL"),
    ("Birmingham, AL, USA", "AL"),
    ("Birmingham AL US", "AL"),
    ("Birmingham, AL, U.S.A.", "AL"),
    ("Alabama, United States of America", "AL"),
    ("USA, Alabama", "AL"),
    ("Birmingham 35203", "AL"),
    # numbers
    ("35203", "AL"),
    ("35203-1234", "AL"),
    ("352031234", "AL"),
    ("35203.0", "AL"),
    ("02903", "RI"),
    ("2903", "RI"),
    ("06390", "NY"),
    ("84101", "UT"),
    ("96799", "AS"),
    ("96913", "GU"),
    ("00901", "PR"),
    ("205", "AL"),
    ("(401)", "RI"),
    # two answers, or two that do not agree: both
    ("NC/SC", "NC SC"),
    ("Alabama or Florida", "AL FL"),
    ("Birmingham, AL; Atlanta, GA", "AL GA"),
    ("Miami, FL 35203", "AL FL"),
    ("AL / Alabama", "AL"),
    # nothing that can be read: the strictest counts
    ("", ""),
    (" ", ""),
    ("Birmingham", ""),
    ("Columbus", ""),
    ("N/A", ""),
    ("unknown", ""),
    ("USA", ""),
    ("AE", ""),
    ("09012", ""),
    ("99", ""),
    ("2055550101", ""),
    ("800", ""),
    ("Ontario", ""),
    ("Toronto, ON", ""),
    ("Toronto, ON, CA", ""),
    ("Vancouver BC, CA", ""),
    ("M5V 3A8", ""),
    ("Tijuana, Baja California", ""),
    ("Perth, WA, Australia", ""),
    ("Virginia Beach", ""),
    ("Kansas City", ""),
    ("Port Washington", ""),
    ("call me", ""),
    ("portland or", ""),
    ("who knows, or so", ""),
    ("🙂", ""),
]


@pytest.mark.parametrize(("told", "states"), READ)
def test_the_states_of_a_text(told, states):
    assert states_of(told) == tuple(states.split())


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from([*"AL,. -()/;", "FL", "Fla.", "CA", "ON", "DC", "US", "35203", "of"])).map("".join)
)
def test_any_text_gives_states_or_none(told):
    found = states_of(told)
    assert set(found) <= set(PLACES.states)
    assert found == tuple(sorted(set(found)))


def test_one_state_or_none():
    assert (state_of("Birmingham, AL"), state_of("NC/SC"), state_of(None)) == ("AL", None, None)
    assert states_of("x" * 100_000 + " AL") == ()


@pytest.mark.parametrize("code", PLACES.states)
def test_every_name_of_a_state_is_read_alone_and_behind_a_city(code):
    names = [name for name, state in PLACES.names.items() if state == code]
    assert code.casefold() in names
    assert len(names) > 1
    for written in (code, code.casefold(), *names):
        assert states_of(written) == (code,)
        assert states_of(f"Springfield, {written}") == (code,)


#: the first and the last ZIP code of states, as the Postal Service gives them out
ZIPS = {
    "AL": ("35004", "36925"),
    "AK": ("99501", "99950"),
    "AZ": ("85001", "86556"),
    "CA": ("90001", "96162"),
    "CT": ("06001", "06928"),
    "FL": ("32003", "34997"),
    "GA": ("30002", "39901"),
    "HI": ("96701", "96898"),
    "IL": ("60001", "62999"),
    "IN": ("46001", "47997"),
    "KY": ("40003", "42788"),
    "LA": ("70001", "71497"),
    "MA": ("01001", "02791"),
    "MD": ("20601", "21930"),
    "MS": ("38601", "39776"),
    "NV": ("88901", "89883"),
    "NY": ("00501", "14925"),
    "OK": ("73001", "74966"),
    "PA": ("15001", "19640"),
    "RI": ("02801", "02940"),
    "TX": ("73301", "88595"),
    "UT": ("84001", "84791"),
    "WA": ("98001", "99403"),
    "WV": ("24701", "26886"),
}


@pytest.mark.parametrize(("state", "zips"), ZIPS.items())
def test_zip_codes(state, zips):
    assert [states_of(one) for one in zips] == [(state,), (state,)]


def test_every_state_has_zip_codes():
    assert set(PLACES.zips.values()) == set(PLACES.states)


# ---- the laws of a place ---------------------------------------------------------------------------------------------

#: timezone, state, phone -> states whose laws hold on its clocks, whether that is for want of a state
HELD = [
    (None, "Birmingham, AL", None, "AL", False),
    (None, "Birmingham, AL", "+14015550101", "AL RI", False),
    (None, "Toronto, ON", "+14015550101", "RI", False),
    (None, "NC/SC", "+14015550101", "RI", False),
    (None, "Providence, RI 35203", None, "AL RI", False),
    ("America/New_York", None, "+14015550101", "RI", False),
    # a zone without a state, or with a number from elsewhere: all that lie in it
    ("America/Denver", None, None, "NM NV TX UT", True),
    ("America/Denver", "who knows", "+13055550101", "FL NM NV TX UT", True),
    ("America/Kentucky/Louisville", None, None, "KY", True),
    ("Pacific/Guam", None, None, "", True),
    # abroad no state's laws hold but those of the number
    ("Europe/Berlin", None, None, "", False),
    ("Europe/Berlin", None, "+14015550101", "RI", False),
    (None, None, "+442079460018", "", False),
]


@pytest.mark.parametrize(("timezone", "state", "phone", "states", "wanting"), HELD)
def test_whose_laws_hold(timezone, state, phone, states, wanting):
    place = place_of(timezone, state, phone)
    held = {law.state for _, laws in place.clocks for law in laws} - {"*"}
    assert (held, place.any_state) == (set(states.split()), wanting)


@pytest.mark.parametrize("phone", [None, "", "+18005550101", "+18885550101", "555-0101", "+15005550101"])
def test_an_unknown_place_keeps_the_laws_of_every_state_on_its_own_clock(phone):
    place = place_of("UTC", "who knows", phone)
    assert place.basis == "unknown"
    for zone, laws in place.clocks:
        own = {code for code, zones in PLACES.states.items() if zone in zones}
        assert {law.state for law in laws} <= {"*", *own}
    assert {law.state for _, laws in place.clocks for law in laws} >= {"*", "AL", "LA", "MS", "PA", "RI", "UT", "KY"}


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace('AL = "350-352 354-369"', 'AL = "300 350-352"'),
        TEXT.replace('AL = "350-352 354-369"', 'XX = "350-352"'),
        TEXT.replace("[zip]", "[zap]"),
        TEXT.replace("[reading]", "[writing]"),
        TEXT.replace('"America/Juneau"', '"America/Juno"'),
    ],
)
def test_tables_that_cannot_be_read_refuse_to_start(text):
    with pytest.raises(CatalogueError, match="install Hearth again"):
        load_places(text)
