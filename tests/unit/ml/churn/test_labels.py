from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.churn.activity import ENDS, TERMINAL, closed_reason
from ml.churn.labels import HORIZON, History, Label, StageRecord, labels, snapshot_state, week_start, weekly_dates
from ml.features import extract
from ml.profiles import Interaction, LeadProfile
from tests.support.leads import NOW

DAY = timedelta(days=1)
#: long after the horizon of a snapshot taken at `NOW`
LATER = NOW + 90 * DAY
KINDS = ("reply", "listing_view", "email_opened", "call", "sms", "appointment", "no_show", "note", *ENDS)


def event(
    kind: str, day: float, direction: str | None = None, *, known: float | None = None, **facts: float
) -> Interaction:
    """Make something that happened so many days after `NOW`, or before it."""
    told = day if known is None else known
    return Interaction(
        kind=kind, occurred_at=NOW + day * DAY, recorded_at=NOW + told * DAY, direction=direction, **facts
    )


CALLED = event("call", -20, "outbound")


def history(*happened: Interaction, stage: str = "engaged", timeline: str | None = None) -> History:
    """Make a lead that came 40 days ago, was called 20 days ago, and stands in a stage since."""
    profile = LeadProfile(
        lead_id="1", as_of=NOW, created_at=NOW - 40 * DAY, source="portal", interactions=(CALLED, *happened)
    )
    came = NOW - 40 * DAY
    standing = StageRecord(since=came, recorded_at=came, stage=stage, timeline=timeline)
    return History(profile=profile, observed_at=came, stage_history=(standing,))


def untouched(told: History) -> History:
    """Take the call away."""
    happened = tuple(one for one in told.profile.interactions if one != CALLED)
    return replace(told, profile=replace(told.profile, interactions=happened))


def label(told: History, *, as_of: datetime = NOW, until: datetime = LATER, **options: object) -> Label:
    """Label one snapshot."""
    return labels([told], [as_of], until=until, **options)[0]


def test_silence_through_the_horizon_is_churn_from_the_day_the_threshold_is_reached() -> None:
    found = label(history(event("reply", -4, "inbound")))
    assert (found.outcome, found.reason, found.churned) == ("churned", "silence", True)
    assert found.at == NOW + 10 * DAY
    assert (found.days, found.event) == (10, "churned")
    assert (found.snapshot.silent_days, found.snapshot.threshold) == (4, 14)


def test_one_who_was_silent_too_long_already_has_churned_at_the_snapshot() -> None:
    found = label(history(event("reply", -30, "inbound")))
    assert (found.at, found.days) == (NOW, 0)


@pytest.mark.parametrize(
    ("sign", "kept"),
    [
        (event("reply", 20, "inbound"), True),
        (event("sms", 20, "inbound"), True),
        (event("call", 20, "inbound"), True),
        (event("call", 20, "outbound", value=3.0), True),
        (event("call", 20, "outbound"), False),
        (event("email_clicked", 20), True),
        (event("email_opened", 20), False),
        (event("listing_view", 20), True),
        (event("appointment", 20), True),
        (event("outcome.replied", 20, "inbound"), True),
        (event("outcome.appointment_set", 20, "outbound"), True),
        (event("sms", 20, "outbound"), False),
        (event("no_show", 20), False),
        (event("note", 20), False),
        (event("reply", 31, "inbound"), False),
    ],
)
def test_a_sign_within_the_horizon_keeps_a_lead(sign: Interaction, kept: bool) -> None:
    assert label(history(sign)).outcome == ("kept" if kept else "churned")


@pytest.mark.parametrize(
    ("stage", "timeline", "outcome"),
    [
        ("offer", None, "churned"),
        ("nurture", "12+", "kept"),
        ("nurture", "0-3", "churned"),
        ("past_client", None, "kept"),
    ],
)
def test_patience_is_the_stages(stage: str, timeline: str | None, outcome: str) -> None:
    told = history(event("reply", -20, "inbound"), stage=stage, timeline=timeline)
    assert label(told).outcome == outcome


def test_a_tenants_own_threshold_counts() -> None:
    assert label(history(event("reply", 0, "inbound")), thresholds={"engaged": 31}).outcome == "kept"


