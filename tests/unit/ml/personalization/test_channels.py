"""Channels are ranked by replies, and one on which a lead may not be contacted is never usable."""

from hypothesis import given
from hypothesis import strategies as st

from ml.personalization.channels import STRENGTH, ChannelHabit, habit_of, rank_channels
from ml.personalization.replies import CHANNELS, ChannelTally

COUNTS = st.integers(0, 400).flatmap(lambda sent: st.tuples(st.just(sent), st.integers(0, sent)))
TALLIES = st.dictionaries(
    st.sampled_from(CHANNELS), COUNTS.map(lambda pair: ChannelTally(sent=pair[0], replied=pair[1]))
)
HABITS = st.dictionaries(
    st.sampled_from(CHANNELS),
    st.tuples(COUNTS, st.floats(5, 200)).map(
        lambda told: ChannelHabit(sent=told[0][0], replied=told[0][1], strength=told[1])
    ),
)
RULES = st.dictionaries(st.sampled_from(CHANNELS), st.sampled_from([None, "refusal.dnd_all", "consent.sms_missing"]))


@given(TALLIES, HABITS, RULES)
def test_a_refused_channel_is_never_allowed_and_never_before_one_that_is(own, tenant, rules):
    ranked = rank_channels(own, tenant, rules)
    assert [each.rank for each in ranked] == [1, 2, 3]
    assert {each.channel for each in ranked} == set(CHANNELS)
    assert {each.channel for each in ranked if each.allowed} == {name for name in rules if rules[name] is None}
    assert all((each.why_not is None) == each.allowed for each in ranked)
    assert sorted(ranked, key=lambda each: not each.allowed) == list(ranked)
    for part in (True, False):
        rates = [each.reply_rate or 0.0 for each in ranked if each.allowed is part]
        assert rates == sorted(rates, reverse=True)
        assert all(0 <= rate <= 1 for rate in rates)


@given(st.integers(1, 60), st.floats(5, 200))
def test_the_own_rate_lies_between_the_tenants_and_what_was_counted(sent, strength):
    tenant = {"email": ChannelHabit(sent=1000, replied=300, strength=strength)}
    rates = [
        next(each for each in rank_channels({"email": tally}, tenant, {}) if each.channel == "email").reply_rate
        for tally in (ChannelTally(sent=sent, replied=0), ChannelTally(), ChannelTally(sent=sent, replied=sent))
    ]
    assert 0 < rates[0] < rates[1] < rates[2] < 1
    assert abs(rates[1] - 0.3) < 1e-3


def test_the_answer_says_whose_habit_it_is():
    tenant = {"email": ChannelHabit(sent=900, replied=90), "sms": ChannelHabit(sent=3, replied=3)}
    own = {"email": ChannelTally(sent=30, replied=20)}
    basis = {each.channel: each.basis for each in rank_channels(own, tenant, dict.fromkeys(CHANNELS))}
    assert basis == {"email": "own", "sms": "prior", "call": "prior"}
    assert {each.basis for each in rank_channels({}, {}, {})} == {"prior"}
    assert {each.reply_rate for each in rank_channels(own, {}, {})} == {None}, "nothing to lean on yet"


def test_the_strength_follows_from_how_far_leads_differ():
    alike = habit_of([ChannelTally(sent=10, replied=3)] * 50)
    unlike = habit_of([*[ChannelTally(sent=10, replied=9)] * 20, *[ChannelTally(sent=10, replied=0)] * 30])
    assert unlike.strength < STRENGTH < alike.strength
    assert habit_of([ChannelTally(sent=2, replied=1)]).strength == STRENGTH, "too few to tell"
    assert habit_of([]) == ChannelHabit()
