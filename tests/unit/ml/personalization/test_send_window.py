"""The hours in which a lead is best written to: learnt from human replies, and always within the quiet hours."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from ml.interventions.compliance.quiet_hours import Hours, clocks_of, is_open, next_open_span
from ml.interventions.compliance.zones import place_of
from ml.personalization.replies import SLOTS, SPELLINGS, counted, read_replies, slots_of, zone_of
from ml.personalization.send_window import (
    MIN_TENANT_REPLIES,
    MOVED,
    STRENGTH,
    TenantClock,
    before_each_day,
    blended,
    fit_strength,
    habit,
    send_window,
    smoothed,
)
from ml.profiles import Interaction

NOON = datetime(2026, 5, 4, 16, tzinfo=UTC)
AFTERNOON = TenantClock(counts=(0, 0, 0, 0, 4, 8, 10, 14, 40, 12, 6, 2))
NEW_YORK = ZoneInfo("America/New_York")
EASTERN = (("America/New_York", Hours()),)
NONE = [0] * SLOTS
#: state, stored zone, phone
PLACES = [
    ("NY", None, None),
    ("FL", None, None),
    ("AL", None, "+12055550100"),
    ("RI", None, None),
    (None, "America/Phoenix", None),
    (None, None, "+18085550100"),
    (None, None, None),
    ("UT", "America/Denver", "+18015550100"),
    ("TN", None, None),
]
#: around both changes of the clocks, and around a year's end
MOMENTS = [
    datetime(2026, 3, 7, 12, tzinfo=UTC),
    datetime(2026, 3, 8, 6, 30, tzinfo=UTC),
    datetime(2026, 10, 31, 23, tzinfo=UTC),
    datetime(2026, 11, 1, 5, 30, tzinfo=UTC),
    datetime(2026, 12, 31, 21, 15, tzinfo=UTC),
    datetime(2026, 7, 3, 1, 30, tzinfo=UTC),
]


def one_slot(slot, count):
    return [count if at == slot else 0 for at in range(SLOTS)]


def interaction(kind, at, direction=None, channel=None, value=None):
    return Interaction(kind=kind, occurred_at=at, recorded_at=at, direction=direction, channel=channel, value=value)


@pytest.mark.parametrize("moment", MOMENTS, ids=datetime.isoformat)
@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("lawful", [True, False])
def test_the_next_window_lies_within_the_quiet_hours_of_every_possible_zone(place, moment, lawful):
    state, zone, phone = place
    clocks = clocks_of(place_of(zone, state, phone), Hours(8, 21), lawful=lawful)
    local = zone_of(zone, state, phone, "America/Chicago")
    for best in range(SLOTS):
        window = send_window(one_slot(best, 200), AFTERNOON, clocks, local, moment)
        if window.next_start is None:
            assert window.status == "blocked"
            continue
        assert moment <= window.next_start < window.next_end <= window.next_start + timedelta(hours=2)
        inside = (window.next_start, window.next_end - timedelta(minutes=1))
        assert all(is_open([name], at, hours) for name, hours in clocks for at in inside)
        starts, last = (at.astimezone(local) for at in inside)
        assert window.start_hour <= starts.hour <= last.hour < window.end_hour


def test_the_window_is_the_same_local_hour_on_both_sides_of_a_change_of_clocks():
    before, after = (
        send_window(NONE, AFTERNOON, EASTERN, NEW_YORK, moment)
        for moment in (datetime(2026, 3, 7, 12, tzinfo=UTC), datetime(2026, 3, 8, 12, tzinfo=UTC))
    )
    assert before.next_start == datetime(2026, 3, 7, 21, tzinfo=UTC)
    assert after.next_start == datetime(2026, 3, 8, 20, tzinfo=UTC)
    assert (before.start_hour, before.end_hour) == (after.start_hour, after.end_hour) == (16, 18)


def test_an_opening_over_midnight_in_utc_is_one_opening():
    honolulu = (("Pacific/Honolulu", Hours()),)
    before, after = datetime(2026, 5, 4, 12, tzinfo=UTC), datetime(2026, 5, 5, 1, tzinfo=UTC)
    closes = datetime(2026, 5, 5, 6, tzinfo=UTC)
    assert next_open_span(honolulu, before) == (datetime(2026, 5, 4, 19, tzinfo=UTC), closes)
    assert next_open_span(honolulu, after) == (after, closes)


def test_a_window_that_is_open_now_begins_now_and_keeps_its_hours():
    now = datetime(2026, 5, 4, 21, 10, tzinfo=UTC)
    window = send_window(NONE, AFTERNOON, EASTERN, NEW_YORK, now)
    assert (window.next_start, window.next_end) == (now, datetime(2026, 5, 4, 22, tzinfo=UTC))
    assert (window.start_hour, window.end_hour) == (16, 18)


def test_the_most_frequent_hour_is_not_taken_where_nobody_may_be_contacted_in_it():
    night_owls = TenantClock(counts=(90, 80, 0, 0, 0, 3, 2, 1, 1, 2, 4, 70))
    window = send_window(one_slot(0, 400), night_owls, EASTERN, NEW_YORK, NOON)
    assert 9 <= window.start_hour < window.end_hour <= 20


def test_a_tenant_with_too_few_replies_has_no_clock_yet():
    few = TenantClock(counts=tuple(one_slot(8, MIN_TENANT_REPLIES - 1)))
    window = send_window(one_slot(8, 5), few, EASTERN, NEW_YORK, NOON)
    assert (window.status, window.basis, window.start_hour, window.share) == ("insufficient_data", "prior", None, None)
    assert window.next_start == NOON, "contact is allowed now all the same"
    enough = TenantClock(counts=tuple(one_slot(8, MIN_TENANT_REPLIES)))
    assert send_window(NONE, enough, EASTERN, NEW_YORK, NOON).basis == "tenant"


def test_own_replies_decide_only_when_they_raise_their_window_by_the_stated_amount():
    def of(own_replies):
        return send_window(one_slot(5, own_replies), AFTERNOON, EASTERN, NEW_YORK, NOON)

    usual = habit(np.array(AFTERNOON.counts))
    for replies in range(60):
        window = of(replies)
        if window.basis == "own":
            chosen = window.start_hour // 2
            assert window.share - usual[chosen] >= MOVED - 1e-4
        else:
            assert window.start_hour == 16, "the tenant's habit is the tenant's window"
    assert of(2).basis == "tenant"
    assert (of(50).basis, of(50).start_hour) == ("own", 10)


def test_the_blend_is_a_distribution_and_leans_to_the_own_hours_the_more_there_are():
    rng = np.random.default_rng(3)
    tenant, own = rng.integers(0, 50, (40, SLOTS)), rng.integers(0, 9, (40, SLOTS))
    mixed = blended(tenant, own, STRENGTH)
    assert np.allclose(mixed.sum(axis=1), 1)
    assert (mixed > 0).all()
    assert np.allclose(smoothed(own).sum(axis=1), own.sum(axis=1))
    shares = [blended(tenant[0], np.array(one_slot(3, count)), STRENGTH)[3] for count in range(0, 100, 10)]
    assert shares == sorted(shares)
    assert np.allclose(np.roll(smoothed(own), 1, axis=1), smoothed(np.roll(own, 1, axis=1))), "the day is a circle"


@pytest.mark.parametrize("seed", range(5))
def test_what_machines_do_changes_nothing(seed):
    rng = random.Random(seed)
    human = [_human(rng, hour) for hour in range(0, 900, 7)]
    opened = ["email_opened", "Email Open", "email_clicked", "listing_view"]
    machines = [
        interaction(rng.choice(opened), NOON + timedelta(minutes=rng.randrange(54_000)), rng.choice([None, "inbound"]))
        for _ in range(300)
    ]
    as_of = NOON + timedelta(days=60)
    assert read_replies([*human, *machines], as_of) == read_replies(human, as_of)


def _human(rng, hour):
    kind, direction = rng.choice(
        [("sms", "inbound"), ("email", "outbound"), ("email", "inbound"), ("call", "outbound")]
    )
    return interaction(kind, NOON + timedelta(hours=hour), direction, value=rng.choice([None, 3.0]))


def test_what_was_not_known_yet_does_not_count():
    late = Interaction(kind="sms", direction="inbound", occurred_at=NOON, recorded_at=NOON + timedelta(days=1))
    assert read_replies([late], NOON + timedelta(hours=5)).moments == ()
    assert read_replies([late], NOON + timedelta(days=1)).moments == (NOON,)


def test_a_message_is_answered_once_within_72_hours_on_its_own_channel():
    def tally(*told):
        rows = [interaction(kind, NOON + timedelta(hours=hours), side, channel) for kind, side, channel, hours in told]
        return read_replies(rows, NOON + timedelta(days=30)).channels["email"]

    sent = ("email", "outbound", "email", 0)
    assert tally(sent, ("email", "inbound", "email", 72)).replied == 1
    assert tally(sent, ("email", "inbound", "email", 73)).replied == 0
    assert tally(sent, ("sms", "inbound", "sms", 1)).replied == 0
    assert tally(sent, ("email", "inbound", "email", 1), ("email", "inbound", "email", 2)).replied == 1
    assert tally(sent, ("reply", None, None, 5)).replied == 1, "a reply that names no channel"


def test_an_answered_call_is_a_reply_and_one_that_rang_out_is_none():
    calls = [
        interaction("call", NOON, "outbound", "call", value=4.0),
        interaction("Phone Call", NOON + timedelta(days=4), "outbound", "call"),
        interaction("call", NOON + timedelta(days=8), "inbound", "call"),
    ]
    history = read_replies(calls, NOON + timedelta(days=9))
    assert history.moments == (NOON, NOON + timedelta(days=8))
    assert (history.channels["call"].sent, history.channels["call"].replied) == (2, 1)


def test_every_spelling_of_a_talk_is_looked_for():
    assert {"sms", "email", "email reply", "phone-call", "text", "reply", "message", "email_sent", "chat"} <= SPELLINGS
    assert SPELLINGS.isdisjoint({"email_opened", "email_clicked", "listing_view"})


def test_several_messages_of_one_slot_of_a_day_count_once():
    evening = datetime(2026, 5, 4, 22, 1, tzinfo=UTC)
    moments = [evening + timedelta(minutes=minutes) for minutes in (0, 5, 50, 24 * 60)]
    assert counted(slots_of(moments, NEW_YORK)) == one_slot(9, 2)


def test_nothing_of_the_same_day_is_learnt_from():
    replies = [("a", 1, 3), ("a", 1, 4), ("b", 1, 3), ("a", 2, 3), ("b", 3, 5)]
    known = before_each_day(replies)
    assert known.own.sum(axis=1).tolist() == [0, 0, 0, 2, 1]
    assert known.tenant.sum(axis=1).tolist() == [0, 0, 0, 3, 4]


@pytest.mark.parametrize("personal", [True, False])
def test_the_strength_follows_from_how_far_people_differ(personal):
    rng = np.random.default_rng(11)
    shares = (
        rng.dirichlet(np.full(SLOTS, 1.0), 30) if personal else np.tile(rng.dirichlet(np.full(SLOTS, 1.0)), (30, 1))
    )
    replies = [(f"p{who}", day, int(rng.choice(SLOTS, p=shares[who]))) for day in range(40) for who in range(30)]
    strength = fit_strength(before_each_day(replies))
    assert strength < 20 if personal else strength > 200
    assert fit_strength(before_each_day(replies[:100])) == STRENGTH, "too few to fit it"
