from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.interventions import ACTIONS, INTERVENTIONS, URGENCIES
from domain.leads import OPEN_STAGES
from domain.risk import INDICATORS, RISK_LEVELS
from ml.interventions.catalogue import CATALOGUE
from ml.interventions.policy import (
    EVERY_INTERVENTION,
    Need,
    Uplift,
    action_id,
    is_acted_on,
    options,
    propose,
    urgency_of,
)

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
NEED = Need(
    lead_id="1",
    as_of=NOW,
    probability=0.7,
    level="high",
    indicators={"declining_engagement": 0.8, "communication_gaps": 0.6},
    stage="engaged",
    lead_type="buyer",
    timeline="3-6",
    days_silent=16.0,
    threshold=14.0,
    assigned_to="agent",
)
HELPS = Uplift(estimate=0.06, low=0.01, high=0.11, leads=900)
HARMS = Uplift(estimate=-0.05, low=-0.09, high=-0.01, leads=900)
UNSURE = Uplift(estimate=0.09, low=-0.02, high=0.2, leads=60)

needs = st.builds(
    Need,
    lead_id=st.text(max_size=8),
    as_of=st.just(NOW),
    probability=st.floats(0.01, 0.99),
    level=st.sampled_from(RISK_LEVELS),
    indicators=st.dictionaries(st.sampled_from(INDICATORS), st.floats(0, 1)),
    neglected=st.booleans(),
    stage=st.none() | st.sampled_from(OPEN_STAGES) | st.text(max_size=5),
    timeline=st.sampled_from([None, "0-3", "3-6", "6-12", "12+", "unknown"]),
    lead_type=st.sampled_from([None, "buyer", "seller", "both", "investor", "renter"]),
    days_silent=st.none() | st.floats(0, 400),
    threshold=st.floats(1, 180),
    terminal=st.booleans(),
    assigned_to=st.sampled_from([None, "agent"]),
)


def first(need: Need, uplifts: Mapping[str, Uplift] | None = None) -> tuple[str, str]:
    best = propose(need, uplifts=uplifts or {})[0]
    return best.intervention, best.action


#: what speaks of a lead -> what is proposed first
GOLDEN = [
    ({"declining_engagement": 0.8}, {}, ("proactive_outreach", "sms")),
    ({"communication_gaps": 0.9}, {}, ("proactive_outreach", "sms")),
    ({"negative_sentiment": 0.8}, {}, ("concern_addressing", "call_task")),
    ({"reduced_response_rate": 0.9}, {}, ("personal_attention", "call_task")),
    ({"missed_appointments": 0.9}, {"stage": "qualified"}, ("personal_attention", "call_task")),
    ({"missed_appointments": 0.9}, {"stage": "unresponsive"}, ("relationship_rebuilding", "reengagement_drip")),
    ({"decreased_browsing": 0.9}, {}, ("value_reinforcement", "listing_alert")),
    ({"decreased_browsing": 0.9}, {"lead_type": "seller"}, ("value_reinforcement", "home_valuation")),
    ({"decreased_browsing": 0.9}, {"lead_type": None}, ("value_reinforcement", "market_report")),
    ({"competitor_activity": 0.9}, {}, ("social_proof", "email")),
    ({"competitor_activity": 0.9, "external_factors": 0.5}, {}, ("incentive_offer", "call_task")),
    ({"delayed_decisions": 0.9}, {}, ("timeline_acceleration", "showing_invite")),
    ({"delayed_decisions": 0.9}, {"lead_type": "seller"}, ("timeline_acceleration", "email")),
    ({"behavioral_changes": 0.9}, {}, ("customized_solution", "listing_alert")),
    ({"behavioral_changes": 0.9}, {"stage": "offer"}, ("personal_attention", "call_task")),
    ({"external_factors": 0.9}, {}, ("expert_consultation", "lender_intro")),
    ({"external_factors": 0.9}, {"lead_type": "renter"}, ("expert_consultation", "call_task")),
    ({}, {"stage": "under_contract"}, ("personal_attention", "call_task")),
    ({}, {"stage": "past_client"}, ("relationship_rebuilding", "home_valuation")),
    ({}, {"stage": "new"}, ("proactive_outreach", "sms")),
]


@pytest.mark.parametrize("indicators, known, expected", GOLDEN)
def test_reasons_lead_to_what_fits_them(indicators, known, expected) -> None:
    assert first(replace(NEED, indicators=indicators, **known)) == expected