@pytest.mark.parametrize(
    ("kind", "outcome", "reason"),
    [
        ("outcome.lost", "churned", "lost"),
        ("outcome.abandoned", "churned", "abandoned"),
        ("unsubscribed", "churned", "unsubscribed"),
        ("opted_out", "churned", "opted_out"),
        ("dnd_all", "churned", "do_not_disturb"),
        ("archived", "churned", "archived"),
        ("outcome.won", "won", "won"),
        ("deleted", "gone", "deleted"),
        ("merged", "gone", "merged"),
    ],
)
def test_an_end_within_the_horizon_decides_whatever_else_happens(kind: str, outcome: str, reason: str) -> None:
    for day in (3, 25):
        found = label(history(event(kind, day), event("reply", day - 1, "inbound")))
        assert (found.outcome, found.reason, found.at) == (outcome, reason, NOW + day * DAY)


def test_the_first_end_counts_and_of_two_at_once_the_refusal() -> None:
    assert label(history(event("won", 5), event("lost", 6))).outcome == "won"
    assert label(history(event("won", 5), event("unsubscribed", 5))).reason == "unsubscribed"
    assert label(history(event("won", 31))).outcome == "churned"


def test_an_end_that_is_told_late_is_the_end_of_what_the_snapshot_did_not_know() -> None:
    found = label(history(event("unsubscribed", -2, known=1)))
    assert (found.reason, found.at) == ("unsubscribed", NOW)


def test_a_stage_may_be_an_end() -> None:
    told = history()
    for stage, outcome in (("lost", "churned"), ("closed", "won"), ("archived", "churned"), ("past_client", "won")):
        entered = StageRecord(since=NOW + 2 * DAY, recorded_at=NOW + 2 * DAY, stage=stage)
        found = label(replace(told, stage_history=(*told.stage_history, entered)))
        assert (found.outcome, found.at) == (outcome, NOW + 2 * DAY)


def test_nobody_contacted_it_so_it_is_neglected_unless_it_refuses() -> None:
    alone = untouched(history())
    assert (label(alone).outcome, label(alone).churned, label(alone).event) == ("neglected", None, None)
    assert label(untouched(history(event("lost", 5)))).outcome == "neglected"
    assert label(untouched(history(event("unsubscribed", 5)))).outcome == "churned"
    assert label(untouched(history(event("won", 5)))).outcome == "won"
    assert label(untouched(history(event("sms", 5, "outbound")))).outcome == "churned"


def test_a_label_is_censored_until_the_horizon_has_elapsed() -> None:
    told = history(event("reply", 0, "inbound"), event("unsubscribed", 2))
    early = label(told, until=NOW + HORIZON - DAY / 2)
    assert (early.outcome, early.churned) == ("censored", None)
    # though what has been seen so far is followed
    assert (early.days, early.event) == (2, "churned")
    assert label(told, until=NOW + HORIZON).outcome == "churned"
    running = label(history(event("reply", 0, "inbound")), until=NOW + 5 * DAY)
    assert (running.days, running.event) == (5, None)


def test_followed_days_end_at_the_first_crossing_or_end() -> None:
    back = label(history(event("reply", -4, "inbound"), event("reply", 20, "inbound")))
    assert (back.outcome, back.days, back.event) == ("kept", 10, "churned")
    steady = label(history(*(event("reply", day, "inbound") for day in range(-4, 90, 5))))
    assert (steady.outcome, steady.days, steady.event) == ("kept", 90, None)
    won = label(history(event("reply", -4, "inbound"), event("won", 9)))
    assert (won.days, won.event) == (9, "won")


def test_one_row_a_lead_and_date_at_which_something_could_come() -> None:
    told = history(event("lost", 10))
    before, after = NOW - 50 * DAY, NOW + 11 * DAY
    found = labels([told], [NOW, NOW, before, after, LATER + DAY], until=LATER)
    assert [row.as_of for row in found] == [NOW]
    entered = StageRecord(since=NOW + 10.5 * DAY, recorded_at=NOW + 10.5 * DAY, stage="engaged")
    again = replace(told, stage_history=(*told.stage_history, entered))
    assert [row.as_of for row in labels([again], [after], until=LATER)] == [after]


def test_those_who_are_no_clients_have_no_label() -> None:
    told = history()
    assert labels([replace(told, profile=replace(told.profile, lead_type="vendor"))], [NOW], until=LATER) == []


def test_terminal_reasons_are_reasons() -> None:
    assert {reason for _, reason in ENDS.values()} > TERMINAL