def test_each_intervention_can_come_first() -> None:
    seeds = random.Random(4)
    found = set()
    for _ in range(2000):
        told = {name: seeds.random() ** 3 for name in INDICATORS}
        found.add(first(replace(NEED, indicators=told, stage=seeds.choice(OPEN_STAGES)))[0])
    assert found == set(INTERVENTIONS)


@pytest.mark.parametrize(
    "level, stage, silent, neglected, expected",
    [
        ("very_low", "engaged", None, False, "low"),
        ("low", "engaged", 2.0, False, "low"),
        ("medium", "engaged", 2.0, False, "moderate"),
        ("high", "engaged", 2.0, False, "high"),
        ("critical", "engaged", 2.0, False, "urgent"),
        # most is at stake
        ("high", "offer", 2.0, False, "urgent"),
        ("critical", "Under Contract", 2.0, False, "critical"),
        # the last days of its patience, and long after
        ("medium", "engaged", 11.0, False, "high"),
        ("critical", "showing", 12.0, False, "critical"),
        ("high", "engaged", 14.0, False, "high"),
        ("critical", "engaged", 50.0, False, "high"),
        ("low", "engaged", 50.0, False, "low"),
        ("low", "new", 2.0, True, "high"),
        ("critical", "new", 2.0, True, "urgent"),
    ],
)
def test_urgency_comes_from_level_stage_and_days_left(level, stage, silent, neglected, expected) -> None:
    need = replace(NEED, level=level, stage=stage, days_silent=silent, neglected=neglected)
    assert URGENCIES[urgency_of(need)] == expected


def test_people_go_first_where_it_is_urgent() -> None:
    assert first(NEED) == ("proactive_outreach", "sms")
    best = propose(replace(NEED, level="critical"))[0]
    assert (best.action, [one.action for one in best.otherwise]) == ("call_task", ["sms", "email", "reengagement_drip"])


def test_what_is_urgent_does_not_wait() -> None:
    assert propose(NEED)[0].delay == CATALOGUE.actions["sms"].delay > timedelta(0)
    urgent = options(propose(replace(NEED, level="critical")))
    assert {one.delay for one in urgent} == {timedelta(0)}
    assert all(one.lasting == CATALOGUE.actions[one.action].lasting for one in urgent)


def test_reason_codes_tell_what_led_there_the_strongest_first() -> None:
    assert propose(NEED)[0].reason_codes == ("declining_engagement", "communication_gaps", "overdue", "risk")
    bare = replace(NEED, indicators={}, stage=None, timeline=None, lead_type=None, days_silent=None, probability=0.9)
    assert {one.reason_codes for one in propose(bare)} == {("risk",)}


def test_nothing_is_proposed_where_nothing_fits() -> None:
    bare = replace(NEED, indicators={}, stage=None, timeline=None, lead_type=None, days_silent=None, probability=0.5)
    assert propose(bare) == []
    assert propose(NEED, allowed_actions=[]) == []
    assert propose(NEED, CATALOGUE.for_tenant({"allowed_actions": []})) == []


@pytest.mark.parametrize("days_silent", [None, 1.0, 500.0])
def test_who_refused_is_only_left_in_peace(days_silent) -> None:
    for known in ({}, {"neglected": True}, {"assigned_to": None}):
        found = propose(replace(NEED, terminal=True, days_silent=days_silent, **known))
        assert [(one.intervention, one.action, one.urgency) for one in found] == [
            ("concern_addressing", "suppress", "critical")
        ]
        assert [one.action for one in found[0].otherwise] == ["pause_automation"]
        assert found[0].reason_codes == ("terminal",)


def test_a_neglected_lead_is_its_agents_to_mend() -> None:
    best, *rest = propose(replace(NEED, neglected=True))
    assert (best.intervention, best.action, best.reason_codes) == ("personal_attention", "call_task", ("neglected",))
    assert [one.action for one in best.otherwise] == ["manager_escalation", "agent_reassign"]
    assert rest == []
    assert "No contact" in (best.text or "")


def test_a_neglected_lead_of_nobody_gets_somebody_first() -> None:
    found = options(propose(replace(NEED, neglected=True, assigned_to=None)))
    assert [one.action for one in found] == ["manager_escalation", "agent_reassign", "call_task"]


@given(needs)
def test_whoever_the_lead_is_the_rules_of_the_situation_hold(need: Need) -> None:
    found = propose(need)
    tried = options(found)
    assert len({one.intervention for one in found}) == len(found) <= CATALOGUE.most
    assert all(one.action in ACTIONS and 0 < one.fit <= 1 for one in tried)
    assert all(one.evidence == "rule" and one.expected_uplift is None for one in tried)
    if need.terminal:
        assert {one.action for one in tried} == {"suppress", "pause_automation"}
    elif need.neglected:
        assert {one.channel for one in tried} == {"call", "internal"}
    else:
        assert "suppress" not in {one.action for one in tried}


@given(needs, st.randoms())
def test_the_order_in_which_things_are_told_changes_nothing(need: Need, seeds) -> None:
    told = list(need.indicators.items())
    seeds.shuffle(told)
    assert propose(replace(need, indicators=dict(told))) == propose(need)


def test_only_what_is_allowed_is_proposed() -> None:
    found = options(propose(NEED, allowed_actions={"email", "call_task"}))
    assert {one.action for one in found} == {"email", "call_task"}


def test_paused_interventions_are_not_proposed() -> None:
    names = [one.intervention for one in propose(NEED)]
    left = [one.intervention for one in propose(NEED, paused={names[0]})]
    assert names[0] not in left
    assert left[:2] == names[1:3]
    assert propose(NEED, paused={EVERY_INTERVENTION}) == []
    assert propose(replace(NEED, terminal=True), paused={EVERY_INTERVENTION}) == []


def test_what_was_measured_to_help_goes_first() -> None:
    names = [one.intervention for one in propose(NEED)]
    found = propose(NEED, uplifts={names[2]: HELPS, names[1]: replace(HELPS, estimate=0.03), names[0]: UNSURE})
    assert [one.intervention for one in found][:3] == [names[2], names[1], names[0]]
    assert [one.evidence for one in found][:4] == ["model", "model", "rule", "rule"]
    assert [one.expected_uplift and one.expected_uplift.estimate for one in found][:4] == [0.06, 0.03, 0.09, None]


def test_what_seems_to_harm_goes_last_until_it_is_paused() -> None:
    names = [one.intervention for one in propose(NEED)]
    found = [one.intervention for one in propose(NEED, uplifts={names[0]: HARMS})]
    assert found[: len(names) - 1] == names[1:]
    assert names[0] not in [one.intervention for one in propose(NEED, uplifts={names[0]: HARMS}, paused={names[0]})]


def test_a_measured_uplift_does_not_make_fit_what_does_not() -> None:
    assert "incentive_offer" not in {one.intervention for one in propose(NEED, uplifts={"incentive_offer": HELPS})}


@pytest.mark.parametrize("stage", ["offer", "under_contract", "past_client"])
def test_who_has_found_a_home_is_sent_no_listings(stage) -> None:
    told = {"decreased_browsing": 1.0, "behavioral_changes": 1.0, "delayed_decisions": 1.0}
    tried = {one.action for one in options(propose(replace(NEED, stage=stage, indicators=told)))}
    assert tried.isdisjoint({"listing_alert", "price_drop_alert", "open_house_invite"})


def test_a_threshold_is_left_below_where_it_is_entered() -> None:
    moves, was = [], False
    for probability in (0.55, 0.61, 0.52, 0.5, 0.49, 0.59, 0.6):
        was = is_acted_on(was, probability)
        moves.append(was)
    assert moves == [False, True, True, True, False, False, True]
    assert is_acted_on(False, 0.4, enter=0.4, leave=0.3)


def test_the_same_plan_of_a_day_has_the_same_id() -> None:
    parts = ("LOC1", "7", "social_proof", "sms", date(2025, 3, 1), "1")
    other = ("LOC2", "8", "personal_attention", "email", date(2025, 3, 2), "2")
    assert action_id(*parts) == action_id(*parts)
    assert len(action_id(*parts)) == 32
    changed = {action_id(*parts[:place], other[place], *parts[place + 1 :]) for place in range(len(parts))}
    assert len(changed | {action_id(*parts)}) == len(parts) + 1


def test_parts_of_an_id_do_not_run_into_each_other() -> None:
    day = date(2025, 3, 1)
    assert action_id("a", "bc", "x", "y", day, "1") != action_id("ab", "c", "x", "y", day, "1")