MOMENTS = st.floats(-60, 120, allow_nan=False)
EVENTS = st.builds(
    lambda kind, day, late, direction: event(kind, day, direction, known=day + late),
    st.sampled_from(KINDS),
    MOMENTS,
    st.floats(0, 60),
    st.sampled_from([None, "inbound", "outbound"]),
)
STANDINGS = st.builds(
    lambda stage, day, late: StageRecord(since=NOW + day * DAY, recorded_at=NOW + (day + late) * DAY, stage=stage),
    st.sampled_from(["new", "engaged", "offer", "nurture", "lost", "closed"]),
    MOMENTS,
    st.floats(0, 60),
)


def told(events: list[Interaction], stood: list[StageRecord]) -> History:
    """Make a history of drawn parts."""
    drawn = history(*events)
    return replace(drawn, stage_history=(*drawn.stage_history, *stood))


@given(st.lists(EVENTS, max_size=8), st.lists(STANDINGS, max_size=3), st.integers(-30, 60))
@settings(max_examples=200, deadline=None)
def test_nothing_after_the_snapshot_changes_its_past_or_its_features(
    events: list[Interaction], stood: list[StageRecord], day: int
) -> None:
    as_of = NOW + day * DAY
    known = [one for one in events if one.occurred_at <= as_of and one.recorded_at <= as_of]
    stood_then = [one for one in stood if one.since <= as_of and one.recorded_at <= as_of]
    all_, then = told(events, stood), told(known, stood_then)
    assert snapshot_state(all_, as_of) == snapshot_state(then, as_of)
    assert extract([all_.at(as_of)]).to_rows() == extract([then.at(as_of)]).to_rows()


@given(st.lists(EVENTS, max_size=8), st.lists(STANDINGS, max_size=3), st.integers(-30, 60), st.integers(0, 90))
@settings(max_examples=200, deadline=None)
def test_nothing_recorded_after_until_changes_a_label(
    events: list[Interaction], stood: list[StageRecord], day: int, later: int
) -> None:
    as_of, until = NOW + day * DAY, NOW + (day + later) * DAY
    known = [one for one in events if one.occurred_at <= until and one.recorded_at <= until]
    stood_then = [one for one in stood if one.since <= until and one.recorded_at <= until]
    found = labels([told(events, stood)], [as_of], until=until)
    assert found == labels([told(known, stood_then)], [as_of], until=until)
    for row in found:
        assert row.days >= 0
        assert row.at is None or as_of <= row.at <= as_of + HORIZON


@given(st.lists(EVENTS, max_size=8), st.integers(1, 30))
@settings(max_examples=100, deadline=None)
def test_what_happens_beyond_the_horizon_changes_no_outcome(events: list[Interaction], beyond: int) -> None:
    last = NOW + HORIZON
    found = labels([told(events, [])], [NOW], until=LATER)
    near = labels([told([one for one in events if one.occurred_at <= last], [])], [NOW], until=LATER)
    assert [(row.outcome, row.reason, row.at) for row in found] == [(row.outcome, row.reason, row.at) for row in near]


def test_a_week_settles_what_is_known_and_training_looks_back_by_weeks() -> None:
    until = week_start(NOW)
    assert until.weekday() == 0
    assert {week_start(until + day * DAY) for day in (0, 1, 6.99)} == {until}
    dates = weekly_dates(until)
    assert dates == sorted(dates)
    assert (len(dates), dates[-1]) == (26, until - HORIZON)
    assert {later - earlier for earlier, later in pairwise(dates)} == {7 * DAY}


@pytest.mark.parametrize(
    ("happened", "reason"),
    [
        ((), None),
        ((event("outcome.lost", -9),), "lost"),
        ((event("outcome.lost", -9), event("reopened", -3)), None),
        ((event("reopened", -9), event("outcome.lost", -3)), "lost"),
        ((event("lead_deleted", -9), event("lead_restored", -3)), None),
        ((event("lead_deleted", -9),), "deleted"),
        ((event("do_not_disturb", -9), event("reopened", -3)), "do_not_disturb"),
        ((event("outcome.lost", -9), event("unsubscribed", -3)), "unsubscribed"),
    ],
)
def test_an_end_that_was_taken_back_is_none_but_a_refusal_stays(
    happened: tuple[Interaction, ...], reason: str | None
) -> None:
    assert closed_reason(history(*happened).profile, None) == reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"stage": "closed"}, "won"),
        ({"stage": "Lost"}, "lost"),
        ({"stage": "disqualified"}, "ended"),
        ({"stage": "past_client"}, None),
        ({"lead_type": "vendor"}, "no_client"),
    ],
)
def test_stages_and_kinds_of_people_are_over_for_a_reason(changes: dict[str, str], reason: str | None) -> None:
    assert closed_reason(replace(history().profile, **changes), None) == reason
